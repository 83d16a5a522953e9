"""``gnt-filter add``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filter._replace import OPTIONS, replace


def run(options: Values, arguments: list[str], context: Context) -> int:
    return replace(None, options, context)


COMMAND = Command(
    purpose="Add a rule about which jobs may start",
    run=run,
    options=OPTIONS,
)
