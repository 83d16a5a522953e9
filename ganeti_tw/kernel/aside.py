"""Work that outlives the handler that started it, and messages for later."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from ganeti_tw.errors import GanetiError

if TYPE_CHECKING:
    from ganeti_tw.kernel.life import Life


@attrs.frozen
class Outcome:
    """How work aside ended: with a value, or with a failure."""

    value: Any = None
    failure: Failure | None = None

    @property
    def cancelled(self) -> bool:
        """It was cancelled before it came to an end."""
        return self.failure is not None and isinstance(self.failure.value, CancelledError)

    def result(self) -> Any:
        """The value; raises what the work raised."""
        if self.failure is not None:
            self.failure.raiseException()
        return self.value


class Aside:
    """A handle on work aside.  Its end is told once, unless its actor crashes or stops first."""

    __slots__ = ("_cancelled", "_cell", "_owner", "_then", "_work", "called")

    def __init__(self, cell: Life, owner: object, work: Deferred[Any], then: Callable[[Outcome], Any]) -> None:
        self._cell: Life | None = cell
        self._owner, self._work, self._then = owner, work, then
        self._cancelled = self.called = False
        work.addBoth(self._ended, cell)

    def cancel(self) -> None:
        """Interrupt the work where it waits; its end still arrives, unless it has come already."""
        if not self.called:
            self._cancelled = True
            self._work.cancel()

    def abandon(self) -> None:
        """Interrupt the work; its end interests nobody."""
        self._cell = None
        self.cancel()

    def _ended(self, result: Any, cell: Life) -> None:
        self.called = True
        if isinstance(result, Failure):
            outcome = Outcome(failure=result)
            foreseen = isinstance(result.value, GanetiError) or (self._cancelled and outcome.cancelled)
            if not foreseen:
                cell.log.failure("{path}: work aside failed", result, path=cell.path)
        else:
            outcome = Outcome(result)
        if self._cell is not None:
            self._cell.aside_ended(self)
            self._cell.put_sure(self._then, outcome, self._owner)


class Later:
    """A message an actor sends itself when its time has come, unless it crashes or stops first."""

    __slots__ = ("_cell", "_message", "_owner", "called")

    def __init__(self, cell: Life, owner: object, message: Any) -> None:
        self._cell, self._owner, self._message = cell, owner, message
        self.called = False

    def cancel(self) -> None:
        """Do not send it; no effect once it was sent."""
        if not self.called:
            self.called = True
            self._cell.aside_ended(self)
            self._cell.deadlines.done()

    abandon = cancel

    def due(self) -> None:
        """Its time has come."""
        self.cancel()
        self._cell.put_sure(itself, self._message, self._owner)


def itself(message: Any) -> Any:
    """The message: for those that are ready made."""
    return message
