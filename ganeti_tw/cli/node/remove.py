"""``gnt-node remove``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit_and_follow


def run(options: Values, arguments: list[str], context: Context) -> int:
    return submit_and_follow(context, options, opcode("OP_NODE_REMOVE", options, context, node_name=arguments[0]))


COMMAND = Command(
    purpose="Remove a node from the cluster",
    run=run,
    arguments=(Argument("node"),),
    usage="<node-name>",
    options=("--dry-run", "--priority"),
)
