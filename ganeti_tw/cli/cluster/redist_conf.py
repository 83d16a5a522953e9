"""``gnt-cluster redist-conf``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit_and_follow


def run(options: Values, arguments: list[str], context: Context) -> int:
    return submit_and_follow(context, options, opcode("OP_CLUSTER_REDIST_CONF", options, context))


COMMAND = Command(
    purpose="Send the configuration and the files of the master to all nodes again",
    run=run,
    options=("--submit", "--print-jobid", "--dry-run", "--priority", "--yes-do-it"),
)
