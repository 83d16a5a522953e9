"""``gnt-node powercycle``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit

REFUSED = 2


def run(options: Values, arguments: list[str], context: Context) -> int:
    name = arguments[0]
    if not options.confirm and not context.confirm(f"Reboot node {name} at once, with all that runs on it?"):
        return REFUSED
    op = opcode("OP_NODE_POWERCYCLE", options, context, node_name=name, force=options.force)
    results = submit(context, options, op)
    if results and results[0]:
        context.warn(results[0])
    return 0


COMMAND = Command(
    purpose="Have a node reboot itself at once",
    run=run,
    arguments=(Argument("node"),),
    usage="<node-name>",
    options=("-f/--force", "--yes", "--dry-run", "--priority", "--submit", "--print-jobid"),
)
