"""``gnt-filter replace``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filter._replace import OPTIONS, replace


def run(options: Values, arguments: list[str], context: Context) -> int:
    return replace(arguments[0], options, context)


COMMAND = Command(
    purpose="Replace a rule about which jobs may start",
    run=run,
    arguments=(Argument("filter"),),
    usage="<filter-uuid>",
    options=OPTIONS,
)
