"""``gnt-instance deactivate-disks``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit_and_follow


def run(options: Values, arguments: list[str], context: Context) -> int:
    op = opcode("OP_INSTANCE_DEACTIVATE_DISKS", options, context, instance_name=arguments[0], force=options.force)
    return submit_and_follow(context, options, op)


COMMAND = Command(
    purpose="Have the disks of an instance that does not run not ready for use any more",
    run=run,
    arguments=(Argument("instance"),),
    usage="[-f] <instance-name>",
    options=("-f/--force", "--submit", "--print-jobid", "--dry-run", "--priority"),
)
