"""How the master hands the ledger to its followers."""

from __future__ import annotations

from attrs import frozen

from ganeti_tw.model.rows import Delete, Put
from ganeti_tw.protocol.registry import wire

__all__ = ["Append", "Change", "Delete", "GetPosition", "Install", "Position", "Put"]


@frozen
class Change:
    """One atomic change: serials are dense and only grow."""

    serial: int
    epoch: int
    puts: tuple[Put, ...]
    deletes: tuple[Delete, ...] = ()


@frozen
class Position:
    """What a follower has on disk."""

    serial: int
    epoch: int


@wire("follower.get_position/1", what="tell how far its copy of the ledger is", answer=Position)
@frozen
class GetPosition:
    """Answer: Position."""


@wire("follower.append/1", what="store changes of the ledger", answer=Position)
@frozen
class Append:
    """Changes in order, to be stored after ``previous``.

    Answer: the Position after they are on disk; a follower that is not at
    ``previous`` stores nothing and answers where it is.  StaleEpoch when
    ``epoch``, the reign of the sender, is over.
    """

    epoch: int
    previous: Position
    changes: tuple[Change, ...]


@wire("follower.install/1", what="store a copy of the ledger", answer=Position)
@frozen
class Install:
    """One part of a whole copy that replaces what the follower has.

    Parts come in order from 0; the one marked ``last`` makes all of them the
    ledger.  Answer: the Position, which is that of the copy only after the
    last part is on disk.  StaleEpoch when the follower has a later epoch.
    """

    serial: int
    epoch: int
    rows: tuple[Put, ...]
    part: int = 0
    last: bool = True


@wire("follower.get_changes/1", what="hand over changes of the ledger", answer=tuple[Change, ...] | None)
@frozen
class GetChanges:
    """For a new master that may lack changes a candidate has.

    Answer: what follows ``after``, in order, as much as fits in one message
    and nothing when there is no more; None when ``after`` is not in this
    follower's history or too long ago: take a copy.
    """

    after: Position


@frozen
class CopyPart:
    """Some rows of a whole copy; ``last`` when nothing follows."""

    serial: int
    epoch: int
    rows: tuple[Put, ...]
    last: bool


@wire("follower.get_copy/1", what="hand over its copy of the ledger", answer=CopyPart)
@frozen
class GetCopy:
    """Answer: CopyPart number ``part``; part 0 is a fresh copy.

    One copy is kept at a time: WrongState when another one was begun meanwhile.
    """

    part: int = 0
    serial: int = 0  # of the copy begun; ignored with part 0
