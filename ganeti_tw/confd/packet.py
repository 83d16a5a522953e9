"""Datagrams of the configuration query protocol: reading, proving, writing.  Source: ``doc/design-2.1.rst``.

A datagram is the magic ``plj0`` and a JSON object of ``msg``, ``salt`` and
``hmac``: HMAC-SHA1 in lower-case hex over salt and msg, keyed with the whole
key file, its newline included.
"""

from __future__ import annotations

from enum import Enum
from hmac import compare_digest
from typing import Any

import msgspec
from attrs import field, frozen

from ganeti_tw.confd.key import Key
from ganeti_tw.errors import BadRequest

MAGIC = b"plj0"
LARGEST_REQUEST = 4096
LARGEST_REPLY = 61440
CLOCK_WINDOW = 300  # seconds between the clocks of client and server

OK, ERROR, NOT_IMPLEMENTED = 0, 1, 2  # status of a reply


class Reason(Enum):
    """Why a datagram gets no answer."""

    OVERSIZED = "too long"
    MAGIC = "wrong magic"
    MALFORMED = "malformed"
    CLOCK = "too old or from the future"
    HMAC = "signed with another key"
    QUERY = "signed, but no proper question"
    REPLAY = "replayed"
    KEYLESS = "no key on this host"
    UNSENT = "answered, but not sent"


