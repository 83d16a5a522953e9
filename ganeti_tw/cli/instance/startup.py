"""``gnt-instance startup``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import Opcode, opcode
from ganeti_tw.cli.parameters import backend, hypervisor
from ganeti_tw.cli.selection import SELECTION_OPTIONS, run_on_instances


def run(options: Values, arguments: list[str], context: Context) -> int:
    once = {}
    if options.hvparams:
        once["hvparams"] = hypervisor(options.hvparams)
    if options.beparams:
        once["beparams"] = backend(options.beparams)

    def start(name: str) -> Opcode:
        return opcode(
            "OP_INSTANCE_STARTUP",
            options,
            context,
            instance_name=name,
            force=options.force,
            ignore_offline_nodes=options.ignore_offline,
            no_remember=options.no_remember,
            startup_paused=options.startup_paused,
            **once,
        )

    return run_on_instances("startup", context, options, arguments, start)


COMMAND = Command(
    purpose="Start instances",
    run=run,
    arguments=(Argument("instance", 0, None),),
    usage="<instance>",
    options=(
        "-f/--force",
        "-H/--hypervisor-parameters#3",
        "-B/--backend-parameters",
        "--ignore-offline",
        "--no-remember",
        "--paused",
        *SELECTION_OPTIONS,
        "--submit",
        "--print-jobid",
        "--dry-run",
        "--priority",
    ),
)
