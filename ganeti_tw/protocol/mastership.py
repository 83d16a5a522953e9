"""What hosts say to each other about who is master."""

from __future__ import annotations

from attrs import frozen

from ganeti_tw.protocol.ledger import Position
from ganeti_tw.protocol.registry import wire


@frozen
class Standing:
    """Whom a host follows, and what it knows of the ledger."""

    name: str
    epoch: int  # the highest it has seen
    master: str  # of that epoch, as far as it knows
    acting: bool  # it is the master, and serves
    ledger: Position | None  # on its disk; None on a regular node
    in_sync: tuple[str, ...]  # hosts that have all that was acknowledged, as it was last told
    in_sync_at: Position  # when that was


@wire("host.get_standing/1", what="tell whom it follows", answer=Standing)
@frozen
class GetStanding:
    """Answer: Standing.  Any node may ask, in whatever epoch it believes."""


@wire("host.promise/1", what="accept a new master", answer=Standing)
@frozen
class Promise:
    """Obey nobody of an earlier epoch any more, and in this one ``leader`` alone; who is master steps down.

    Answer: Standing, once the promise is on disk.  StaleEpoch when a later
    epoch was seen, or this one was promised to someone else.
    """

    epoch: int
    leader: str


@wire("host.witness/1", what="note which hosts have all changes", answer=None)
@frozen
class Witness:
    """These hosts have all that was acknowledged; to be told to who wants to be master.

    Answer: None, once it is on disk or something later is.
    """

    in_sync: tuple[str, ...]
    at: Position


@frozen
class Testify:
    """Have enough nodes know that these hosts have all that was acknowledged.

    ``at``: later than that of all Testify before.  Answer: None, once at least
    half of the nodes that are not offline have it on disk.  StaleEpoch when one
    of them knows a later master; NoMajority after ``deadline`` seconds, or
    DriverError when it is too many of their disks that are to blame.
    """

    in_sync: tuple[str, ...]
    at: Position
    deadline: float


FROM_ANY_EPOCH = frozenset({"host.get_standing/1", "host.promise/1"})
"""Messages whose sender may not know the present epoch yet."""


def order(position: Position) -> tuple[int, int]:
    """For comparing positions: who has the later epoch has more, then who has the higher serial."""
    return position.epoch, position.serial
