"""``gnt-group assign-nodes``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit_and_follow


def run(options: Values, arguments: list[str], context: Context) -> int:
    group, *nodes = arguments
    op = opcode("OP_GROUP_ASSIGN_NODES", options, context, group_name=group, nodes=nodes, force=options.force)
    return submit_and_follow(context, options, op)


COMMAND = Command(
    purpose="Move nodes into a node group",
    run=run,
    arguments=(Argument("group"), Argument("node", 0, None)),
    usage="<group-name> <node-name>...",
    options=("-f/--force", "--dry-run", "--priority", "--submit", "--print-jobid"),
)
