"""``gnt-instance change-group``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.evacuation import follow_moves
from ganeti_tw.cli.jobs import opcode


def run(options: Values, arguments: list[str], context: Context) -> int:
    op = opcode(
        "OP_INSTANCE_CHANGE_GROUP",
        options,
        context,
        instance_name=arguments[0],
        iallocator=options.iallocator,
        target_groups=options.to,
        early_release=options.early_release,
    )
    return follow_moves(context, options, [op], f"Instance '{arguments[0]}' changed group successfully.")


COMMAND = Command(
    purpose="Take an instance to another group",
    run=run,
    arguments=(Argument("instance"),),
    usage="[-I <iallocator>] [--to <group>] <instance-name>",
    options=("--to#2", "-I/--iallocator", "--early-release", "--priority", "--submit", "--print-jobid"),
)
