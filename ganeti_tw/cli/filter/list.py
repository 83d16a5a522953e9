"""``gnt-filter list``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filters import any_of
from ganeti_tw.cli.listing import list_objects

DEFAULT = ("uuid", "watermark", "priority", "predicates", "action", "reason_trail")


def run(options: Values, arguments: list[str], context: Context) -> int:
    chosen = any_of("uuid", arguments) if arguments else None
    return list_objects("filter", DEFAULT, context, options, chosen, {})


COMMAND = Command(
    purpose="List the rules about which jobs may start",
    run=run,
    arguments=(Argument("filter", 0, None),),
    usage="[<filter-uuid>...]",
    options=("--no-headers", "--separator", "-o/--output", "-v/--verbose"),
    additions=("--json",),
)
