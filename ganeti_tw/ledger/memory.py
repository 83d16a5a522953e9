"""The store of simulated hosts and of tests: rows in memory over a simulated disk."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Coroutine, Sequence
from itertools import dropwhile
from typing import Any, TypeVar

import msgspec
from attrs import frozen
from twisted.internet.defer import Deferred, DeferredLock

from ganeti_tw.ledger.disk import SimulatedDisk
from ganeti_tw.ledger.seam import EMPTY, TAIL_BYTES, TAIL_CHANGES, Row, Snapshot, check_follows, size_of
from ganeti_tw.protocol.ledger import Change, Position, Put

T = TypeVar("T")


@frozen
class _Record:
    """One write: changes, or a whole copy as it was at ``base``."""

    base: Position | None
    rows: tuple[Put, ...]
    changes: tuple[Change, ...]


_decode = msgspec.msgpack.Decoder(_Record).decode


class MemoryStore:
    """A store whose disk is simulated; a new one on the same disk is the host after a restart."""

    def __init__(self, disk: SimulatedDisk, tail_changes: int = TAIL_CHANGES, tail_bytes: int = TAIL_BYTES) -> None:
        self._disk = disk
        self._tail_changes = tail_changes
        self._tail_bytes = tail_bytes
        self._state: _State | None = None
        self._turn = DeferredLock()

    def position(self) -> Deferred[Position]:
        return self._look(lambda state: state.position)

    def load(self, kinds: Collection[str] | None = None) -> Deferred[Snapshot]:
        def look(state: _State) -> Snapshot:
            rows = {row: value for row, value in state.rows.items() if kinds is None or row[0] in kinds}
            return Snapshot(state.position.serial, state.position.epoch, rows)

        return self._look(look)

    def read(self, kind: str, keys: Collection[str] | None = None) -> Deferred[dict[str, bytes]]:
        def look(state: _State) -> dict[str, bytes]:
            if keys is None:
                return {key: value for (k, key), value in state.rows.items() if k == kind}
            return {key: state.rows[kind, key] for key in keys if (kind, key) in state.rows}

        return self._look(look)

    def tail(self, after: int, size: int | None = None) -> Deferred[tuple[Change, ...] | None]:
        return self._look(lambda state: state.tail(after, size))

    def append(self, changes: Sequence[Change]) -> Deferred[None]:
        return self._in_turn(self._append, tuple(changes))

    def install(self, snapshot: Snapshot) -> Deferred[None]:
        return self._in_turn(self._install, snapshot)

    def close(self) -> Deferred[None]:
        return self._in_turn(self._close)

    def _look(self, look: Callable[[_State], T]) -> Deferred[T]:
        async def looked() -> T:
            return look(self._opened())

        return self._in_turn(looked)

    def _in_turn(self, work: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> Deferred[T]:
        return self._turn.run(lambda: Deferred.fromCoroutine(work(*args)))

    async def _append(self, changes: tuple[Change, ...]) -> None:
        state = self._opened()
        check_follows(state.position, changes)
        if not changes:
            return
        self._state = None  # until the write has ended well, only the disk knows
        await self._disk.append(msgspec.msgpack.encode(_Record(None, (), changes)))
        state.apply(changes, self._tail_changes, self._tail_bytes)
        self._state = state

    async def _install(self, snapshot: Snapshot) -> None:
        rows = tuple(Put(kind, key, value) for (kind, key), value in snapshot.rows.items())
        self._state = None
        await self._disk.replace(msgspec.msgpack.encode(_Record(Position(snapshot.serial, snapshot.epoch), rows, ())))

    async def _close(self) -> None:
        self._state = None

    def _opened(self) -> _State:
        if self._state is None:
            state = _State()
            for written in self._disk.records():
                record = _decode(written)
                if record.base is not None:
                    state = _State(record.base, record.rows)
                state.apply(record.changes, self._tail_changes, self._tail_bytes)
            self._state = state
        return self._state


class _State:
    """What the records on a disk amount to."""

    def __init__(self, base: Position = EMPTY, rows: tuple[Put, ...] = ()) -> None:
        self.position = base
        self.rows: dict[Row, bytes] = {(p.kind, p.key): p.value for p in rows}
        self.base = base.serial  # changes up to here are gone
        self._changes: deque[Change] = deque()
        self._bytes = 0

    def apply(self, changes: tuple[Change, ...], tail_changes: int, tail_bytes: int) -> None:
        for change in changes:
            self.rows.update({(p.kind, p.key): p.value for p in change.puts})
            for d in change.deletes:
                self.rows.pop((d.kind, d.key), None)
            self.position = Position(change.serial, change.epoch)
            self._changes.append(change)
            self._bytes += size_of(change)
        while len(self._changes) > 1 and (len(self._changes) > tail_changes or self._bytes > tail_bytes):
            gone = self._changes.popleft()
            self.base = gone.serial
            self._bytes -= size_of(gone)

    def tail(self, after: int, size: int | None) -> tuple[Change, ...] | None:
        if after < self.base:
            return None
        found: list[Change] = []
        taken = 0
        for change in dropwhile(lambda c: c.serial <= after, self._changes):
            taken += size_of(change)
            if found and size is not None and taken > size:
                break
            found.append(change)
        return tuple(found)
