"""``gnt-filter list-fields``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.listing import list_fields


def run(options: Values, arguments: list[str], context: Context) -> int:
    return list_fields("filter", context, options, arguments)


COMMAND = Command(
    purpose="List the fields that 'gnt-filter list' can show",
    run=run,
    arguments=(Argument("unknown", 0, None),),
    usage="[<fields>...]",
    options=("--no-headers", "--separator"),
    additions=("--json",),
)
