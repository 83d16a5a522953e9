"""``gnt-cluster deactivate-master-ip``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit_and_follow


def run(options: Values, arguments: list[str], context: Context) -> int:
    if not options.confirm:
        question = (
            "Connections to the address of the cluster will break; the cluster itself goes on.\nTake the address down?"
        )
        if not context.confirm(question):
            return 1
    return submit_and_follow(context, options, opcode("OP_CLUSTER_DEACTIVATE_MASTER_IP", options, context))


COMMAND = Command(purpose="Take the address of the cluster down", run=run, options=("--yes",))
