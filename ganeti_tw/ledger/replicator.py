"""The actor that keeps one master candidate up to date."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine
from itertools import islice
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred

from ganeti_tw.errors import DriverError, GanetiError, StaleEpoch
from ganeti_tw.kernel import Actor, Later, Outcome, Rank, Ref, receive
from ganeti_tw.ledger.audience import REMIND, Audience
from ganeti_tw.ledger.history import APPEND_BYTES, send_missing
from ganeti_tw.ledger.seam import Store, size_of
from ganeti_tw.protocol.ledger import Append, Change, GetPosition, Position


@frozen
class Pace:
    """Times in seconds and sizes in bytes of replication."""

    deadline: float = 5.0  # for an Append to be answered
    probe: float = 10.0  # of silence until the follower is asked whether it lives
    first_pause: float = 0.2  # after a failure; doubles with each more
    longest_pause: float = 30.0
    queue: int = 8 * 2**20  # recent changes kept in memory; what is older comes from the store
    retry: float = 2.0  # until the ledger tries again what its own disk refused


@frozen
class Feed:
    """New changes, to be sent after all earlier ones."""

    changes: tuple[Change, ...]


@frozen
class Reached:
    """The follower has everything up to ``serial``; ``level``: that was all there was when it was sent."""

    replicator: Ref
    serial: int
    level: bool


@frozen
class Lost:
    """The follower did not do its part; it is tried again.  ``stale``: it knows a later master."""

    replicator: Ref
    follower: str
    reason: str
    stale: bool


@frozen
class _Answered:
    """One exchange with the follower has ended."""

    outcome: Outcome


@frozen
class _Wake:
    """Time to look again."""


@frozen
class _Remind:
    """The ledger was too busy to be told."""


class Replicator(Actor):
    """Sends changes in order, one message in flight, and tells the ledger how far the follower is.

    ``opening`` is the first change of the reign: whoever has a change of this
    epoch has all before it.  ``last`` is the newest change that exists.  Memory
    is bounded: changes that do not fit in the queue are read from the store
    when their turn comes.
    """

    rank = Rank.REPLICATOR
    capacity = 10_000

    def __init__(
        self,
        name: str,
        follower: Ref,
        ledger: Ref,
        store: Store,
        opening: Position,
        last: int,
        random: Callable[[], float],
        pace: Pace,
    ) -> None:
        self._name = name
        self._follower = follower
        self._ledger = Audience(lambda: self.later(REMIND, _Remind()))
        self._ledger.add(ledger)
        self._store = store
        self._opening = opening
        self._last = last
        self._random = random
        self._pace = pace
        self._at: Position | None = None  # where the follower is; None: ask it
        self._sent_last = 0  # newest change when the message in flight left
        self._expected: Position | None = None  # the answer to it; None: any will do
        self._from_store = False  # it was read from the store
        self._strange = 0  # answers in a row that were not expected
        self._failures = 0
        self._busy = False
        self._timer: Later | None = None
        self._pausing = False
        self._queue: deque[Change] = deque()
        self._queued = 0

    def started(self) -> None:
        self._go()

    @receive(_Remind)
    def remind(self, m: _Remind) -> None:
        self._ledger.deliver()

    @receive(Feed)
    def feed(self, m: Feed) -> None:
        if m.changes[0].serial != self._last + 1:
            self._queue.clear()  # something passed us by; the store has it
            self._queued = 0
        self._last = m.changes[-1].serial
        self._queue.extend(m.changes)
        self._queued += sum(map(size_of, m.changes))
        while self._queued > self._pace.queue and self._queue:
            self._queued -= size_of(self._queue.popleft())
        self._go()

    @receive(_Wake)
    def wake(self, m: _Wake) -> None:
        self._timer = None
        if self._pausing:
            self._pausing = False
        elif not self._busy and self._at is not None and self._at.serial >= self._last:
            self._send(self.ask(self._follower, GetPosition(), self._pace.deadline), None)
            return
        self._go()

    @receive(_Answered)
    def answered(self, m: _Answered) -> None:
        self._busy = False
        try:
            position: Position = m.outcome.result()
            self._learn(position)
        except GanetiError as e:
            self._failed(e)
            return
        self._go()

    def _go(self) -> None:
        """Send the next thing the follower needs, if any."""
        if self._busy or self._pausing:
            return
        self._stop_timer()
        if self._at is None:
            self._send(self.ask(self._follower, GetPosition(), self._pace.deadline), None)
        elif self._known(self._at) and self._at.serial >= self._last:
            self._timer = self.later(self._pace.probe, _Wake())
        else:
            batch = self._next_batch(self._at)
            if batch:
                message = Append(self._opening.epoch, self._at, batch)
                expected = Position(batch[-1].serial, batch[-1].epoch)
                self._send(self.ask(self._follower, message, self._pace.deadline), expected)
            else:
                work = send_missing(self.ask, self._follower, self._store, self._at, self._opening.epoch)
                self._send(work, None, from_store=True)

    def _send(
        self, work: Coroutine[Any, Any, Position] | Deferred[Any], expected: Position | None, from_store: bool = False
    ) -> None:
        self._busy, self._expected, self._from_store, self._sent_last = True, expected, from_store, self._last
        self.aside(work, then=_Answered)

    def _next_batch(self, at: Position) -> tuple[Change, ...]:
        """From the queue, as much as one message takes; empty when the next change is not in it."""
        if not self._known(at):
            return ()
        while self._queue and self._queue[0].serial <= at.serial:
            self._queued -= size_of(self._queue.popleft())
        if not self._queue or self._queue[0].serial != at.serial + 1:
            return ()
        count = size = 0
        for change in self._queue:
            size += size_of(change)
            if count and size > APPEND_BYTES:
                break
            count += 1
        return tuple(islice(self._queue, count))

    def _known(self, at: Position) -> bool:
        """Whether a position is in our history for certain; older ones are looked up in the store."""
        return at.epoch == self._opening.epoch and self._opening.serial <= at.serial <= self._last

    def _learn(self, position: Position) -> None:
        """Take the follower's word for where it is."""
        if self._expected is not None and position != self._expected:
            self._strange += 1
            if self._strange > 2:
                raise DriverError(f"{self._name} stays at {position} when told to go to {self._expected}")
        else:
            self._strange = 0
        standing_still = self._at == position
        self._at = position
        self._failures = 0
        if self._known(position):
            self._ledger.tell(Reached(self.me, position.serial, position.serial >= self._sent_last))
        if standing_still and self._from_store:
            # What our queue has no more, the store does not have yet.
            self._pause(self._pace.first_pause)

    def _failed(self, error: GanetiError) -> None:
        self._at = None
        self._strange = 0
        self._ledger.tell(Lost(self.me, self._name, error.text, isinstance(error, StaleEpoch)))
        pause = min(self._pace.longest_pause, self._pace.first_pause * 2.0 ** min(self._failures, 20))
        self._failures += 1
        self._pause(pause * (0.5 + self._random()))

    def _pause(self, seconds: float) -> None:
        self._stop_timer()
        self._pausing = True
        self._timer = self.later(seconds, _Wake())

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
