"""AMP boxes: values of any size, and a connection that survives no garbage."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from struct import pack
from typing import Any, ClassVar, cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IPushProducer, ITransport
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.python.failure import Failure
from zope.interface import implementer

from ganeti_tw.errors import BadRequest

PIECE = 65535  # the longest value of a box
LIMIT = 64 * 2**20  # the longest body that may travel
STREAM_FROM = 2**18  # boxes above this are written as fast as the transport takes them
KEY_COST = 64  # what a key costs besides its bytes, so that empty values are not free


class Garbage(Exception):
    """What the peer sends is not AMP, or too much."""


def check_size(key: str, value: bytes, limit: int = LIMIT) -> None:
    """BadRequest when the value is too long to travel."""
    if len(value) > limit:
        raise BadRequest(f"{key} is {len(value)} bytes long, at most {limit} may travel: send less at a time")


def cut(key: str, value: bytes, limit: int = LIMIT) -> dict[str, bytes]:
    """The value in pieces that fit a box: ``key``, ``key.1``, ``key.2``, ...

    BadRequest when it is longer than ``limit``.
    """
    if len(value) <= PIECE:
        return {key: value}
    check_size(key, value, limit)
    view = memoryview(value)
    return {
        f"{key}.{i}" if i else key: bytes(view[start : start + PIECE])
        for i, start in enumerate(range(0, len(value), PIECE))
    }


def join(key: str, box: Mapping[bytes, bytes]) -> bytes:
    """The value that was cut; BadRequest when the box has none."""
    name = key.encode()
    try:
        first = box[name]
    except KeyError:
        raise BadRequest(f"a request without {key}") from None
    if len(first) < PIECE:
        return first
    pieces = [first]
    while (piece := box.get(b"%s.%d" % (name, len(pieces)))) is not None:
        pieces.append(piece)
    return b"".join(pieces)


def text(key: str, box: Mapping[bytes, bytes]) -> str:
    """A short value that is UTF-8; BadRequest when it is missing or is not."""
    try:
        return box[key.encode()].decode()
    except KeyError:
        raise BadRequest(f"a request without {key}") from None
    except UnicodeDecodeError:
        raise BadRequest(f"{key} is not UTF-8") from None


@implementer(IPushProducer)
class Outlet:
    """Writes pieces in order, pausing whenever the transport has enough."""

    def __init__(self, transport: ITransport) -> None:
        self._transport: Any = transport
        self._pieces: deque[bytes] = deque()
        self._busy = False
        self._paused = False

    @property
    def busy(self) -> bool:
        """Whether something waits: what comes next has to wait behind it."""
        return self._busy

    def write(self, pieces: Iterator[bytes]) -> None:
        self._pieces.extend(pieces)
        if not self._busy:
            # Only while there is something to stream: a registered producer
            # would keep loseConnection from closing.
            self._busy, self._paused = True, False
            self._transport.registerProducer(self, True)
            self._drain()

    def resumeProducing(self) -> None:
        self._paused = False
        self._drain()

    def pauseProducing(self) -> None:
        self._paused = True

    def stopProducing(self) -> None:
        self._pieces.clear()
        self._busy = False

    def _drain(self) -> None:
        while self._pieces and not self._paused:
            self._transport.write(self._pieces.popleft())
        if self._busy and not self._pieces:
            self._busy = False
            self._transport.unregisterProducer()


def _serialized(box: Mapping[bytes, bytes]) -> Iterator[bytes]:
    for key, value in box.items():
        yield b"%s%s%s" % (pack("!H", len(key)), key, pack("!H", len(value)))
        yield value
    yield b"\0\0"


class BoxProtocol(amp.BinaryBoxProtocol):
    """A stream of boxes.

    Whatever cannot be understood closes this connection, with one line in the
    log, and harms nothing else.  ``limit``: the largest box taken, in bytes.
    """

    log: ClassVar[Logger] = Logger()

    def __init__(self, receiver: amp.BoxDispatcher, limit: int) -> None:
        super().__init__(receiver)  # type: ignore[no-untyped-call]
        self.limit = limit
        self.broken = False
        self._size = 0
        self._outlet: Outlet | None = None

    def peer(self) -> str:
        """Who the other end is, for the log."""
        there = getattr(self.transport, "getPeer", lambda: None)()
        return f"{there.host} port {there.port}" if isinstance(there, IPv4Address | IPv6Address) else "nobody"

    def dataReceived(self, data: bytes) -> None:
        if self.broken:
            return
        try:
            super().dataReceived(data)  # type: ignore[no-untyped-call]
        except Exception as e:
            self.break_off(f"{type(e).__name__}: {str(e)[:200]}")

    def break_off(self, reason: str) -> None:
        """Close at once because of what the peer did."""
        self.broken = True
        self.log.warn("closing the connection with {peer}: {reason}", peer=self.peer(), reason=reason)
        self.abort()

    def abort(self) -> None:
        """Close at once; what is still to be written is lost."""
        self.broken = True
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()

    def proto_key(self, string: bytes) -> str:
        self._grow(len(string) + KEY_COST)
        if not string:
            self._size = 0
        return str(super().proto_key(string))  # type: ignore[no-untyped-call]

    def proto_value(self, string: bytes) -> str:
        self._grow(len(string))
        return str(super().proto_value(string))  # type: ignore[no-untyped-call]

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > self.limit:
            raise Garbage(f"a box of more than {self.limit} bytes")

    def lengthLimitExceeded(self, length: int) -> None:
        raise Garbage(f"a key of {length} bytes; this is not AMP")

    def sendBox(self, box: amp.AmpBox) -> None:
        if self.broken:
            return
        if self._outlet is not None and self._outlet.busy:
            self._outlet.write(_serialized(box))
        elif len(box) > 4 and sum(map(len, box.values())) > STREAM_FROM:
            if self._outlet is None:
                self._outlet = Outlet(cast(ITransport, self.transport))
            self._outlet.write(_serialized(box))
        else:
            super().sendBox(box)  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.broken = True
        super().connectionLost(reason)  # type: ignore[no-untyped-call]

    def unhandledError(self, failure: Failure) -> None:
        """AMP would hang up here; an error of one message is no reason to lose the others."""
        self.log.failure("an error of the connection with {peer} went unhandled", failure, peer=self.peer())
