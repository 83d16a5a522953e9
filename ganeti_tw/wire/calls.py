"""Requests and answers over boxes; no error ever hangs up.

An answer is an AMP answer with either ``body`` or the three values of a
foreseen error, ``kind``, ``code`` and ``text``.  AMP's own error boxes are
understood and never sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.error import ConnectionRefusedError, NoRouteError, TCPTimedOutError, TimeoutError
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.python.failure import Failure

from ganeti_tw.errors import ActorCrashed, BadRequest, Cancelled, GanetiError, NotSent, OutcomeUnknown, error_from
from ganeti_tw.wire.boxes import cut, join

Handler = Callable[[amp.AmpBox], "Deferred[bytes] | bytes"]
TEXT_LIMIT = 2**20  # an error that says more is cut


class ConnectionClosed(NotSent):
    """There was no connection any more to send something over; the text says so."""


class ConnectionEnded(OutcomeUnknown):
    """A connection was lost before an answer came; the text says why."""


class Calls(amp.BoxDispatcher):
    """Both directions of calls on one connection.

    ``handlers``: what the peer may call; a handler gives the body of the
    answer.  GanetiErrors it raises are answers, all others are logged and
    answered with ActorCrashed.
    """

    log: ClassVar[Logger] = Logger()

    def __init__(self, handlers: Mapping[bytes, Handler], limit: int) -> None:
        super().__init__(None)  # type: ignore[no-untyped-call]
        self._handlers = handlers
        self._limit = limit
        self._open = False

    def startReceivingBoxes(self, boxSender: amp.BinaryBoxProtocol) -> None:
        self._open = True
        super().startReceivingBoxes(boxSender)  # type: ignore[no-untyped-call]

    def stopReceivingBoxes(self, reason: Failure) -> None:
        self._open = False
        super().stopReceivingBoxes(reason)  # type: ignore[no-untyped-call]

    def call(self, command: bytes, fields: Mapping[str, bytes]) -> Deferred[bytes]:
        """The body of the answer.

        ConnectionClosed when it is closed already, ConnectionEnded when it
        closes before the answer.
        """
        # A Deferred of our own: AMP's has an errback that turns an error
        # which comes before anybody waits for it into None.
        mine: Deferred[bytes] = Deferred()
        if not self._open:
            mine.errback(ConnectionClosed("the connection was closed just now"))
            return mine
        asked: Deferred[amp.AmpBox] = maybeDeferred(self.callRemoteString, command, True, **fields)
        asked.addCallback(_body).addErrback(self._not_answered).addCallbacks(mine.callback, mine.errback)
        return mine

    def say(self, command: bytes, fields: Mapping[str, bytes]) -> None:
        """Call without an answer; lost when the connection is closed."""
        if self._open:
            self.callRemoteString(command, False, **fields)  # type: ignore[no-untyped-call]

    def dispatchCommand(self, box: amp.AmpBox) -> Deferred[amp.AmpBox]:
        return maybeDeferred(self._handle, box).addCallback(self._answer).addErrback(self._error)

    def ampBoxReceived(self, box: amp.AmpBox) -> None:
        if amp.ERROR in box:
            box.setdefault(amp.ERROR_CODE, b"UNKNOWN")
            box.setdefault(amp.ERROR_DESCRIPTION, b"")
        super().ampBoxReceived(box)  # type: ignore[no-untyped-call]

    def unhandledError(self, failure: Failure) -> None:
        self.log.failure("an answer could not be sent", failure)

    def _handle(self, box: amp.AmpBox) -> Any:
        command = box[amp.COMMAND]
        handler = self._handlers.get(command)
        if handler is None:
            raise BadRequest(f"unknown command {command.decode('utf-8', 'replace')!r}")
        return handler(box)

    def _answer(self, body: bytes) -> amp.AmpBox:
        return _box(cut("body", body, self._limit))

    def _error(self, failure: Failure) -> amp.AmpBox:
        error = foreseen(failure, self.log)
        text = error.text.encode("utf-8", "replace")[:TEXT_LIMIT]
        return _box({"kind": type(error).__name__.encode(), "code": error.code.encode(), **cut("text", text)})

    def _not_answered(self, failure: Failure) -> bytes:
        error = failure.value
        if isinstance(error, GanetiError):
            raise error
        if isinstance(error, amp.TooLong):
            raise BadRequest(f"{error.keyName or 'a value'} is too long to travel")
        raise ConnectionEnded(reason_of(failure))


def foreseen(failure: Failure, log: Logger) -> GanetiError:
    """The error as the other side is told; one that nobody foresaw is logged and shows as ActorCrashed."""
    error = failure.value
    if isinstance(error, GanetiError):
        return error
    if isinstance(error, CancelledError):
        return Cancelled("nobody waits for it any more")
    log.failure("a request from outside failed in a way nobody foresaw", failure)
    return ActorCrashed(f"{type(error).__name__}: {error}; the log of this host holds the traceback")


def _box(fields: Mapping[str, bytes]) -> amp.AmpBox:
    return amp.AmpBox(fields)


def _body(box: amp.AmpBox) -> bytes:
    if b"kind" in box:
        text = join("text", box) if b"text" in box else b""
        raise error_from(box[b"kind"].decode("utf-8", "replace"), text.decode("utf-8", "replace"))
    return join("body", box)


UNTRUSTED = "certificate verify failed"  # OpenSSL's words
STRANGER = (
    f"{UNTRUSTED}: the host has not joined this cluster ('gnt-node token' there and 'gnt-node add --readd' on the "
    "master), or its certificate is good no longer"
)
IS_IT_UP = "(is it up, and in the network?)"
REFUSED = "connection refused (does ganeti run there?)"
NOT_CONNECTED = (
    (ConnectionRefusedError, REFUSED),
    (NoRouteError, f"no route to it {IS_IT_UP}"),
    ((TCPTimedOutError, TimeoutError), f"no connection in time {IS_IT_UP}"),
)


def reason_of(failure: Failure) -> str:
    """Why a connection failed, in one line."""
    error: Any = failure.value
    for kinds, words in NOT_CONNECTED:
        if isinstance(error, kinds):
            return words
    # OpenSSL's errors hold a list of (library, function, reason).
    if error.args and isinstance(error.args[0], list):
        text = "; ".join(str(entry[-1]) for entry in error.args[0]) or type(error).__name__
        return text.replace(UNTRUSTED, STRANGER)
    return " ".join(failure.getErrorMessage().split()) or type(error).__name__
