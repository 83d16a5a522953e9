"""``gnt-instance failover``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit_and_follow
from ganeti_tw.cli.migration import CLEAN_UP

CAREFUL = (
    "With --ignore-consistency the instance is started even if nobody could stop it on its node. If it still runs"
    " there, both write to the same disks and destroy them. Is it certain that it does not run?"
)


def run(options: Values, arguments: list[str], context: Context) -> int:
    name = arguments[0]
    move = f"{name} will be shut down, and started on another node. Continue?"
    question = CLEAN_UP.format(name=name) if options.cleanup else move
    if not options.force and not context.confirm(question):
        return 1
    if options.ignore_consistency and not context.confirm(CAREFUL):
        return 1
    op = opcode(
        "OP_INSTANCE_FAILOVER",
        options,
        context,
        instance_name=name,
        ignore_consistency=options.ignore_consistency,
        shutdown_timeout=options.shutdown_timeout,
        target_node=options.dst_node,
        iallocator=options.iallocator,
        ignore_ipolicy=options.ignore_ipolicy,
        cleanup=options.cleanup,
    )
    return submit_and_follow(context, options, op)


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
