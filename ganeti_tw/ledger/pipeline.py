"""Changes on their way: waiting, being written, stored but not acknowledged.  Pure.

A serial that may be on a follower is never used for another change in the same
epoch.  So a batch that was handed to the followers, and that our own disk then
refused, stays first in line, followed by its reversal: together they change
nothing, and whoever stored the batch gets the reversal too.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from twisted.internet.defer import Deferred

from ganeti_tw.ledger.members import Member, Standing
from ganeti_tw.ledger.seam import Row, size_of
from ganeti_tw.protocol.ledger import Change, Delete, Position, Put

BATCH_CHANGES = 1000
BATCH_BYTES = 4 * 2**20
MOST_WAITING = 10_000
MOST_BYTES = 64 * 2**20


class Entry:
    """One change to be, who waits for it, and the candidate whose standing it records."""

    __slots__ = ("answer", "change", "deletes", "fed", "member", "puts", "size", "standing")

    def __init__(
        self,
        puts: tuple[Put, ...],
        deletes: tuple[Delete, ...] = (),
        answer: Deferred[int] | None = None,
        member: Member | None = None,
    ) -> None:
        self.puts, self.deletes, self.answer, self.member = puts, deletes, answer, member
        self.standing: Standing | None = None if member is None else member.standing
        self.change = Change(0, 0, puts, deletes)
        self.size = size_of(self.change)
        self.fed = False

    def number(self, serial: int, epoch: int) -> None:
        """Give it its place in the ledger."""
        self.change = Change(serial, epoch, self.puts, self.deletes)
        if self.member is not None and self.member.standing is self.standing:
            self.member.record = serial


class Pipeline:
    """The order in which changes reach the disk and are acknowledged."""

    def __init__(self, at: Position) -> None:
        self.at = at  # of our disk
        self.cautious = False  # our disk failed last: followers get changes only when we have them
        self.writing: tuple[Entry, ...] = ()
        self._records: deque[Entry] = deque()  # of standing; they overtake commits, which may wait for them
        self._commits: deque[Entry] = deque()
        self._repair: tuple[Entry, ...] = ()
        self._stored: deque[Entry] = deque()
        self._bytes = 0

    @property
    def waiting(self) -> int:
        """Changes not acknowledged yet."""
        return len(self._records) + len(self._commits) + len(self.writing) + len(self._stored)

    @property
    def has_waiting(self) -> bool:
        """Some changes are in no batch yet."""
        return bool(self._records or self._commits)

    @property
    def full(self) -> bool:
        """Whoever comes now must come again later."""
        return self.waiting >= MOST_WAITING or self._bytes >= MOST_BYTES

    @property
    def repairing(self) -> bool:
        """A batch that failed here must be stored together with its reversal."""
        return bool(self._repair)

    def add(self, entry: Entry) -> None:
        """Let it wait for the next batch."""
        self._bytes += entry.size
        (self._commits if entry.member is None else self._records).append(entry)

    def next_batch(self) -> tuple[Entry, ...]:
        """Number what waits and make it the batch that is written; empty when there is nothing to write.

        All that gathered while the last batch was written goes together.
        """
        batch: list[Entry] = list(self._repair)
        size = 0
        serial = batch[-1].change.serial if batch else self.at.serial
        for line in (self._records, self._commits):
            while line and len(batch) < BATCH_CHANGES and (not size or size + line[0].size < BATCH_BYTES):
                entry = line.popleft()
                serial += 1
                entry.number(serial, self.at.epoch)
                batch.append(entry)
                size += entry.size
        self.writing = tuple(batch)
        return self.writing

    def feed(self, after: int) -> tuple[Change, ...]:
        """The changes of the batch that follow ``after``; a follower is handed them now."""
        fresh = [entry for entry in self.writing if entry.change.serial > after]
        for entry in fresh:
            entry.fed = True
        return tuple(entry.change for entry in fresh)

    def stored(self) -> None:
        """The batch is on our disk."""
        self.at = Position(self.writing[-1].change.serial, self.at.epoch)
        self._stored.extend(self.writing)
        self.writing = self._repair = ()
        self.cautious = False

    def lost(self, reversal: Entry) -> list[Entry]:
        """The batch is not on our disk; what is dropped, to be answered."""
        dropped = list(self.writing[len(self._repair) :])
        if any(entry.fed for entry in dropped):
            again = [Entry(entry.puts, entry.deletes) for entry in dropped]
            for old, new in zip(dropped, again, strict=True):
                new.change, new.fed = old.change, True
            reversal.number(dropped[-1].change.serial + 1, self.at.epoch)
            self._repair = (*again, reversal)
        self._bytes -= sum(entry.size for entry in dropped)
        for entry in dropped:
            if entry.member is not None and entry.member.standing is entry.standing:
                entry.member.record_lost(elsewhere=entry.fed)
        self.writing = ()
        self.cautious = True
        return dropped

    def acknowledge(self, serial: int) -> list[Entry]:
        """What is acknowledged now that all who count have everything up to ``serial``, in order."""
        done: list[Entry] = []
        while self._stored and self._stored[0].change.serial <= serial:
            done.append(self._stored.popleft())
        self._bytes -= sum(entry.size for entry in done)
        return done

    def stored_entries(self) -> list[Entry]:
        """What is on our disk and not acknowledged yet; they stay in line."""
        return list(self._stored)

    def refuse_waiting(self) -> list[Entry]:
        """Drop the commits that are in no batch, to be answered."""
        refused = list(self._commits)
        self._commits.clear()
        self._bytes -= sum(entry.size for entry in refused)
        return refused

    def abandon(self) -> tuple[list[Entry], list[Entry]]:
        """Empty it: first those that no follower and no disk has, then those of unknown fate."""
        unknown = [*self._stored, *self.writing]
        untouched = [*self._records, *self._commits]
        for line in (self._records, self._commits, self._stored):
            line.clear()
        self.writing = self._repair = ()
        self._bytes = 0
        return untouched, unknown


def rows_of(changes: Iterable[Change]) -> dict[str, set[str]]:
    """Keys of all rows the changes touch, by kind."""
    touched: dict[str, set[str]] = {}
    for change in changes:
        for kind, key in named_rows(change.puts, change.deletes):
            touched.setdefault(kind, set()).add(key)
    return touched


def named_rows(puts: Iterable[Put], deletes: Iterable[Delete]) -> list[Row]:
    """Kind and key of each."""
    return [*((p.kind, p.key) for p in puts), *((d.kind, d.key) for d in deletes)]
