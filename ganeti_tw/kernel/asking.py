"""A question and its one end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, DebugInfo, Deferred
from twisted.logger import Logger

from ganeti_tw.errors import ActorCrashed, Expired, GanetiError
from ganeti_tw.kernel.aside import Outcome
from ganeti_tw.kernel.ref import failed
from ganeti_tw.protocol.registry import asked_of

if TYPE_CHECKING:
    from ganeti_tw.kernel.life import Life

log = Logger()


class Unheard(DebugInfo):
    """Keeps foreseen failures nobody waits for out of the log of unhandled errors.

    A sender may rightly not care whether a request failed.  What its own
    callbacks raise is reported as ever.
    """

    def __del__(self) -> None:
        failure = self.failResult
        if failure is not None and isinstance(failure.value, (GanetiError, CancelledError)):
            log.debug("nobody waited for: {error}", error=failure.value)
        else:
            super().__del__()


class Ask(Deferred[Any]):
    """The Deferred of one ask, which waits in the mailbox itself."""

    __slots__ = ("cell", "deadline", "message", "timeout", "waiting")

    def __init__(self, cell: Life, message: Any, timeout: float, deadline: float) -> None:
        super().__init__()
        self.cell, self.message, self.timeout, self.deadline = cell, message, timeout, deadline
        self.waiting = True

    def answer(self, value: Any) -> None:
        """Settle it, unless it is; an Outcome stands for what it holds."""
        if self.called:
            return
        if value.__class__ is Outcome:
            if value.failure is not None:
                self.fail(value.failure.value)
                return
            value = value.value
        self.cell.deadlines.done()
        self.callback(value)

    def fail(self, error: BaseException | None) -> None:
        """Settle it with an error, unless it is; one that nobody foresaw shows as ActorCrashed."""
        if self.called:
            return
        if not isinstance(error, GanetiError):
            error = ActorCrashed(f"{self.cell.path}: {type(error).__name__}: {error} (a bug, please report it)")
        # An answer is a value: the stack it came by would keep the receiver's frames alive.
        self._settle(error.with_traceback(None))

    def due(self) -> None:
        """Nobody answered in time."""
        asked = f"{self.cell.path} was asked to {asked_of(self.message)}"
        self.fail(Expired(f"{asked} and did not answer within {self.timeout:g} s"))

    def cancel(self) -> None:
        """Withdraw it: never handled if it still waits, else its answer is dropped."""
        if self.called:
            super().cancel()
        else:
            self._settle(CancelledError())

    def _settle(self, error: BaseException) -> None:
        if self.waiting:
            self.cell.settled_in_queue()
        self.cell.deadlines.done()
        self._debugInfo = Unheard()
        self.errback(failed(error))
