"""The desk: datagrams in, datagrams out, from one copy of the configuration that follows changes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from ganeti_tw.confd.addresses import Addresses
from ganeti_tw.confd.answers import ADDRESSES, ANSWERERS, TooLong
from ganeti_tw.confd.key import Key
from ganeti_tw.confd.packet import (
    ERROR,
    LARGEST_REPLY,
    TOO_LONG,
    BadPacket,
    Message,
    Reason,
    Reply,
    read_query,
    read_request,
    write_message,
)
from ganeti_tw.confd.replays import Replays
from ganeti_tw.errors import NotFound
from ganeti_tw.model.config import Config

REMEMBERED = 6 << 20  # bytes of encoded answers of each type, at most
_EACH = 350  # bytes that one takes beside its text

NO_CONFIGURATION = Message(Reply(ERROR, "this host has no configuration", 0))


class Answers:
    """Answers by type and query.  The encoded ones are kept until something changes that they depend on.

    Nothing is answered from an older configuration than the last one given.
    """

    def __init__(self) -> None:
        self._addresses: Addresses | None = None
        self._kept: dict[int, dict[bytes, Message]] = {type: {} for type in ANSWERERS}
        self._bytes = dict.fromkeys(ANSWERERS, 0)

    @property
    def config(self) -> Config | None:
        """The one that is answered from."""
        return self._addresses.config if self._addresses is not None else None

    def remembered(self, type: int) -> int:
        """Bytes of encoded answers of a type that are kept."""
        return self._bytes[type]

    def begin(self, addresses: Addresses | None) -> None:
        """Answer from this configuration; None: there is none."""
        self._addresses = addresses
        for type in ANSWERERS:
            self._forget(type)

    def change(self, config: Config, changed: Collection[tuple[str, str]]) -> bool:
        """Go to the next configuration, of which only these rows (kind and key) differ.

        False when that is not possible and somebody has to begin anew.
        """
        addresses = self._addresses
        if addresses is None or not addresses.follows(config):
            return False
        kinds = {kind for kind, _ in changed}
        if addresses.change(config, changed):
            kinds.add(ADDRESSES)
        for type, (_, depends) in ANSWERERS.items():
            if not kinds.isdisjoint(depends):
                self._forget(type)
        return True

    def answer(self, type: int, query: bytes) -> Message:
        """The answer to a query, which is JSON.  BadPacket when it gets none."""
        kept = self._kept.get(type)
        if kept is None:
            raise BadPacket(Reason.QUERY, f"there is no request type {type}")
        message = kept.get(query)
        return message if message is not None else self._made(type, query, kept)

    def _made(self, type: int, query: bytes, kept: dict[bytes, Message]) -> Message:
        asked = read_query(query)
        if self._addresses is None:
            return NO_CONFIGURATION
        try:
            message = Message(ANSWERERS[type][0](self._addresses, asked))
            if len(message.quoted) > LARGEST_REPLY:
                message = TOO_LONG
        except TooLong:
            message = TOO_LONG
        except NotFound as e:
            return Message(Reply(ERROR, e.text, 0))
        if self._bytes[type] > REMEMBERED:
            self._forget(type)
        kept[query] = message
        self._bytes[type] += len(message.text) + len(message.quoted) + len(query) + _EACH
        return message

    def _forget(self, type: int) -> None:
        if self._kept[type]:
            self._kept[type].clear()
            self._bytes[type] = 0


class Desk:
    """Takes each datagram that comes and says what goes back."""

    def __init__(
        self,
        answers: Answers,
        key: Callable[[], Key | None],
        now: Callable[[], float],
        dropped: Callable[[Reason, str], None],
    ) -> None:
        self._answers = answers
        self._key = key
        self._now = now
        self._dropped = dropped
        self._replays = Replays(now)
        self.answered = 0

    def answer(self, datagram: bytes, peer: tuple[Any, ...]) -> bytes | None:
        """The datagram to send back to who sent this one; None for most that is wrong."""
        key = self._key()
        if key is None:
            self._dropped(Reason.KEYLESS, peer[0])
            return None
        try:
            request = read_request(datagram, key, self._now())
            if self._replays.refuses(request.mac, peer):
                self._dropped(Reason.REPLAY, peer[0])
                return None
            message = self._answers.answer(request.type, request.query)
            reply = write_message(message, request.rsalt, key)
        except BadPacket as e:
            self._dropped(e.reason, peer[0])
            return None
        self.answered += 1
        return reply
