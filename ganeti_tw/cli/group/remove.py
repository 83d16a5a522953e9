"""``gnt-group remove``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit_and_follow


def run(options: Values, arguments: list[str], context: Context) -> int:
    return submit_and_follow(context, options, opcode("OP_GROUP_REMOVE", options, context, group_name=arguments[0]))


COMMAND = Command(
    purpose="Remove an empty node group from the cluster",
    run=run,
    arguments=(Argument("group"),),
    usage="[--dry-run] <group>",
    options=("--dry-run", "--priority", "--submit", "--print-jobid"),
)
