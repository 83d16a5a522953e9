"""``gnt-cluster watcher``."""

from __future__ import annotations

import time
from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.values import seconds
from ganeti_tw.errors import BadRequest


def run(options: Values, arguments: list[str], context: Context) -> int:
    word, *rest = arguments
    if word == "pause":
        if not rest:
            raise BadRequest("for how long the watcher pauses is missing: for example 30m, 4h")
        _tell(context, context.call("set_watcher_pause", until=context.now() + _span(rest[0])))
    elif rest:
        raise BadRequest(f"'{word}' takes no time span")
    elif word == "continue":
        context.call("set_watcher_pause", until=None)
        context.say("The watcher is no longer paused.")
    elif word == "info":
        (until,) = context.call("config_values", names=["watcher_pause"])
        _tell(context, until)
    else:
        raise BadRequest(f"'{word}' is none of pause, continue, info")
    return 0


def _span(text: str) -> int:
    try:
        return seconds(text)
    except ValueError as e:
        raise BadRequest(str(e)) from None


def _tell(context: Context, until: float | None) -> None:
    if until is None:
        context.say("The watcher is not paused.")
    else:
        context.say(f"The watcher is paused until {time.ctime(until)}.")


COMMAND = Command(
    purpose="Pause the watcher, let it continue, or tell which it is",
    run=run,
    arguments=(
        Argument("choice", choices=("continue", "info", "pause")),
        Argument("suggest", 0, 1, ("1h", "30m", "4h")),
    ),
    usage="{pause <timespec>|continue|info}",
)
