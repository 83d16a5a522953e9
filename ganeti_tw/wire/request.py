"""One message on its way to a peer, and its one end."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, ClassVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ganeti_tw.errors import Expired, NotSent, OutcomeUnknown
from ganeti_tw.kernel.asking import Unheard
from ganeti_tw.protocol.registry import is_question, what
from ganeti_tw.wire.calls import IS_IT_UP

PATIENCE = 2.0  # seconds a question waits for a host that could not be reached before
_numbers = count()  # in the order they were made


class Request:
    """A message that waits for its connection, then for its answer.

    ``timeout`` None: it is told, not asked, and has no answer.  ``withdraw``
    is called when it must not be sent any more; it gives the reason why it was
    not sent yet.
    """

    log: ClassVar[Logger] = Logger()

    __slots__ = (
        "_clock",
        "_deadline",
        "_patience",
        "_sent",
        "_timer",
        "_withdraw",
        "answer",
        "body",
        "name",
        "number",
        "path",
        "peer",
        "timeout",
    )

    def __init__(
        self,
        peer: str,
        path: str,
        name: str,
        body: bytes,
        clock: IReactorTime,
        timeout: float | None,
        withdraw: Callable[[Request], str],
    ) -> None:
        self.peer, self.path, self.name, self.body, self.timeout = peer, path, name, body, timeout
        self._clock, self._withdraw = clock, withdraw
        self.number = next(_numbers)
        self._sent = False
        self._patience: float | None = None
        self.answer: Deferred[bytes] | None = None
        self._timer: IDelayedCall | None = None
        if timeout is not None:
            self.answer = Deferred(self._cancelled)
            # Who asks need not care whether it failed, as with actors of this host.
            self.answer._debugInfo = Unheard()
            self._deadline = clock.seconds() + timeout
            self._timer = clock.callLater(max(0.0, timeout), self._expired)

    def __str__(self) -> str:
        return f"{self.name} to {self.path} on {self.peer}"

    def left(self) -> float | None:
        """Seconds until nobody waits for the answer any more; None when nobody ever does."""
        return None if self.timeout is None else max(0.0, self._deadline - self._clock.seconds())

    def again(self) -> None:
        """The host could not be reached before: a question gives up soon, unless it is sent by then.

        Who only looks wants to know what there is, and is told that there is
        nothing of this host; who wants something done waits for it.
        """
        left = self.left()
        if left is not None and self._timer is not None and is_question(self.name):
            self._patience = min(PATIENCE, left)
            self._timer.reset(self._patience)

    def sent(self) -> None:
        """From now on it may have been handled."""
        self._sent, self.body = True, b""
        if self._patience is not None and self._timer is not None:
            self._timer.reset(max(0.0, self._deadline - self._clock.seconds()))

    def succeed(self, body: bytes) -> None:
        """Settle it, unless it is."""
        answer = self._settle()
        if answer is not None:
            answer.callback(body)

    def fail(self, error: Any) -> None:
        """Settle it, unless it is; a message without an answer only leaves a line in the log."""
        if self.timeout is None:
            self.log.debug("{request} was dropped: {error}", request=self, error=error)
        answer = self._settle()
        if answer is not None:
            answer.errback(error)

    def not_sent(self, why: str) -> None:
        """Settle it, unless it is: it did not leave this host."""
        self.fail(NotSent(f"{self.peer} could not be asked to {what(self.name)}: {why}"))

    def lost(self, why: str) -> None:
        """Settle it, unless it is: the connection went away while it was under way."""
        asked = f"{self.peer} was asked to {what(self.name)}"
        self.fail(OutcomeUnknown(f"{asked}, and the connection was lost before the answer came: {why}"))

    def drop(self) -> None:
        """Nobody is told anything; no timer is left."""
        self._settle()

    def _expired(self) -> None:
        self._timer = None
        if self._sent:
            self.fail(
                Expired(f"{self.peer} was asked to {what(self.name)} and did not answer within {self.timeout:g} s")
            )
        else:
            waited = f"{self.timeout if self._patience is None else self._patience:g} s"
            why = self._withdraw(self)
            self.not_sent(f"{why}; tried for another {waited}" if why else f"no connection within {waited} {IS_IT_UP}")

    def _cancelled(self, answer: Deferred[bytes]) -> None:
        # The caller of cancel() settles the answer itself.
        self._settle()
        if not self._sent:
            self._withdraw(self)

    def _settle(self) -> Deferred[bytes] | None:
        answer, self.answer = self.answer, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return answer
