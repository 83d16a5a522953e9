"""Opening a reign, and finding out what a disk that failed did all the same."""

from __future__ import annotations

import json

from attrs import frozen

from ganeti_tw.errors import Corrupt, WrongState
from ganeti_tw.ledger.pipeline import rows_of
from ganeti_tw.ledger.seam import IN_SYNC, REIGN, Store
from ganeti_tw.protocol.ledger import Change, Delete, Position, Put


@frozen
class Opened:
    """The ledger as a reign begins."""

    at: Position  # of the change that opens it, the last one
    in_sync: dict[str, bytes]  # rows of the candidates


async def open_reign(
    store: Store, epoch: int, since: float, again: bool, own_name: str = "", first: tuple[Put, ...] = ()
) -> Opened:
    """Write the first change of ``epoch``, and ``first`` with it.

    It makes the reign visible in every copy: a follower that has changes a dead
    master told nobody else about is told apart by it.  WrongState unless the
    epoch is higher than any before.  ``again``: this process tried before with
    the same ``since``, and that write may have succeeded.
    """
    at = await store.position()
    value = json.dumps({"epoch": epoch, "since": since}).encode()
    if at.epoch < epoch:
        at = Position(at.serial + 1, epoch)
        # The master before kept a row of this host when it was a candidate.
        deletes = tuple(Delete(IN_SYNC, name) for name in await store.read(IN_SYNC, [own_name]))
        await store.append([Change(at.serial, epoch, (Put(REIGN, "current", value), *first), deletes)])
    elif not again or (await store.read(REIGN)).get("current") != value:
        raise WrongState(f"the ledger has seen epoch {at.epoch}: a new reign needs a higher one than {epoch}")
    return Opened(at, await store.read(IN_SYNC))


@frozen
class Finding:
    """Whether a batch is on the disk, and what would take it back."""

    stored: bool
    puts: tuple[Put, ...] = ()
    deletes: tuple[Delete, ...] = ()


async def examine(store: Store, before: Position, changes: tuple[Change, ...]) -> Finding:
    """What became of a batch whose write ended in an error; ``before`` is where the store was.

    Corrupt when the store is at neither end of the batch: someone else writes to it.
    """
    at = await store.position()
    if at == Position(changes[-1].serial, changes[-1].epoch):
        return Finding(True)
    if at != before:
        raise Corrupt(f"the ledger on disk is at {at}, but was left at {before}: does another process write to it?")
    puts: list[Put] = []
    deletes: list[Delete] = []
    for kind, keys in sorted(rows_of(changes).items()):
        old = await store.read(kind, sorted(keys))
        puts.extend(Put(kind, key, value) for key, value in sorted(old.items()))
        deletes.extend(Delete(kind, key) for key in sorted(keys - old.keys()))
    return Finding(False, tuple(puts), tuple(deletes))
