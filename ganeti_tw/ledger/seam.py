"""What every store of the ledger does, and the rules all of them check."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from attrs import frozen

from ganeti_tw.errors import WrongState
from ganeti_tw.protocol.ledger import Change, Position

if TYPE_CHECKING:  # programs that block use the rest of this
    from twisted.internet.defer import Deferred

Row = tuple[str, str]  # kind and key
EMPTY = Position(0, 0)  # of a store that never held a change
TAIL_CHANGES = 10_000  # recent changes kept for followers that were away
TAIL_BYTES = 64 * 2**20
IN_SYNC = "insync"  # kind of rows: one per candidate that is or was in sync; only the ledger writes it
REIGN = "reign"  # kind of the one row, "current", that opens each epoch; only the ledger writes it
OWN_KINDS = frozenset({IN_SYNC, REIGN})


@frozen
class Snapshot:
    """All rows as they were right after change ``serial``, which was written in ``epoch``."""

    serial: int
    epoch: int
    rows: Mapping[Row, bytes]


class Store(Protocol):
    """Rows and recent changes on one disk.

    Calls are done one after the other, in the order they were made.  All raise
    DriverError when the disk fails, and Corrupt, naming the file and the
    remedy, when what is on it cannot be trusted.
    """

    def position(self) -> Deferred[Position]:
        """Serial and epoch of the last change on disk; (0, 0) in a new store."""

    def load(self, kinds: Collection[str] | None = None) -> Deferred[Snapshot]:
        """All rows, or those of some kinds, at one moment."""

    def read(self, kind: str, keys: Collection[str] | None = None) -> Deferred[dict[str, bytes]]:
        """Rows of one kind by key; keys that do not exist are left out."""

    def append(self, changes: Sequence[Change]) -> Deferred[None]:
        """Put changes on disk, all or none, with one wait for the disk.

        WrongState, and nothing changes, unless serials follow without a gap
        and epochs do not fall.  After a DriverError or Expired only
        ``position`` tells whether it was done.
        """

    def install(self, snapshot: Snapshot) -> Deferred[None]:
        """Replace everything, all or nothing; the recent changes are gone.  Serials may go back here."""

    def tail(self, after: int, size: int | None = None) -> Deferred[tuple[Change, ...] | None]:
        """The changes after a serial, in order, at least one and then about ``size`` bytes.

        None: some of them are gone, take a snapshot.
        """

    def close(self) -> Deferred[None]:
        """Let go of the disk; the next call opens it again."""


def check_follows(position: Position, changes: Sequence[Change]) -> None:
    """WrongState unless the changes continue a ledger that is at ``position``."""
    serial, epoch = position.serial, position.epoch
    for change in changes:
        if change.serial != serial + 1:
            raise WrongState(f"change {change.serial} cannot follow change {serial} of the ledger")
        if change.epoch < epoch:
            raise WrongState(f"change {change.serial} of epoch {change.epoch} cannot follow one of epoch {epoch}")
        serial, epoch = change.serial, change.epoch


def size_of(change: Change) -> int:
    """About how many bytes a change takes, in memory and on a wire."""
    size = 64
    for put in change.puts:
        size += 64 + len(put.kind) + len(put.key) + len(put.value)
    for delete in change.deletes:
        size += 32 + len(delete.kind) + len(delete.key)
    return size
