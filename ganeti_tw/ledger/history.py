"""Bringing a ledger that is behind up to another: by the missing changes where possible, else by a whole copy.

One writer per epoch, and no serial used twice in an epoch: so two ledgers whose
last changes have the same serial and epoch are the same up to there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from twisted.internet.defer import Deferred

from ganeti_tw.errors import DriverError
from ganeti_tw.kernel import Ref
from ganeti_tw.ledger.seam import Row, Snapshot, Store
from ganeti_tw.protocol.ledger import Append, Change, CopyPart, GetChanges, GetCopy, Install, Position, Put

Ask = Callable[[Ref, Any, float], Deferred[Any]]

APPEND_BYTES = 2**20  # about, of one Append
PART_BYTES = 2**20  # about, of one Install
ANSWER_DEADLINE = 5.0
INSTALL_DEADLINE = 30.0  # the last part waits for all rows to be written


async def changes_after(store: Store, at: Position, size: int) -> tuple[Change, ...] | None:
    """About ``size`` bytes of what follows ``at``; None when ``at`` is not in this history, or too long ago."""
    if at.serial > 0:
        own = await store.tail(at.serial - 1, 0)
        if not own or own[0].epoch != at.epoch:
            return None
    return await store.tail(at.serial, size)


async def send_missing(ask: Ask, follower: Ref, store: Store, at: Position, epoch: int) -> Position:
    """Give a follower that is at ``at`` some of what it lacks of our store, or a copy.

    Answer: where it is then; ``at`` when our store has nothing more.
    """
    changes = await changes_after(store, at, APPEND_BYTES)
    if changes is None:
        return await send_copy(ask, follower, store)
    if not changes:
        return at
    position: Position = await ask(follower, Append(epoch, at, changes), ANSWER_DEADLINE)
    return position


async def send_copy(ask: Ask, follower: Ref, store: Store) -> Position:
    """Replace what a follower has; answer: where it is then."""
    snapshot = await store.load()
    position = Position(0, 0)
    for number, (rows, last) in enumerate(parts(snapshot.rows)):
        message = Install(snapshot.serial, snapshot.epoch, rows, number, last)
        position = await ask(follower, message, INSTALL_DEADLINE if last else ANSWER_DEADLINE)
        if position == Position(snapshot.serial, snapshot.epoch):
            break  # it had it already, or an earlier try got through
    return position


async def fetch_missing(ask: Ask, follower: Ref, store: Store) -> Position:
    """Take from another candidate all it has and our store lacks; for a host about to become master.

    Our store must not be written by anyone else meanwhile.  Answer: where it is then.
    """
    while True:
        at = await store.position()
        changes = await ask(follower, GetChanges(at), ANSWER_DEADLINE)
        if changes is None:
            await store.install(await fetch_copy(ask, follower))
        elif changes:
            await store.append(changes)
        else:
            return at


async def fetch_copy(ask: Ask, follower: Ref) -> Snapshot:
    """All another candidate has."""
    rows: dict[Row, bytes] = {}
    part: CopyPart = await ask(follower, GetCopy(), INSTALL_DEADLINE)
    number = 0
    while True:
        rows.update({(p.kind, p.key): p.value for p in part.rows})
        if part.last:
            return Snapshot(part.serial, part.epoch, rows)
        number += 1
        begun = part.serial
        part = await ask(follower, GetCopy(number, begun), ANSWER_DEADLINE)
        if part.serial != begun:
            raise DriverError(f"{follower.path} sent parts of two different copies of its ledger")


def parts(rows: Mapping[Row, bytes]) -> Iterator[tuple[tuple[Put, ...], bool]]:
    """The rows in portions of about PART_BYTES, each with whether it is the last; at least one."""
    portion: list[Put] = []
    size = 0
    for (kind, key), value in rows.items():
        if portion and size + len(value) > PART_BYTES:
            yield tuple(portion), False
            portion, size = [], 0
        portion.append(Put(kind, key, value))
        size += len(value) + len(key) + 64
    yield tuple(portion), True
