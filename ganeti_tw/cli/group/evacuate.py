"""``gnt-group evacuate``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.evacuation import follow_moves
from ganeti_tw.cli.jobs import opcode


def run(options: Values, arguments: list[str], context: Context) -> int:
    op = opcode(
        "OP_GROUP_EVACUATE",
        options,
        context,
        group_name=arguments[0],
        iallocator=options.iallocator,
        target_groups=options.to,
        early_release=options.early_release,
        sequential=options.sequential,
        force_failover=options.force_failover,
    )
    return follow_moves(context, options, [op], "All instances evacuated successfully.")


COMMAND = Command(
    purpose="Take all instances out of a group",
    run=run,
    arguments=(Argument("group"),),
    usage="[-I <iallocator>] [--to <group>] <source-group>",
    options=(
        "--to#2",
        "-I/--iallocator",
        "--early-release",
        "--sequential",
        "--force-failover",
        "--submit",
        "--print-jobid",
    ),
)
