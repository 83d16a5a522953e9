"""``gnt-cluster destroy``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import follow, opcode


def run(options: Values, arguments: list[str], context: Context) -> int:
    if not options.yes_do_it:
        context.warn("Destroying a cluster cannot be undone. If you really want it, confirm with --yes-do-it.")
        return 1
    follow(context, context.call("submit", ops=[opcode("OP_CLUSTER_DESTROY", options, context)]))
    context.call("forget_cluster")
    return 0


COMMAND = Command(purpose="Destroy the cluster", run=run, options=("--yes-do-it/--ya-rly",))
