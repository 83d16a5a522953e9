"""``gnt-network remove``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit_and_follow


def run(options: Values, arguments: list[str], context: Context) -> int:
    op = opcode("OP_NETWORK_REMOVE", options, context, network_name=arguments[0], force=options.force)
    return submit_and_follow(context, options, op)


COMMAND = Command(
    purpose="Remove a network that is connected to no node group",
    run=run,
    arguments=(Argument("network"),),
    usage="[--dry-run] <network>",
    options=("-f/--force", "--dry-run", "--submit", "--print-jobid", "--priority"),
)
