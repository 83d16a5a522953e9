"""Handlers that did not answer at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, DebugInfo, Deferred
from twisted.python.failure import Failure

from ganeti_tw.errors import GanetiError

if TYPE_CHECKING:
    from ganeti_tw.kernel.asking import Ask
    from ganeti_tw.kernel.life import Life


class Starting:
    """Shown as the message in progress while an actor starts."""


class Reported(DebugInfo):
    """Belongs to a Deferred whose failure the kernel has dealt with already."""

    def __del__(self) -> None:
        pass


class Held:
    """A coroutine that keeps the mailbox of its actor closed."""

    __slots__ = ("_cell", "_deferred", "ask", "called", "message", "overdue", "starting", "timed")

    def __init__(
        self, cell: Life, ask: Ask | None, message: Any, deferred: Deferred[Any], starting: bool = False
    ) -> None:
        self._cell: Life | None = cell
        self._deferred = deferred
        self.ask, self.message, self.starting = ask, message, starting
        self.called = self.overdue = False
        self.timed = False

    def begin(self) -> None:
        """Listen for the end, which may be now."""
        cell = self._cell
        assert cell is not None
        self._deferred.addBoth(self._ended, cell)

    def abandon(self) -> None:
        """Interrupt it; its end interests nobody."""
        self._cell = None
        if not self.called:
            self._deferred.cancel()

    def due(self) -> None:
        """All patience is gone."""
        self.overdue = True
        if self._cell is not None:
            self._cell.overdue(self)

    def _ended(self, result: Any, cell: Life) -> None:
        self.called = True
        if self._cell is not None:
            cell.released(self, result)
        elif isinstance(result, Failure) and not isinstance(result.value, (GanetiError, CancelledError)):
            cell.log.failure(
                "{path} was interrupted at {message}, which then failed",
                result,
                path=cell.path,
                message=type(self.message).__name__,
            )


class Open:
    """A message whose answer is a Deferred the handler returned."""

    __slots__ = ("_cell", "ask", "message", "since")

    def __init__(self, cell: Life, ask: Ask | None, message: Any, since: float) -> None:
        self._cell: Life | None = cell
        self.ask, self.message, self.since = ask, message, since

    def abandon(self) -> None:
        """Its end interests nobody."""
        self._cell = None

    def fired(self, result: Any, deferred: Deferred[Any], cell: Life) -> Any:
        """Pass on the result; it stays in the Deferred, for a handler may have returned it to several askers."""
        if isinstance(result, Failure):
            if deferred._debugInfo is not None:  # it had failed before the handler returned it
                deferred._debugInfo.failResult = None
            deferred._debugInfo = Reported()
        if self._cell is not None:
            cell.answered(self, result)
        elif isinstance(result, Failure) and not isinstance(result.value, (GanetiError, CancelledError)):
            cell.log.failure(
                "{path}: {message} failed after its incarnation ended",
                result,
                path=cell.path,
                message=type(self.message).__name__,
            )
        return result
