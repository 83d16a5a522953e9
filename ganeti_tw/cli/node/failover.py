"""``gnt-node failover``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode
from ganeti_tw.cli.many import Wanted, job_outcomes
from ganeti_tw.cli.node._primaries import primaries

REFUSED = 2


def run(options: Values, arguments: list[str], context: Context) -> int:
    node, names = primaries(context, arguments[0])
    if not names:
        context.warn(f"No instance has {node} as its primary node: nothing to fail over")
        return 0
    if not options.force and not context.confirm_many(names, "instances", "failover"):
        return REFUSED
    wanted = []
    for name in names:
        op = opcode(
            "OP_INSTANCE_FAILOVER",
            options,
            context,
            instance_name=name,
            ignore_consistency=options.ignore_consistency,
            target_node=options.dst_node,
            iallocator=options.iallocator,
        )
        wanted.append(Wanted(name, [op]))
    failed = job_outcomes(context, wanted).count(False)
    if failed:
        context.say(f"There were {failed} errors while failing over the {len(names)} instances of {node}")
    else:
        context.say(f"All {len(names)} instances failed over successfully.")
    return 0  # as scripts know it


COMMAND = Command(
    purpose="Stop all primary instances of a node and start them on other nodes",
    run=run,
    arguments=(Argument("node"),),
    usage="[-f] <node>",
    options=("-f/--force", "--ignore-consistency", "-I/--iallocator", "--priority"),
    additions=("-n/--target-node",),
)
