"""Talks to the host process over its local socket; blocks, and needs nothing but Python.

Wire format: ``ganeti_tw/wire/local.py``.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

from ganeti_tw.errors import BadRequest, Expired, GanetiError, NotSent, OutcomeUnknown, error_from

_PIECE = 65535  # the longest value of a box
_READ = 2**16
_LENGTH = struct.Struct("!H")


class Client:
    """One connection to the process that listens at ``path``, made when first needed.

    ``timeout``: seconds a call may take unless it says otherwise.
    """

    def __init__(self, path: str | os.PathLike[str], timeout: float = 30.0) -> None:
        self.path, self.timeout = os.fspath(path), timeout
        self._socket: socket.socket | None = None
        self._boxes = Boxes()
        self._tags = 0
        self._waiting: set[int] = set()
        self._answers: dict[int, dict[bytes, bytes] | GanetiError] = {}

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def call(
        self, method: str, arguments: Mapping[str, Any] | None = None, /, *, timeout: float | None = None, **more: Any
    ) -> Any:
        """The answer to a method of the host process.

        Arguments are keywords; those whose names are taken (``timeout``) go
        into the mapping.  Raises what the method raised, Expired after
        ``timeout`` seconds, NotSent when nobody listens, OutcomeUnknown when
        the process went away before it answered.
        """
        return self.receive(self.send(method, arguments, **more), timeout)

    def send(self, method: str, arguments: Mapping[str, Any] | None = None, /, **more: Any) -> int:
        """Call without waiting: gives the tag its answer is received by."""
        try:
            body = json.dumps({**(arguments or {}), **more}, separators=(",", ":")).encode()
        except (TypeError, ValueError) as e:
            raise BadRequest(f"the arguments of {method} are not JSON: {e}") from None
        self._tags += 1
        head = {b"_command": b"Call", b"_ask": b"%x" % self._tags, b"method": method.encode()}
        data = b"".join(_serialized({**head, **_cut(body)}))
        if self._socket is None:
            self._socket = self._connected()
        self._waiting.add(self._tags)
        self._write(self._socket, data)
        return self._tags

    def receive(self, tag: int, timeout: float | None = None) -> Any:
        """The answer to what was sent under this tag; answers may be received in any order, each once."""
        seconds = self.timeout if timeout is None else timeout
        deadline = time.monotonic() + seconds
        while tag not in self._answers:
            if tag not in self._waiting:
                raise BadRequest(f"nothing waits for an answer under tag {tag}")
            if not self._wait(select.POLLIN, deadline):
                self._waiting.discard(tag)
                raise Expired(f"the process at {self.path} did not answer within {seconds:g} s")
            self._read()
        answer = self._answers.pop(tag)
        if isinstance(answer, GanetiError):
            raise answer
        return _value(answer)

    def close(self) -> None:
        """Hang up; calls not answered are cancelled."""
        self._lost("this side closed the connection")

    def _connected(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # A socket that does not block is refused at once while many others are connecting.
            whole, rest = divmod(self.timeout, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(whole), int(rest * 1e6)))
            connection.connect(self.path)
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            raise NotSent(f"nobody listens on {self.path}: is the host process running? (twistd ganeti)") from None
        except PermissionError:
            connection.close()
            raise NotSent(f"you may not connect to {self.path}: run this as its owner or as root") from None
        except BlockingIOError:
            connection.close()
            raise NotSent(f"{self.path} takes no connection: the host process is too busy, try again later") from None
        except OSError as e:
            connection.close()
            raise NotSent(f"cannot connect to {self.path}: {e}") from None
        connection.setblocking(False)
        self._boxes = Boxes()
        return connection

    def _write(self, connection: socket.socket, data: bytes) -> None:
        deadline = time.monotonic() + self.timeout
        view = memoryview(data)
        while view and self._socket is connection:
            try:
                view = view[connection.send(view) :]
                continue
            except BlockingIOError:
                pass
            except OSError as e:
                # What the process said before it went away may still be there.
                self._drain(connection, str(e))
                return
            # Answers are read meanwhile, so that both sides never wait for each other.
            events = self._wait(select.POLLIN | select.POLLOUT, deadline)
            if not events:
                self._lost("it does not read what is sent to it")
            elif events & ~select.POLLOUT:
                self._read()

    def _wait(self, events: int, deadline: float) -> int:
        if self._socket is None:
            return 0
        poll = select.poll()
        poll.register(self._socket, events)
        left = max(0.0, min(deadline - time.monotonic(), 86400.0))
        ready = poll.poll(left * 1000)
        return ready[0][1] if ready else 0

    def _drain(self, connection: socket.socket, why: str) -> None:
        while self._socket is connection:
            try:
                data = connection.recv(_READ)
            except OSError:
                data = b""
            if not data:
                self._lost(why)
            else:
                self._take(data)

    def _read(self) -> None:
        if self._socket is None:
            return
        try:
            data = self._socket.recv(_READ)
        except BlockingIOError:
            return
        except OSError as e:
            self._lost(str(e))
            return
        if data:
            self._take(data)
        else:
            self._lost("the process closed it")

    def _take(self, data: bytes) -> None:
        for box in self._boxes.feed(data):
            tag = box.get(b"_answer", box.get(b"_error", b""))
            number = _number(tag)
            if number in self._waiting:  # else nobody waits any more
                self._waiting.discard(number)
                self._answers[number] = box

    def _lost(self, why: str) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        for tag in self._waiting:
            self._answers[tag] = OutcomeUnknown(f"the connection to {self.path} was lost before the answer came: {why}")
        self._waiting.clear()


class Boxes:
    """Cuts a stream of bytes into boxes."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._box: dict[bytes, bytes] = {}
        self._key: bytes | None = None

    def feed(self, data: bytes) -> Iterator[dict[bytes, bytes]]:
        """The boxes that are complete with this."""
        buffer, at = self._buffer, 0
        buffer += data
        found = []
        while len(buffer) - at >= 2:
            (length,) = _LENGTH.unpack_from(buffer, at)
            if len(buffer) - at - 2 < length:
                break
            value = bytes(buffer[at + 2 : at + 2 + length])
            at += 2 + length
            if self._key is not None:
                self._box[self._key], self._key = value, None
            elif value:
                self._key = value
            else:
                found.append(self._box)
                self._box = {}
        del buffer[:at]
        return iter(found)


