"""One question and what several candidates say to it; pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from attrs import field, frozen

from ganeti_tw.confd.key import Key
from ganeti_tw.confd.packet import OK, BadPacket, Reply, read_reply, write_request
from ganeti_tw.errors import BadRequest, Expired, NotSent

PORT = 1814
COVERAGE = 6  # candidates asked, where the caller does not say how many
TIMEOUT = 10.0  # seconds
PATIENCE = 0.25  # seconds after the first answer in which another, newer one may come
FIRST_RETRY = 1.0  # seconds; each next one waits twice as long
RETRIES = 3

OnReply = Callable[[Reply, str], None]
"""Called with each answer as it comes, and the address it came from."""


@frozen
class Answer:
    """The reply with the highest serial.

    ``consistent`` is false when another candidate said something else at the
    same serial: better do nothing then.
    """

    reply: Reply
    address: str
    replies: int
    consistent: bool


def _key(given: bytes | Key) -> Key:
    return given if isinstance(given, Key) else Key(given)


def _addresses(given: str | Sequence[str]) -> tuple[str, ...]:
    if isinstance(given, str):
        given = (given,)
    if not given:
        raise BadRequest("there is no master candidate to ask: give one address at least")
    return tuple(dict.fromkeys(given))


@frozen
class Candidates:
    """Whom to ask, and with what.

    ``key`` is the whole content of ``hmac.key``, its newline included.
    ``now`` gives the wall clock's time, ``new_rsalt`` a text never used before.
    """

    addresses: tuple[str, ...] = field(converter=_addresses)
    key: Key = field(converter=_key)
    now: Callable[[], float]
    new_rsalt: Callable[[], str]
    random: Random
    port: int = PORT

    def exchange(self, type: int, query: Any, coverage: int) -> Exchange:
        """A new question to candidates chosen by chance.

        ``coverage``: how many, 0 for up to :data:`COVERAGE`, -1 for all.
        BadRequest when there are not so many, or for a query that is too long.
        """
        known = len(self.addresses)
        if not -1 <= coverage <= known:
            raise BadRequest(f"{coverage} candidates cannot be asked: {known} are known")
        number = known if coverage == -1 else coverage or min(known, COVERAGE)
        return Exchange(self, tuple(self.random.sample(self.addresses, number)), type, query)


class Exchange:
    """Collects the answers to one question."""

    def __init__(self, candidates: Candidates, asked: tuple[str, ...], type: int, query: Any) -> None:
        self.asked = asked
        self.port = candidates.port
        self.rsalt = candidates.new_rsalt()
        self.datagram = write_request(type, query, self.rsalt, candidates.key, candidates.now())
        self._key = candidates.key
        self._replies: dict[str, Reply] = {}
        self.refused: dict[str, str] = {}  # address -> why nothing could be sent there

    def received(self, datagram: bytes, address: str) -> Reply | None:
        """The reply in a datagram; None for one that is no new answer to this question."""
        try:
            reply = read_reply(datagram, self._key, self.rsalt)
        except BadPacket:
            return None
        if address in self._replies:  # the question was repeated, and both were answered
            return None
        self._replies[address] = reply
        self.refused.pop(address, None)
        return reply

    @property
    def answered(self) -> bool:
        """Whether there is an answer."""
        return bool(self._replies)

    @property
    def over(self) -> bool:
        """Whether nothing more can come."""
        return len(self._replies) + len(self.refused) >= len(self.asked)

    @property
    def silent(self) -> tuple[str, ...]:
        """Who has not answered yet; an answer may come from another address than was asked."""
        return tuple(a for a in self.asked if a not in self._replies and a not in self.refused)

    def answer(self, timeout: float) -> Answer:
        """The best one.  NotSent when nobody could be asked, Expired when nobody answered in ``timeout`` seconds."""
        if not self._replies:
            raise self._no_answer(timeout)
        address, best = max(self._replies.items(), key=lambda pair: _rank(pair[1]))
        same = [reply for reply in self._replies.values() if _rank(reply) == _rank(best)]
        return Answer(best, address, len(self._replies), all(reply == best for reply in same))

    def _no_answer(self, timeout: float) -> NotSent | Expired:
        where = f"{', '.join(self.asked)} port {self.port}"
        if len(self.refused) == len(self.asked):
            return NotSent(f"no confd can be reached at {where}: {', '.join(dict.fromkeys(self.refused.values()))}")
        return Expired(
            f"confd at {where} gave no answer within {timeout:g} s: nobody listens there, "
            "the key is another cluster's, or the clocks differ by more than 5 minutes"
        )


def _rank(reply: Reply) -> tuple[bool, int]:
    """An answer goes before an error, whose serial is 0."""
    return reply.status == OK, reply.serial


def retry_times(timeout: float, retries: int) -> list[float]:
    """Seconds after the start when the question is put again."""
    times = (FIRST_RETRY * (2**n - 1) for n in range(1, retries + 1))
    return [at for at in times if at < timeout]
