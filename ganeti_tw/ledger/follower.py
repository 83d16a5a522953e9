"""The actor on a master candidate that keeps a copy of the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from attrs import frozen

from ganeti_tw.errors import GanetiError, StaleEpoch, WrongState
from ganeti_tw.kernel import Actor, Gone, Rank, Ref, receive
from ganeti_tw.ledger.audience import REMIND, Audience
from ganeti_tw.ledger.history import APPEND_BYTES, changes_after, parts
from ganeti_tw.ledger.messages import Applied, Installed, Subscribe
from ganeti_tw.ledger.seam import Row, Snapshot, Store
from ganeti_tw.protocol.ledger import (
    Append,
    Change,
    CopyPart,
    GetChanges,
    GetCopy,
    GetPosition,
    Install,
    Position,
    Put,
)


@frozen
class _Remind:
    """Some news could not be told."""


class Follower(Actor):
    """Stores what the master sends, in order, and says where it is.

    ``seen`` is the highest epoch this host knows of.  Messages may come twice
    or late: what does not fit changes nothing.
    """

    rank = Rank.NODE
    restarts = 3

    def __init__(self, store: Store, subscriber: Ref | None = None, seen: Callable[[], int] = lambda: 0) -> None:
        self._store = store
        self._seen = seen
        self._at: Position | None = None  # None: only the store knows
        self._incoming = _Incoming()
        self._outgoing: Iterator[tuple[int, tuple[Put, ...], bool]] = iter(())
        self._outgoing_of = Position(0, 0)
        self._audience = Audience(lambda: self.later(REMIND, _Remind()))
        self._subscriber = subscriber

    def started(self) -> None:
        if self._subscriber is not None:
            self.subscribe(Subscribe(self._subscriber))

    @receive(Subscribe)
    def subscribe(self, m: Subscribe) -> None:
        self._audience.add(m.subscriber)
        m.subscriber.watch(self.me)

    @receive(Gone)
    def gone(self, m: Gone) -> None:
        self._audience.remove(m.path)

    @receive(_Remind)
    def remind(self, m: _Remind) -> None:
        self._audience.deliver()

    @receive(GetPosition)
    async def position(self, m: GetPosition) -> Position:
        return await self._position()

    @receive(Append)
    async def append(self, m: Append) -> Position:
        at = await self._position()
        self._check_epoch(m.epoch, at)
        if m.previous != at or not m.changes:
            return at
        try:
            await self._store.append(m.changes)
        except GanetiError:
            self._at = None
            raise
        self._at = Position(m.changes[-1].serial, m.changes[-1].epoch)
        self._audience.tell(Applied(m.changes))
        return self._at

    @receive(Install)
    async def install(self, m: Install) -> Position:
        at = await self._position()
        self._check_epoch(m.epoch, at)
        if m.epoch == at.epoch and m.serial <= at.serial:
            return at  # ours is the same history, and longer: the message is late
        snapshot = self._incoming.add(m)
        if snapshot is None:
            return at
        try:
            await self._store.install(snapshot)
        except GanetiError:
            self._at = None
            raise
        self._at = Position(snapshot.serial, snapshot.epoch)
        self._audience.tell(Installed(snapshot))
        return self._at

    @receive(GetChanges)
    async def changes(self, m: GetChanges) -> tuple[Change, ...] | None:
        return await changes_after(self._store, m.after, APPEND_BYTES)

    @receive(GetCopy)
    async def copy(self, m: GetCopy) -> CopyPart:
        if m.part == 0:
            snapshot = await self._store.load()
            self._outgoing_of = Position(snapshot.serial, snapshot.epoch)
            self._outgoing = ((n, rows, last) for n, (rows, last) in enumerate(parts(snapshot.rows)))
        number, rows, last = next(self._outgoing, (-1, (), True))
        if number != m.part or (m.part > 0 and m.serial != self._outgoing_of.serial):
            raise WrongState(f"part {m.part} of the copy of change {m.serial} is not at hand; begin again with part 0")
        return CopyPart(self._outgoing_of.serial, self._outgoing_of.epoch, rows, last)

    async def _position(self) -> Position:
        if self._at is None:
            self._at = await self._store.position()
        return self._at

    def _check_epoch(self, epoch: int, at: Position) -> None:
        known = max(at.epoch, self._seen())
        if epoch < known:
            raise StaleEpoch(f"epoch {epoch} is over: this host follows a master of epoch {known}")


class _Incoming:
    """The parts of a copy that have come so far."""

    def __init__(self) -> None:
        self._of = Position(0, 0)
        self._next = 0
        self._rows: dict[Row, bytes] = {}

    def add(self, m: Install) -> Snapshot | None:
        """The whole copy once its last part is there; WrongState when one before it is missing."""
        of = Position(m.serial, m.epoch)
        if m.part == 0:
            self._of, self._next, self._rows = of, 0, {}
        if of != self._of or m.part != self._next:
            raise WrongState(f"part {m.part} of the copy of change {m.serial} came without those before it")
        self._rows.update({(p.kind, p.key): p.value for p in m.rows})
        self._next += 1
        if not m.last:
            return None
        rows, self._rows, self._next = self._rows, {}, -1
        return Snapshot(m.serial, m.epoch, rows)