def _cut(body: bytes) -> dict[bytes, bytes]:
    return {
        b"body.%d" % i if i else b"body": body[start : start + _PIECE]
        for i, start in enumerate(range(0, len(body), _PIECE))
    }


def _join(name: bytes, box: Mapping[bytes, bytes]) -> bytes:
    pieces = [box.get(name, b"")]
    while (piece := box.get(b"%s.%d" % (name, len(pieces)))) is not None:
        pieces.append(piece)
    return b"".join(pieces)


def _serialized(box: Mapping[bytes, bytes]) -> Iterator[bytes]:
    for key, value in box.items():
        yield _LENGTH.pack(len(key))
        yield key
        yield _LENGTH.pack(len(value))
        yield value
    yield b"\0\0"


def _value(box: Mapping[bytes, bytes]) -> Any:
    if b"kind" in box:
        raise error_from(box[b"kind"].decode("utf-8", "replace"), _join(b"text", box).decode("utf-8", "replace"))
    if b"_error" in box:
        raise GanetiError(box.get(b"_error_description", b"unknown error").decode("utf-8", "replace"))
    try:
        return json.loads(_join(b"body", box))
    except ValueError as e:
        raise GanetiError(f"the answer of the host process is not JSON: {e}") from None


def _number(tag: bytes) -> int:
    try:
        return int(tag, 16)
    except ValueError:
        return 0
