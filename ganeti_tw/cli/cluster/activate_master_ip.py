"""``gnt-cluster activate-master-ip``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit_and_follow


def run(options: Values, arguments: list[str], context: Context) -> int:
    return submit_and_follow(context, options, opcode("OP_CLUSTER_ACTIVATE_MASTER_IP", options, context))


COMMAND = Command(purpose="Have the address of the cluster on the master node", run=run)
