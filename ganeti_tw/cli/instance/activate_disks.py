"""``gnt-instance activate-disks``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit


def run(options: Values, arguments: list[str], context: Context) -> int:
    op = opcode(
        "OP_INSTANCE_ACTIVATE_DISKS",
        options,
        context,
        instance_name=arguments[0],
        ignore_size=options.ignore_size,
        wait_for_sync=options.wait_for_sync,
    )
    results = submit(context, options, op)
    if results is not None:
        context.say_all([f"{node}:{disk}:{path}" for node, disk, path in results[0]])
    return 0


COMMAND = Command(
    purpose="Have the disks of an instance ready for use on its primary node",
    run=run,
    arguments=(Argument("instance"),),
    usage="<instance-name>",
    options=("--submit", "--print-jobid", "--ignore-size", "--priority", "--wait-for-sync"),
)
