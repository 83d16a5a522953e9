"""``gnt-debug delay``."""

from __future__ import annotations

from math import isfinite
from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit_and_follow
from ganeti_tw.errors import BadRequest


def run(options: Values, arguments: list[str], context: Context) -> int:
    op = opcode(
        "OP_TEST_DELAY",
        options,
        context,
        duration=_seconds(arguments[0]),
        on_master=options.on_master,
        on_nodes=options.on_nodes,
        repeat=options.repeat,
        interruptible=options.interruptible,
        no_locks=options.no_locks,
    )
    return submit_and_follow(context, options, op)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if seconds < 0 or not isfinite(seconds):
        raise BadRequest(f"'{text}' is not a number of seconds")
    return seconds


COMMAND = Command(
    purpose="Sleep, in a job",
    run=run,
    arguments=(Argument("unknown"),),
    usage="[<opts>...] <duration>",
    options=(
        "--no-master",
        "-n",
        "-r/--repeat",
        "-i/--interruptible",
        "-l/--no-locks",
        "--dry-run",
        "--priority",
        "--submit",
        "--print-jobid",
    ),
)
