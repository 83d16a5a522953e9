"""``gnt-instance remove``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit_and_follow


def run(options: Values, arguments: list[str], context: Context) -> int:
    name = arguments[0]
    question = (
        f"This will remove the volumes of the instance {name} (including mirrors), and with them all that is"
        " stored on them. Continue?"
    )
    if not options.force and not context.confirm(question):
        return 1
    op = opcode(
        "OP_INSTANCE_REMOVE",
        options,
        context,
        instance_name=name,
        ignore_failures=options.ignore_failures,
        shutdown_timeout=options.shutdown_timeout,
    )
    return submit_and_follow(context, options, op)


COMMAND = Command(
    purpose="Shut down an instance and remove it",
    run=run,
    arguments=(Argument("instance"),),
    usage="[-f] <instance-name>",
    options=(
        "-f/--force",
        "--shutdown-timeout",
        "--ignore-failures",
        "--submit",
        "--print-jobid",
        "--dry-run",
        "--priority",
    ),
)
