"""``gnt-cluster queue``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.errors import BadRequest


def run(options: Values, arguments: list[str], context: Context) -> int:
    word = arguments[0]
    if word in ("drain", "undrain"):
        context.call("set_drain", flag=word == "drain")
    elif word == "info":
        (drained,) = context.call("config_values", names=["drain_flag"])
        context.say(f"The drain flag is {'set' if drained else 'unset'}")
    else:
        raise BadRequest(f"'{word}' is none of drain, undrain, info")
    return 0


COMMAND = Command(
    purpose="Refuse new jobs, accept them again, or tell which it is",
    run=run,
    arguments=(Argument("choice", choices=("drain", "info", "undrain")),),
    usage="drain|undrain|info",
)
