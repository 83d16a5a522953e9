"""``gnt-instance failover``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.migration import confirmed, move

MOVE = "{name} will be shut down, and started on another node. Continue?"
CAREFUL = (
    "With --ignore-consistency the instance is started even if nobody could stop it on its node. If it still runs"
    " there, both write to the same disks and destroy them. Is it certain that it does not run?"
)


def run(options: Values, arguments: list[str], context: Context) -> int:
    name = arguments[0]
    if not confirmed(options, context, name, MOVE):
        return 1
    if options.ignore_consistency and not context.confirm(CAREFUL):
        return 1
    return move(
        "OP_INSTANCE_FAILOVER",
        options,
        context,
        name,
        ignore_consistency=options.ignore_consistency,
        shutdown_timeout=options.shutdown_timeout,
    )


COMMAND = Command(
    purpose="Stop an instance and start it on another node",
    run=run,
    arguments=(Argument("instance"),),
    usage="[-f] <instance-name>",
    options=(
        "-f/--force",
        "--ignore-consistency",
        "--submit",
        "--print-jobid",
        "--shutdown-timeout",
        "--dry-run",
        "--priority",
        "-n/--target-node",
        "-I/--iallocator",
        "--ignore-ipolicy",
        "--cleanup",
    ),
)
