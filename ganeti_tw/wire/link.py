"""The link to one peer: dialled when needed, and again after a while when it fails."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import ClassVar

from attrs import frozen
from cryptography import x509
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IDelayedCall, IProtocolFactory, IReactorTime
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from ganeti_tw.errors import GanetiError, OutcomeUnknown
from ganeti_tw.kernel import Gone, Rank, Ref
from ganeti_tw.wire.calls import IS_IT_UP, reason_of
from ganeti_tw.wire.outbound import Outbound
from ganeti_tw.wire.remote import RemoteRef
from ganeti_tw.wire.request import Request

ATTEMPT = 5.0  # seconds for name, TCP, TLS and greeting together
SILENT = f"no connection within {ATTEMPT:g} s {IS_IT_UP}"
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 1.0  # seconds between attempts, of which there are none unless something waits
STEADY = 10.0  # a connection that lasted longer is not counted as a failure
CLOSED = "the link is closed"
QUEUE = 1000  # messages that may wait for the connection


@frozen
class LinkState:
    """How a link is doing.  ``state``: idle, pausing, connecting or up; ``error``: of the last attempt or loss."""

    peer: str
    state: str
    seconds: float  # in this state
    waiting: int  # messages not yet sent
    pending: int  # asks not yet answered
    error: str
    certificate: str = ""  # fingerprint of the one the peer shows; empty unless it is up


class Link:
    """Carries messages to one peer, first in first out while the connection lasts.

    ``dial``: connect a factory's protocol to the peer; ``check``: raises
    Refused for the certificate of anybody else; ``random``: numbers from 0 to
    1, for the pauses between attempts.

    What is asked while there is no connection waits for one attempt to end,
    and no longer than its time-out; a question, when the last attempt failed or
    the connection was lost, no longer than ``request.PATIENCE``.
    """

    log: ClassVar[Logger] = Logger()

    def __init__(
        self,
        peer: str,
        clock: IReactorTime,
        dial: Callable[[IProtocolFactory], Deferred[object]],
        check: Callable[[x509.Certificate | None], None],
        epoch: Callable[[], int],
        random: Callable[[], float],
    ) -> None:
        self.peer = peer
        self._clock, self._dial, self._check, self._epoch, self._random = clock, dial, check, epoch, random
        self._connection: Outbound | None = None  # up
        self._attempt: Outbound | None = None
        self._dialling: Deferred[object] | None = None
        self._timer: IDelayedCall | None = None  # ends the pause or the attempt
        self._queue: deque[Request] = deque()
        self._watchers: dict[tuple[str, Ref], None] = {}
        self._failures = 0
        self._not_before = 0.0
        self._error = ""
        self._since = clock.seconds()
        self._old: set[Outbound] = set()  # not used any more, not closed yet
        self._closed = False
        self._closing: list[Deferred[None]] = []

    def ref(self, path: str, rank: int = Rank.NODE) -> RemoteRef:
        """The actor at ``path`` of this peer."""
        return RemoteRef(path, rank, self)

    def ask(self, path: str, name: str, body: bytes, timeout: float) -> Deferred[bytes]:
        request = Request(self.peer, path, name, body, self._clock, timeout, self._withdraw)
        answer = request.answer
        assert answer is not None
        self._send(request)
        return answer

    def tell(self, path: str, name: str, body: bytes) -> None:
        self._send(Request(self.peer, path, name, body, self._clock, None, self._withdraw))

    def watch(self, path: str, watcher: Ref) -> None:
        self._watchers[path, watcher] = None

    def state(self) -> LinkState:
        """How it is doing now."""
        pending, certificate = 0, ""
        if self._connection is not None:
            pending, certificate = len(self._connection.pending), self._connection.fingerprint
        seconds = self._clock.seconds() - self._since
        return LinkState(self.peer, self._phase(), seconds, len(self._queue), pending, self._error, certificate)

    @property
    def closed(self) -> bool:
        """Of no more use."""
        return self._closed

    def renew(self) -> None:
        """Use a new connection from now on; the old one is closed when what was asked is answered.

        Failures of the past do not make it wait.
        """
        connection, self._connection = self._connection, None
        self._since = self._clock.seconds()
        self._failures, self._not_before = 0, 0.0
        if connection is not None:
            self._old.add(connection)
            connection.retire()
        if self._attempt is not None:
            self._drop_attempt()
            self._start()
        elif self._timer is not None:  # a pause
            self._stop_timer()
            self._pause_over()

    def close(self) -> Deferred[None]:
        """Fires when the connection is closed and no timer is left."""
        self._closed = True
        self._stop_timer()
        self._fail_queue(CLOSED)
        self._watchers.clear()
        self._drop_attempt()
        connection, self._connection = self._connection, None
        if connection is not None:
            self._old.add(connection)
        for connection in tuple(self._old):
            connection.hang_up()
        if not self._old:
            return succeed(None)
        self._closing.append(Deferred())
        return self._closing[-1]

    def _phase(self) -> str:
        if self._connection is not None:
            return "up"
        if self._attempt is not None:
            return "connecting"
        return "pausing" if self._timer is not None else "idle"

    def _send(self, request: Request) -> None:
        if self._connection is not None:
            self._connection.send(request, self._epoch())
        elif self._closed:
            request.not_sent(CLOSED)
        elif len(self._queue) >= QUEUE:
            request.not_sent(f"{QUEUE} messages wait for the connection already")
        else:
            self._queue.append(request)
            if self._failures:
                request.again()
            self._connect()

    def _withdraw(self, request: Request) -> str:
        # Called by a request whose time is up, or that nobody waits for any more.
        if request in self._queue:
            self._queue.remove(request)
        return self._error

    def _connect(self) -> None:
        if self._attempt is not None or self._timer is not None:
            return
        pause = self._not_before - self._clock.seconds()
        self._since = self._clock.seconds()
        if pause > 0:
            self._timer = self._clock.callLater(pause, self._pause_over)
        else:
            self._start()

    def _pause_over(self) -> None:
        self._timer = None
        self._since = self._clock.seconds()
        if self._queue:
            self._start()

    def _start(self) -> None:
        attempt = self._attempt = Outbound(self.peer, self._clock, self._check, self._up, self._down)
        self._timer = self._clock.callLater(ATTEMPT, self._too_long, attempt)
        factory = Factory.forProtocol(lambda: attempt)
        factory.noisy = False
        dialling = maybeDeferred(self._dial, factory)
        self._dialling = dialling
        dialling.addErrback(self._not_connected, attempt)

    def _drop_attempt(self) -> None:
        attempt, self._attempt = self._attempt, None
        dialling, self._dialling = self._dialling, None
        self._stop_timer()
        if attempt is not None and attempt.transport is not None:
            self._old.add(attempt)
            attempt.hang_up()
        if dialling is not None:
            dialling.cancel()

    def _too_long(self, attempt: Outbound) -> None:
        self._timer = None
        dialling = self._dialling
        attempt.why = attempt.why or SILENT
        self._down(attempt)
        attempt.abort()
        if dialling is not None:
            dialling.cancel()

    def _not_connected(self, failure: Failure, attempt: Outbound) -> None:
        attempt.why = attempt.why or reason_of(failure)
        self._down(attempt)

    def _up(self, attempt: Outbound) -> None:
        if attempt is not self._attempt:
            return
        self._stop_timer()
        self._connection, self._attempt, self._dialling = attempt, None, None
        self._since = self._clock.seconds()
        self._error = ""
        self.log.info("connected to {peer}", peer=self.peer)
        queue, self._queue = self._queue, deque()
        for request in queue:
            self._send(request)

    def _down(self, connection: Outbound) -> None:
        if connection in self._old:
            self._old.discard(connection)
            if not self._old:
                closing, self._closing = self._closing, []
                for d in closing:
                    d.callback(None)
            return
        now = self._clock.seconds()
        if connection is self._connection:
            self._connection = None
            self.log.info("lost the connection to {peer}: {reason}", peer=self.peer, reason=connection.why)
            if now - self._since > STEADY:
                self._failures = 0
        elif connection is self._attempt:
            self._stop_timer()
            self._attempt, self._dialling = None, None
            if not self._failures:
                self.log.info("cannot connect to {peer}: {reason}", peer=self.peer, reason=connection.why)
        else:
            return
        self._error, self._since = connection.why, now
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(self._failures, 20))
        self._not_before = now + pause * (0.5 + 0.5 * self._random())
        self._failures += 1
        self._fail_queue(connection.why)
        self._tell_watchers(connection.why)

    def _fail_queue(self, why: str) -> None:
        queue, self._queue = self._queue, deque()
        for request in queue:
            request.not_sent(why)

    def _tell_watchers(self, why: str) -> None:
        watchers, self._watchers = self._watchers, {}
        for path, watcher in watchers:
            failure = Failure(OutcomeUnknown(f"no connection with {self.peer}: {why}"))
            try:
                watcher.tell(Gone(path, failure))
            except GanetiError as e:
                self.log.debug("{watcher} was not told of {peer}: {error}", watcher=watcher, peer=self.peer, error=e)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            if self._timer.active():
                self._timer.cancel()
            self._timer = None