class BadPacket(BadRequest):
    """Gets no answer."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class _Signed(msgspec.Struct, gc=False):
    """The outer object."""

    msg: str
    salt: str
    hmac: str


class _Inner(msgspec.Struct, gc=False):
    protocol: int
    type: int
    rsalt: str
    query: msgspec.Raw = msgspec.Raw(b"null")  # Ganeti's own client leaves it out for null


class Lookup(msgspec.Struct, gc=False, frozen=True, rename={"link": "0", "ip": "1", "ips": "2", "fields": "3"}):
    """A query that is an object, whose keys are digits; None where a key is absent."""

    link: str | None = None
    ip: str | None = None
    ips: tuple[str, ...] = ()
    fields: tuple[int, ...] = ()


class Request(msgspec.Struct, gc=False):
    """A question that came in; answers to it carry ``rsalt``.

    ``query`` is JSON as it came, for :func:`read_query`.  ``mac`` tells this
    request from every other one.
    """

    type: int
    query: bytes
    rsalt: str
    mac: str = ""


@frozen
class Reply:
    """An answer.  ``status`` 0 ok, 1 error, 2 not implemented; ``serial`` of the object it comes from."""

    status: int
    answer: Any
    serial: int
    protocol: int = field(default=1, kw_only=True)


class Message:
    """A reply without what differs from one asker to the next."""

    __slots__ = ("quoted", "text")

    def __init__(self, reply: Reply) -> None:
        inner = {"protocol": reply.protocol, "status": reply.status, "answer": reply.answer, "serial": reply.serial}
        self.text = msgspec.json.encode(inner)
        self.quoted = msgspec.json.encode(self.text.decode())


TOO_LONG = Message(Reply(ERROR, f"the answer does not fit into a datagram of {LARGEST_REPLY} bytes", 0))

_signed = msgspec.json.Decoder(_Signed)
_inner = msgspec.json.Decoder(_Inner)
_reply = msgspec.json.Decoder(Reply)
_query: msgspec.json.Decoder[str | Lookup | None] = msgspec.json.Decoder(str | Lookup | None)
_quote = msgspec.json.Encoder().encode
_MALFORMED = (msgspec.MsgspecError, UnicodeError, RecursionError)


def read_request(datagram: bytes, key: Key, now: float) -> Request:
    """The request in a datagram.  BadPacket unless it is well-formed, recent and proven."""
    if len(datagram) > LARGEST_REQUEST:
        raise BadPacket(Reason.OVERSIZED, f"more than {LARGEST_REQUEST} bytes")
    signed = _outer(datagram)
    salt = signed.salt
    # Length first: a number of thousands of digits is slow to read.
    if not (len(salt) <= 12 and salt.isascii() and salt.isdigit()):
        raise BadPacket(Reason.MALFORMED, "the salt is not a time")
    if not -CLOCK_WINDOW <= now - int(salt) <= CLOCK_WINDOW:
        age = now - int(salt)
        raise BadPacket(Reason.CLOCK, f"the salt is {age:.0f} s old: an old request, or the clocks differ")
    _prove(signed, key)
    try:
        inner = _inner.decode(signed.msg)
    except _MALFORMED as e:
        raise BadPacket(Reason.QUERY, f"the message is malformed: {e}") from None
    return Request(inner.type, bytes(inner.query), inner.rsalt, signed.hmac)


def read_query(query: bytes) -> str | Lookup | None:
    """What a request asks about.  BadPacket when it has the wrong type."""
    try:
        found = _query.decode(query)
    except _MALFORMED as e:
        raise BadPacket(Reason.QUERY, f"the query is malformed: {e}") from None
    if isinstance(found, Lookup) and not all(0 <= number <= 2 for number in found.fields):
        raise BadPacket(Reason.QUERY, f"unknown field in {list(found.fields)}")
    return found


def write_request(type: int, query: Any, rsalt: str, key: Key, now: float) -> bytes:
    """A datagram that asks; ``query`` is None, a string, or an object with keys ``"0"`` to ``"3"``.

    BadRequest when it would be longer than a server reads.
    """
    inner = {"protocol": 1, "type": type, "query": query, "rsalt": rsalt}
    try:
        msg, salt = msgspec.json.encode(inner).decode(), str(int(now))
        mac = key.mac((salt + msg).encode())
    except (TypeError, UnicodeError, RecursionError) as e:
        raise BadRequest(f"the query cannot be written as JSON: {e}") from None
    datagram = MAGIC + msgspec.json.encode({"msg": msg, "salt": salt, "hmac": mac})
    if len(datagram) > LARGEST_REQUEST:
        raise BadRequest(f"the request has {len(datagram)} bytes; servers read {LARGEST_REQUEST}: ask for less at once")
    return datagram


def write_message(message: Message, rsalt: str, key: Key) -> bytes:
    """A datagram that answers the request with this ``rsalt``; an error instead of an answer that does not fit."""
    mac = key.mac(rsalt.encode() + message.text)
    datagram = b'plj0{"msg":%b,"salt":%b,"hmac":"%b"}' % (message.quoted, _quote(rsalt), mac.encode())
    return datagram if len(datagram) <= LARGEST_REPLY else write_message(TOO_LONG, rsalt, key)


def salt_of(datagram: bytes) -> str:
    """The salt of what is perhaps an answer: the ``rsalt`` of its request.  BadPacket for anything malformed."""
    return _outer(datagram).salt


def read_reply(datagram: bytes, key: Key, rsalt: str) -> Reply:
    """The answer to the request with this ``rsalt``.  BadPacket for anything else."""
    signed = _outer(datagram)
    if signed.salt != rsalt:
        raise BadPacket(Reason.REPLAY, "the answer belongs to another request")
    _prove(signed, key)
    try:
        return _reply.decode(signed.msg)
    except _MALFORMED as e:
        raise BadPacket(Reason.QUERY, f"the message is malformed: {e}") from None


def _outer(datagram: bytes) -> _Signed:
    if not datagram.startswith(MAGIC):
        raise BadPacket(Reason.MAGIC, "wrong magic")
    try:
        return _signed.decode(memoryview(datagram)[4:])
    except _MALFORMED as e:
        raise BadPacket(Reason.MALFORMED, f"malformed: {e}") from None


def _prove(signed: _Signed, key: Key) -> None:
    try:
        # compare_digest takes no text beyond ASCII, and a MAC has none.
        if compare_digest(key.mac((signed.salt + signed.msg).encode()), signed.hmac):
            return
    except (TypeError, UnicodeError):
        pass
    raise BadPacket(Reason.HMAC, "wrong HMAC: the sender has another key")
