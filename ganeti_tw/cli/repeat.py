"""Showing something again and again."""

from __future__ import annotations

from collections.abc import Callable
from optparse import Values

from ganeti_tw.cli.context import Context
from ganeti_tw.errors import BadRequest


def show_at_intervals(show: Callable[[Values, Context], None], options: Values, context: Context) -> int:
    """Once, and with ``--interval`` until somebody interrupts it; BadRequest for an interval that is none."""
    if options.interval is not None and not options.interval > 0:
        raise BadRequest("the interval must be above 0 seconds")
    show(options, context)
    while options.interval is not None:
        context.sleep(options.interval)
        context.say("")
        show(options, context)
    return 0
