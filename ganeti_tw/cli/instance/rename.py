"""``gnt-instance rename``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit


def run(options: Values, arguments: list[str], context: Context) -> int:
    old, new = arguments
    question = (
        f"Without the name check nobody sees whether {new} has an address, or whether it is a full name."
        " Rename the instance all the same?"
    )
    if not options.name_check and not options.force and not context.confirm(question):
        return 1
    op = opcode(
        "OP_INSTANCE_RENAME",
        options,
        context,
        instance_name=old,
        new_name=new,
        name_check=options.name_check,
        ip_check=options.ip_check,
    )
    results = submit(context, options, op)
    if results and results[0]:
        context.say(f"Instance '{old}' renamed to '{results[0]}'")
    return 0


COMMAND = Command(
    purpose="Give an instance another name",
    run=run,
    arguments=(Argument("instance"), Argument("host")),
    usage="<old-name> <new-name>",
    options=(
        "-f/--force",
        "--no-name-check",
        "--no-ip-check",
        "--submit",
        "--print-jobid",
        "--dry-run",
        "--priority",
    ),
)
