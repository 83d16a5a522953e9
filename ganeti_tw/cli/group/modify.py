"""``gnt-group modify``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.group._settings import SETTINGS_OPTIONS, settings_of
from ganeti_tw.cli.jobs import opcode, submit


def run(options: Values, arguments: list[str], context: Context) -> int:
    settings = settings_of(options)
    if not any(settings.values()):
        context.warn(f"Nothing to change was given; 'gnt-group modify --help' lists the settings of {arguments[0]}")
        return 1
    op = opcode("OP_GROUP_SET_PARAMS", options, context, group_name=arguments[0], **settings)
    results = submit(context, options, op)
    if results and results[0]:
        context.say(f"Modified node group {arguments[0]}")
        for name, value in results[0]:
            context.say(f" - {name:<5} -> {value}")
    return 0


COMMAND = Command(
    purpose="Change settings of a node group",
    run=run,
    arguments=(Argument("group"),),
    usage="<group>",
    options=(*SETTINGS_OPTIONS, "--dry-run", "--priority", "--submit", "--print-jobid"),
)
