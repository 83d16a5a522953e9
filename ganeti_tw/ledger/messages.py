"""What the ledger and the follower of this process are told, and what they tell."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from ganeti_tw.kernel import Ref
from ganeti_tw.ledger.seam import Snapshot
from ganeti_tw.protocol.ledger import Change, Delete, Position, Put


@frozen
class Commit:
    """Make these rows durable, all or none; a row may be named once.

    Answer: the serial, once the change is on disk here and on every in-sync
    candidate.  BadRequest when malformed; MailboxFull when too much waits;
    DriverError when the disk of the master refused it: nothing was changed;
    OutcomeUnknown or StaleEpoch when this master has been succeeded.
    """

    puts: tuple[Put, ...] = ()
    deletes: tuple[Delete, ...] = ()


@frozen
class SetFollowers:
    """The master candidates, without the master, by name.

    Answer: None, at once.  Those new here join the in-sync set when they have
    caught up; those missing leave it by a recorded change.
    """

    followers: Mapping[str, Ref]


@frozen
class Subscribe:
    """Tell ``subscriber`` all news from now on.

    To a ledger: Committed; answer: the last Position told so far.  To a
    follower: Applied and Installed; answer: None.  Who subscribes first and
    reads the store then, misses nothing, and skips what the store had already.
    """

    subscriber: Ref


@frozen
class GetLedgerState:
    """Answer: LedgerState."""


@frozen
class FollowerState:
    """How far one candidate is."""

    name: str
    in_sync: bool
    position: int  # serial it has on disk; 0 before it was heard
    lag: int  # changes it has yet to store
    last_contact: float | None  # seconds ago; None: never in this reign
    last_error: str  # empty when the last exchange went well


@frozen
class LedgerState:
    """How far the ledger and its followers are."""

    position: Position  # of the last acknowledged change
    epoch: int
    stored: int  # last serial on the disk of the master
    waiting: int  # commits not acknowledged yet
    problem: str  # why nothing is acknowledged; empty when all is well
    followers: tuple[FollowerState, ...]  # sorted by name


@frozen
class Committed:
    """News from the ledger: changes now durable here and on all in-sync candidates, in order, without gaps."""

    changes: tuple[Change, ...]


@frozen
class Applied:
    """News from the follower: changes now on the disk of this host, in order."""

    changes: tuple[Change, ...]


@frozen
class Installed:
    """News from the follower: a whole copy replaced what this host had."""

    snapshot: Snapshot
