"""``gnt-node migrate``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit
from ganeti_tw.cli.many import follow_submitted
from ganeti_tw.cli.migration import mode_of
from ganeti_tw.cli.node._primaries import primaries

REFUSED = 13


def run(options: Values, arguments: list[str], context: Context) -> int:
    mode = mode_of(options)
    node, names = primaries(context, arguments[0])
    if not names:
        context.say(f"No instance has {node} as its primary node: nothing to migrate")
        return 0
    if not options.force and not context.confirm_many(names, "instances", "migrate"):
        return REFUSED
    op = opcode(
        "OP_NODE_MIGRATE",
        options,
        context,
        node_name=node,
        mode=mode,
        target_node=options.dst_node,
        iallocator=options.iallocator,
        allow_runtime_changes=options.allow_runtime_chgs,
        ignore_ipolicy=options.ignore_ipolicy,
    )
    results = submit(context, options, op)
    if not results:
        return 0
    failed = follow_submitted(context, results[0]["jobs"]).count(None)
    if failed:
        context.say(f"There were {failed} errors while migrating the instances of {node}")
        return 1
    context.say("All instances migrated successfully.")
    return 0


COMMAND = Command(
    purpose="Give all primary instances of a node to other nodes while they run",
    run=run,
    arguments=(Argument("node"),),
    usage="[-f] <node>",
    options=(
        "-f/--force",
        "--non-live",
        "--migration-mode",
        "-n/--target-node",
        "-I/--iallocator",
        "--priority",
        "--ignore-ipolicy",
        "--no-runtime-changes",
        "--submit",
        "--print-jobid",
    ),
)
