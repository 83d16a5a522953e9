"""``gnt-job autoarchive``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.values import seconds
from ganeti_tw.errors import BadRequest

ALL = -1
TIMEOUT = 30  # seconds; what is left is for another time


def run(options: Values, arguments: list[str], context: Context) -> int:
    archived, left = context.call("auto_archive", age=_age(arguments[0]), timeout=TIMEOUT)
    context.say(f"Archived {archived} jobs, {left} unchecked left")
    return 0


def _age(text: str) -> int:
    if text == "all":
        return ALL
    try:
        return seconds(text)
    except ValueError as e:
        raise BadRequest(str(e)) from None


COMMAND = Command(
    purpose="Put jobs that ended long ago into the archive",
    run=run,
    arguments=(Argument("suggest", choices=("1d", "1w", "4w", "all")),),
    usage="<age>",
)
