"""``gnt-instance reboot``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import Opcode, opcode
from ganeti_tw.cli.selection import SELECTION_OPTIONS, run_on_instances


def run(options: Values, arguments: list[str], context: Context) -> int:
    def reboot(name: str) -> Opcode:
        return opcode(
            "OP_INSTANCE_REBOOT",
            options,
            context,
            instance_name=name,
            reboot_type=options.reboot_type,
            ignore_secondaries=options.ignore_secondaries,
            shutdown_timeout=options.shutdown_timeout,
        )

    return run_on_instances("reboot", context, options, arguments, reboot)


COMMAND = Command(
    purpose="Reboot instances",
    run=run,
    arguments=(Argument("instance", 0, None),),
    usage="<instance>",
    options=(
        "-t/--type",
        "--ignore-secondaries",
        "--shutdown-timeout",
        *SELECTION_OPTIONS,
        "--submit",
        "--print-jobid",
        "--dry-run",
        "--priority",
    ),
)
