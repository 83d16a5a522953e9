"""``gnt-group rename``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit_and_follow


def run(options: Values, arguments: list[str], context: Context) -> int:
    old, new = arguments
    op = opcode("OP_GROUP_RENAME", options, context, group_name=old, new_name=new)
    return submit_and_follow(context, options, op)


COMMAND = Command(
    purpose="Give a node group another name",
    run=run,
    arguments=(Argument("group", 2, 2),),
    usage="[--dry-run] <old-name> <new-name>",
    options=("--dry-run", "--priority", "--submit", "--print-jobid"),
)
