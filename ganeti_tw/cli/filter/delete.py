"""``gnt-filter delete``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context


def run(options: Values, arguments: list[str], context: Context) -> int:
    context.call("delete_filter", uuid=arguments[0])
    return 0


COMMAND = Command(
    purpose="Delete a rule about which jobs may start",
    run=run,
    arguments=(Argument("filter"),),
    usage="<filter-uuid>",
)
