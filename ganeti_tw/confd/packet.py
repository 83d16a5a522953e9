"""Datagrams of the configuration query protocol: reading, proving, writing.  Source: ``doc/design-2.1.rst``.

A datagram is the magic ``plj0`` and a JSON object of ``msg``, ``salt`` and
``hmac``: HMAC-SHA1 in lower-case hex over salt and msg, keyed with the whole
key file, its newline included.
"""

from __future__ import annotations

import hmac
from typing import Any

import msgspec
from attrs import field, frozen

from ganeti_tw.errors import BadRequest

MAGIC = b"plj0"
LARGEST_REQUEST = 4096
LARGEST_REPLY = 61440
CLOCK_WINDOW = 300  # seconds between the clocks of client and server


class BadPacket(BadRequest):
    """Gets no answer."""


@frozen
class Signed:
    """The outer object."""

    msg: str
    salt: str
    hmac: str


@frozen
class Lookup:
    """A query that is an object; None where a key is absent."""

    link: str | None = None
    ip: str | None = None
    ips: tuple[str, ...] = ()
    fields: tuple[int, ...] = ()


@frozen
class Request:
    """A question that came in; answers to it carry ``rsalt``."""

    type: int
    query: str | Lookup | None
    rsalt: str


@frozen
class Reply:
    """An answer.  ``status`` 0 ok, 1 error, 2 not implemented; ``serial`` of the object it comes from."""

    status: int
    answer: Any
    serial: int
    protocol: int = field(default=1, kw_only=True)


@frozen
class _Inner:
    protocol: int
    type: int
    query: str | dict[str, Any] | None
    rsalt: str


_signed = msgspec.json.Decoder(Signed)
_inner = msgspec.json.Decoder(_Inner)
_reply = msgspec.json.Decoder(Reply)


def read_request(datagram: bytes, key: bytes, now: float) -> Request:
    """The request in a datagram.  BadPacket unless it is well-formed, proven and recent."""
    if len(datagram) > LARGEST_REQUEST:
        raise BadPacket(f"{len(datagram)} bytes are more than {LARGEST_REQUEST}")
    signed = _verified(datagram, key)
    # Length first: a number of thousands of digits is slow to read.
    if not (len(signed.salt) <= 12 and signed.salt.isascii() and signed.salt.isdigit()):
        raise BadPacket("the salt is not a time")
    if abs(now - int(signed.salt)) > CLOCK_WINDOW:
        raise BadPacket(f"the salt is {now - int(signed.salt):.0f} s old: replayed, or the clocks differ")
    try:
        inner = _inner.decode(signed.msg)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as e:
        raise BadPacket(f"the message is malformed: {e}") from None
    query = _lookup(inner.query) if isinstance(inner.query, dict) else inner.query
    return Request(inner.type, query, inner.rsalt)


def write_request(type: int, query: Any, rsalt: str, key: bytes, now: float) -> bytes:
    """A datagram that asks; ``query`` is None, a string, or an object with keys ``"0"`` to ``"3"``."""
    inner = {"protocol": 1, "type": type, "query": query, "rsalt": rsalt}
    return _sign(inner, str(int(now)), key)


def write_reply(reply: Reply, rsalt: str, key: bytes) -> bytes:
    """A datagram that answers; status 1 instead of an answer that does not fit into one."""
    inner = {"protocol": reply.protocol, "status": reply.status, "answer": reply.answer, "serial": reply.serial}
    datagram = _sign(inner, rsalt, key)
    if len(datagram) > LARGEST_REPLY:
        inner = {"protocol": 1, "status": 1, "answer": "the answer does not fit into a datagram", "serial": 0}
        datagram = _sign(inner, rsalt, key)
    return datagram


def read_reply(datagram: bytes, key: bytes, rsalt: str) -> Reply:
    """The answer to the request with this ``rsalt``.  BadPacket for anything else."""
    signed = _verified(datagram, key)
    if signed.salt != rsalt:
        raise BadPacket("the answer belongs to another request")
    try:
        return _reply.decode(signed.msg)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as e:
        raise BadPacket(f"the message is malformed: {e}") from None


def _digest(key: bytes, salt: str, msg: str) -> str:
    return hmac.digest(key, (salt + msg).encode(), "sha1").hex()


def _verified(datagram: bytes, key: bytes) -> Signed:
    if not datagram.startswith(MAGIC):
        raise BadPacket("wrong magic")
    try:
        signed = _signed.decode(datagram[len(MAGIC) :])
        proven = hmac.compare_digest(_digest(key, signed.salt, signed.msg).encode(), signed.hmac.encode())
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as e:
        raise BadPacket(f"malformed: {e}") from None
    if not proven:
        raise BadPacket("wrong HMAC: the sender has another key")
    return signed


def _sign(inner: dict[str, Any], salt: str, key: bytes) -> bytes:
    msg = msgspec.json.encode(inner).decode()
    return MAGIC + msgspec.json.encode({"msg": msg, "salt": salt, "hmac": _digest(key, salt, msg)})


def _lookup(query: dict[str, Any]) -> Lookup:
    """The query object; its keys are digits.  BadPacket when a value has the wrong type."""
    names = {"0": "link", "1": "ip", "2": "ips", "3": "fields"}
    given = {names[key]: value for key, value in query.items() if key in names}
    try:
        found = msgspec.convert(given, Lookup)
    except msgspec.ValidationError as e:
        raise BadPacket(f"the query is malformed: {e}") from None
    if not all(0 <= number <= 2 for number in found.fields):
        raise BadPacket(f"unknown field in {list(found.fields)}")
    return found
