"""``gnt-instance migrate``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.migration import confirmed, mode_of, move

MOVE = (
    "{name} will be given to another node while it runs. If that fails in the middle, you may have to find out where"
    " it runs with --cleanup. Continue?"
)


def run(options: Values, arguments: list[str], context: Context) -> int:
    name = arguments[0]
    mode = mode_of(options)
    if not confirmed(options, context, name, MOVE):
        return 1
    return move(
        "OP_INSTANCE_MIGRATE",
        options,
        context,
        name,
        mode=mode,
        allow_failover=options.allow_failover,
        allow_runtime_changes=options.allow_runtime_chgs,
        ignore_hvversions=options.ignore_hvversions,
    )


COMMAND = Command(
    purpose="Give a running instance to another node",
    run=run,
    arguments=(Argument("instance"),),
    usage="[-f] <instance-name>",
    options=(
        "-f/--force",
        "--non-live",
        "--migration-mode",
        "--cleanup",
        "--dry-run",
        "--priority",
        "-n/--target-node",
        "-I/--iallocator",
        "--allow-failover",
        "--ignore-ipolicy",
        "--ignore-hvversions",
        "--no-runtime-changes",
        "--submit",
        "--print-jobid",
    ),
)
