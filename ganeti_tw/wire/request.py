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
from ganeti_tw.protocol.registry import what

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

    def sent(self) -> None:
        """From now on it may have been handled."""
        self._sent, self.body = True, b""

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
            why = self._withdraw(self)
            self.not_sent(f"no connection within {self.timeout:g} s{': ' if why else ''}{why}")

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
