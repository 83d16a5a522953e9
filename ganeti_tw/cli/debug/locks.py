"""``gnt-debug locks``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from optparse import Values
from typing import Any

from ganeti_tw.cli import table
from ganeti_tw.cli.command import Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.listing import list_objects
from ganeti_tw.errors import BadRequest

DEFAULT = ("name", "mode", "owner", "pending")


def run(options: Values, arguments: list[str], context: Context) -> int:
    if options.interval is not None and options.interval < 1:
        raise BadRequest("the interval must be at least 1 second")
    code = list_objects("lock", DEFAULT, context, options, None, FORMATS)
    while code == 0 and options.interval is not None:
        context.say("")
        context.sleep(options.interval)
        code = list_objects("lock", DEFAULT, context, options, None, FORMATS)
    return code


def _or_dash(show: Callable[[Any], str]) -> table.Format:
    return lambda value: show(value) if value else "-"


def _waiting(value: Any) -> str:
    """``[[mode, jobs], ...]`` -> ``exclusive:job/5, shared:job/6,job/7``."""
    return ", ".join(f"{mode}:{table.joined(jobs)}" for mode, jobs in value)


FORMATS: Mapping[str, table.Format] = {
    "mode": _or_dash(str),
    "owner": _or_dash(table.joined),
    "pending": _or_dash(_waiting),
}

COMMAND = Command(
    purpose="List the locks that jobs hold or wait for",
    run=run,
    usage="[--interval N]",
    options=("--no-headers", "--separator", "-o/--output", "--interval", "-v/--verbose"),
    additions=("--json",),
)
