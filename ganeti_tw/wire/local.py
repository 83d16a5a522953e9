"""The local socket: what the command line and other programs of this host talk to.

AMP with one command, ``Call``: ``method`` and ``body``, a JSON object of
arguments, cut when long.  The answer has ``body``, any JSON value, or
``kind``, ``code`` and ``text`` of an error.  Calls of one connection are
handled at the same time and answered as they end.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Callable
from typing import Any, ClassVar, cast

import msgspec
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort, IReactorTime
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.python.failure import Failure

from ganeti_tw.errors import BadRequest, DriverError, Exists
from ganeti_tw.wire.boxes import LIMIT, BoxProtocol, join, text
from ganeti_tw.wire.calls import Calls
from ganeti_tw.wire.pieces import encoded, is_long

Handler = Callable[[str, dict[str, Any]], Any]
"""``handler(method, arguments)``: a JSON value, a Deferred of one, or a coroutine."""

CALL = b"Call"
LONGEST_PATH = 107  # bytes the address of a UNIX socket can hold
BACKLOG = 1024  # clients that may connect at the same moment; others wait for their turn


class LocalConnection(BoxProtocol):
    """One client.  It is not read from while too many of its calls are in progress."""

    def __init__(self, handler: Handler, clock: IReactorTime, most_calls: int, ended: Callable[[], None]) -> None:
        self._calls: set[Deferred[bytes]] = set()
        self._handler, self._clock, self._most_calls, self._ended = handler, clock, most_calls, ended
        self._waits = False
        super().__init__(Calls({CALL: self._call}, LIMIT), LIMIT + 2**20)

    def peer(self) -> str:
        return "a local client"

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        for call in tuple(self._calls):
            call.cancel()
        self._ended()

    def _call(self, box: amp.AmpBox) -> Deferred[bytes]:
        method = text("method", box)
        arguments = _arguments(join("body", box))
        result: Deferred[Any] = maybeDeferred(self._handler, method, arguments)
        answer = result.addCallback(self._encoded)
        if not answer.called or answer.paused:
            self._calls.add(answer)
            answer.addBoth(self._done, answer)
            if len(self._calls) >= self._most_calls and not self._waits:
                self._waits = True
                self.pauseProducing()  # type: ignore[no-untyped-call]
        return answer

    def _encoded(self, value: Any) -> bytes | Deferred[bytes]:
        if not is_long(value):
            return msgspec.json.encode(value)
        return Deferred.fromCoroutine(encoded(value, lambda: deferLater(self._clock, 0)))

    def _done(self, result: Any, answer: Deferred[bytes]) -> Any:
        self._calls.discard(answer)
        if self._waits and len(self._calls) < self._most_calls:
            self._waits = False
            # Later: this may run inside dataReceived, which is not re-entrant.
            self._clock.callLater(0, self._go_on)
        return result

    def _go_on(self) -> None:
        if not self.broken and not self._waits:
            self.resumeProducing()  # type: ignore[no-untyped-call]


class LocalServer:
    """Listens on the UNIX socket at ``path``; ``mode``: of its file.

    A client that goes away has its calls cancelled.  GanetiErrors of the
    handler are answers; all others are logged and answered with ActorCrashed.
    """

    log: ClassVar[Logger] = Logger()

    def __init__(
        self, reactor: Any, path: str | os.PathLike[str], handler: Handler, mode: int = 0o600, *, most_calls: int = 1000
    ) -> None:
        self._reactor, self.path, self._handler, self._mode = reactor, os.fspath(path), handler, mode
        self._clock = cast(IReactorTime, reactor)
        self._most_calls = most_calls
        self._port: IListeningPort | None = None
        self._connections: set[LocalConnection] = set()
        self._closed: Deferred[None] | None = None

    def listen(self) -> None:
        """Begin to listen.

        Exists when another process does so there, or the file is no socket;
        BadRequest when the path is too long; DriverError otherwise.
        """
        make_way(self.path)
        try:
            self._port = self._reactor.listenUNIX(self.path, _Locals(self), backlog=BACKLOG, mode=self._mode)
        except CannotListenError as e:
            raise DriverError(f"cannot listen on {self.path}: {e.socketError}") from None

    def accept(self) -> LocalConnection:
        """The protocol of a new client."""

        def ended() -> None:
            self._connections.discard(connection)
            if self._closed is not None and not self._connections:
                closed, self._closed = self._closed, None
                closed.callback(None)

        connection = LocalConnection(self._handler, self._clock, self._most_calls, ended)
        self._connections.add(connection)
        return connection

    def close(self) -> Deferred[None]:
        """Stop listening, remove the socket, close all connections; calls in progress are cancelled."""
        return Deferred.fromCoroutine(self._close())

    async def _close(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            try:
                await maybeDeferred(port.stopListening)
            except FileNotFoundError:
                # Twisted stops half-way when somebody else has removed the file.
                cast(Any, port).socket.close()
        if self._connections:
            closed = self._closed = Deferred()
            for connection in tuple(self._connections):
                connection.abort()
            await closed


class _Locals(Factory):
    noisy = False

    def __init__(self, server: LocalServer) -> None:
        self._server = server

    def buildProtocol(self, addr: IAddress | None) -> LocalConnection:
        return self._server.accept()


def make_way(path: str) -> None:
    """Remove the socket a dead process left behind; errors as :meth:`LocalServer.listen`."""
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise BadRequest(f"{path} is too long for a UNIX socket: at most {LONGEST_PATH} bytes")
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise Exists(f"{path} is in the way: it is not a socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        code = probe.connect_ex(path)
    if code not in (errno.ECONNREFUSED, errno.ENOENT):
        raise Exists(f"another process listens on {path}: stop it first")
    os.unlink(path)


def _arguments(body: bytes) -> dict[str, Any]:
    try:
        arguments = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as e:
        raise BadRequest(f"the arguments are not JSON: {e}") from None
    if not isinstance(arguments, dict):
        raise BadRequest("the arguments are not a JSON object")
    return arguments
