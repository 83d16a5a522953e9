"""One GET of a RAPI or a monitoring daemon, with a deadline that a slow or silent server cannot stretch."""

from __future__ import annotations

import base64
import http.client
import io
import socket
import ssl
import time
from typing import Any

from ganeti_tw.htools.cluster import BadData

CONNECT_SECONDS = 15.0
ANSWER_SECONDS = 60.0
LARGEST = 2**28
"""Bytes of an answer; those of 5,000 instances take some ten million."""

_READ = 2**16


def get(
    encrypted: bool,
    host: str,
    port: int,
    target: str,
    login: tuple[str, str] | None,
    shown: str,
    *,
    address: str | None = None,
    connect_seconds: float = CONNECT_SECONDS,
    answer_seconds: float = ANSWER_SECONDS,
) -> bytes:
    """The body of a good answer.  BadData, speaking of the URL as ``shown``, for any other end.

    ``address`` is where the host is, if the resolver does not know it.  Certificates
    are not checked: those of a cluster are its own.
    """
    headers = {"Accept": "application/json"}
    if login is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(":".join(login).encode()).decode()
    connection = http.client.HTTPConnection(host, port)
    try:
        with _connected(encrypted, host, address or host, port, connect_seconds) as raw:
            connection.sock = _Timed(raw, answer_seconds)
            connection.request("GET", target, headers=headers)
            response = connection.getresponse()
            body = _body(response)
    except TimeoutError:
        raise BadData(f"{shown}: no answer within {connect_seconds:g} s + {answer_seconds:g} s") from None
    except (OSError, http.client.HTTPException, ValueError) as e:
        raise BadData(f"{shown}: {_describe(e)}") from None
    if response.status != http.client.OK:
        raise BadData(f"{shown}: the server answered {response.status} {response.reason}{_hint(response.status)}")
    return body


def _connected(encrypted: bool, host: str, address: str, port: int, seconds: float) -> socket.socket:
    raw = socket.create_connection((address, port), timeout=seconds)
    if not encrypted:
        return raw
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        return context.wrap_socket(raw, server_hostname=host)
    except OSError:
        raw.close()
        raise


def _body(response: http.client.HTTPResponse) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := response.read1(_READ):
        size += len(piece)
        if size > LARGEST:
            raise ValueError(f"the answer is longer than {LARGEST} bytes")
        pieces.append(piece)
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)
    return b"".join(pieces)


def _describe(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "the host name has no address"
    if isinstance(error, http.client.IncompleteRead):
        return "the connection ended before the answer did"
    if isinstance(error, http.client.HTTPException):
        return f"the answer is no HTTP ({type(error).__name__})"
    return str(getattr(error, "strerror", None) or error)


def _hint(status: int) -> str:
    if status in (http.client.UNAUTHORIZED, http.client.FORBIDDEN):
        return ": give a user that may read, as in https://USER:PASSWORD@HOST:5080"
    return ""


class _Timed:
    """The part of a socket that ``http.client`` uses; all its operations together may take so many seconds."""

    def __init__(self, raw: socket.socket, seconds: float) -> None:
        self._raw = raw
        self._end = time.monotonic() + seconds

    def sendall(self, data: Any) -> None:
        self.limit()
        self._raw.sendall(data)

    def receive_into(self, buffer: Any) -> int:
        self.limit()
        return self._raw.recv_into(buffer)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Stream(self))

    def close(self) -> None:
        """Nothing yet: ``http.client`` closes when it has the head of an answer and goes on reading."""

    def limit(self) -> None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._raw.settimeout(left)


class _Stream(io.RawIOBase):
    def __init__(self, source: _Timed) -> None:
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._source.receive_into(buffer)
