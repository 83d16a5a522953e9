"""``gnt-instance migrate``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit_and_follow
from ganeti_tw.cli.migration import CLEAN_UP, mode_of

MOVE = (
    "{name} will be given to another node while it runs. If that fails in the middle, you may have to find out where"
    " it runs with --cleanup. Continue?"
)


def run(options: Values, arguments: list[str], context: Context) -> int:
    name = arguments[0]
    question = (CLEAN_UP if options.cleanup else MOVE).format(name=name)
    mode = mode_of(options)
    if not options.force and not context.confirm(question):
        return 1
    op = opcode(
        "OP_INSTANCE_MIGRATE",
        options,
        context,
        instance_name=name,
        mode=mode,
        cleanup=options.cleanup,
        target_node=options.dst_node,
        iallocator=options.iallocator,
        allow_failover=options.allow_failover,
        allow_runtime_changes=options.allow_runtime_chgs,
        ignore_ipolicy=options.ignore_ipolicy,
        ignore_hvversions=options.ignore_hvversions,
    )
    return submit_and_follow(context, options, op)


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
