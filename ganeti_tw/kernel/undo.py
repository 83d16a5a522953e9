"""What must be taken back if a later step fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, maybeDeferred
from twisted.logger import Logger

from ganeti_tw.errors import GanetiError

log = Logger()


class Undo:
    """Steps that take back what was done, run in reverse order."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = []

    def __len__(self) -> int:
        return len(self._steps)

    def push(self, what: str, function: Callable[..., Any], *args: Any) -> None:
        """Remember to call ``function(*args)``, plain, ``async`` or returning a Deferred.

        ``what`` completes "undoing: ...".
        """
        self._steps.append((what, function, args))

    def forget(self) -> None:
        """All is well: nothing is to be taken back any more."""
        self._steps.clear()

    async def run(self, say: Callable[[str], None]) -> list[str]:
        """Take back everything, last first; what could not be taken back, in the words of :meth:`push`.

        ``say`` hears each step and why one failed; no failure keeps the others
        from being run.
        """
        failed = []
        while self._steps:
            what, function, args = self._steps.pop()
            say(f"undoing: {what}")
            try:
                await maybeDeferred(function, *args)
            except GanetiError as error:
                failed.append(what)
                say(f"could not undo: {what}: {error.text}")
            except CancelledError:
                # Whoever is impatient must not keep the remaining steps from being taken back.
                failed.append(what)
                say(f"interrupted while undoing: {what}")
            except Exception as error:
                failed.append(what)
                log.failure("undoing failed: {what}", what=what)
                say(f"could not undo: {what}: {type(error).__name__}: {error}")
        return failed
