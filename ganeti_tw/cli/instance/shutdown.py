"""``gnt-instance shutdown``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import Opcode, opcode
from ganeti_tw.cli.selection import SELECTION_OPTIONS, run_on_instances


def run(options: Values, arguments: list[str], context: Context) -> int:
    def stop(name: str) -> Opcode:
        return opcode(
            "OP_INSTANCE_SHUTDOWN",
            options,
            context,
            instance_name=name,
            force=options.force,
            timeout=options.timeout,
            ignore_offline_nodes=options.ignore_offline,
            no_remember=options.no_remember,
        )

    return run_on_instances("shutdown", context, options, arguments, stop)


COMMAND = Command(
    purpose="Stop instances",
    run=run,
    arguments=(Argument("instance", 0, None),),
    usage="<instance>",
    options=(
        "-f/--force",
        "--timeout",
        "--ignore-offline",
        "--no-remember",
        *SELECTION_OPTIONS,
        "--submit",
        "--print-jobid",
        "--dry-run",
        "--priority",
    ),
)
