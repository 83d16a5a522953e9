"""``gnt-node list-storage``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli import table
from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit
from ganeti_tw.cli.listing import print_json
from ganeti_tw.errors import BadRequest

TITLES = {
    "node": "Node",
    "type": "Type",
    "name": "Name",
    "size": "Size",
    "used": "Used",
    "free": "Free",
    "allocatable": "Allocatable",
}
SIZES = ("size", "used", "free")


def run(options: Values, arguments: list[str], context: Context) -> int:
    fields = table.chosen_fields(options.output, tuple(TITLES))
    unknown = [name for name in fields if name not in TITLES]
    if unknown:
        raise BadRequest(f"there is no field {', '.join(unknown)} of storage; there are {', '.join(TITLES)}")
    op = opcode(
        "OP_NODE_QUERY_STORAGE",
        options,
        context,
        nodes=arguments,
        storage_type=options.user_storage_type,
        output_fields=fields,
    )
    results = submit(context, options, op)
    rows = results[0] if results else []
    if options.json:
        print_json(context, [dict(zip(fields, row, strict=True)) for row in rows])
        return 0
    unit = options.units or ("h" if options.separator is None else "m")
    columns = [_column(name, unit) for name in fields]
    context.say_all(
        table.lines(rows, columns, headers=not options.no_headers, separator=options.separator, full_width=True)
    )
    return 0


def _column(name: str, unit: str) -> table.Column:
    if name in SIZES:
        return table.Column(TITLES[name], lambda mib: table.size(mib, unit), right=True)
    return table.Column(TITLES[name], table.yes_or_no if name == "allocatable" else str)


COMMAND = Command(
    purpose="List where nodes keep disks, and how full these places are",
    run=run,
    arguments=(Argument("node", 0, None),),
    usage="[<node-name>...]",
    options=("--no-headers", "--separator", "--units", "-o/--output", "-t/--storage-type", "--priority"),
    additions=("--json",),
)
