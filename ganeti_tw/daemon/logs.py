"""The log of a host's process, for ``twistd --logger ganeti_tw.daemon.logs.observer``.

One line per event: time, level, where it comes from with the path of the actor
that was at work, text.  What is below the level of ``ganeti.conf`` is left out,
and of Twisted's own all that is not at least a warning.  SIGHUP has it opened anew.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any, TextIO

from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    eventAsText,
    formatTime,
)
from zope.interface import implementer

from ganeti_tw.daemon.settings import Settings, load
from ganeti_tw.errors import GanetiError
from ganeti_tw.kernel import current_actor

SHORT = {"critical": "CRITICAL", "error": "ERROR", "warn": "WARNING", "info": "INFO", "debug": "DEBUG"}


def line(event: LogEvent) -> str | None:
    """An event as it is written; None when there is nothing to say."""
    text = eventAsText(event, includeTimestamp=False, includeSystem=False).strip()
    if not text:
        return None
    level = SHORT.get(getattr(event.get("log_level"), "name", "info"), "INFO")
    place = str(event.get("log_namespace") or "-")
    actor = event.get("actor")
    where = f"{place} {actor}" if actor else place
    return f"{formatTime(event.get('log_time'))} {level} [{where}] " + text.replace("\n", "\n\t") + "\n"


@implementer(ILogObserver)
class WithActor:
    """Notes which actor was at work when something was logged."""

    def __init__(self, then: ILogObserver) -> None:
        self._then = then

    def __call__(self, event: LogEvent) -> None:
        actor = current_actor.get(None)
        if actor:
            event.setdefault("actor", actor)
        self._then(event)


def observer_to(file: TextIO, level: str) -> ILogObserver:
    """Writes what is at least of ``level`` to a file."""
    predicate = LogLevelFilterPredicate(LogLevel.levelWithName(level))
    for namespace in ("twisted", "stdout", "log_legacy", "-"):
        predicate.setLogLevelForNamespace(namespace, LogLevel.warn)
    to_file: Any = FileLogObserver(file, line)
    filtered: Any = FilteringLogObserver(to_file, [predicate])
    return WithActor(filtered)


def observer() -> ILogObserver:
    """The log that this host's settings ask for; to standard error while these cannot be read."""
    try:
        settings = load(os.environ)
        file = _opened(settings)
        signal.signal(signal.SIGHUP, lambda *_: reopen(file, settings.paths.log_file))
        return observer_to(file, settings.log_level)
    except (GanetiError, OSError):
        return observer_to(sys.stderr, "info")  # the service says what is wrong when it starts


def reopen(file: TextIO, path: str) -> None:
    """Go on in the file that is called ``path`` now, as after a rotation; in the old one when that cannot be had."""
    try:
        new = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError:
        return
    file.flush()
    os.dup2(new, file.fileno(), inheritable=False)
    os.close(new)


def _opened(settings: Settings) -> TextIO:
    os.makedirs(settings.paths.log, 0o770, exist_ok=True)
    return open(settings.paths.log_file, "a", encoding="utf-8", buffering=1)
