"""The actor that numbers changes and acknowledges them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ganeti_tw.errors import (
    BadRequest,
    Corrupt,
    DriverError,
    GanetiError,
    MailboxFull,
    OutcomeUnknown,
    StaleEpoch,
    WrongState,
)
from ganeti_tw.kernel import Actor, Gone, Outcome, Rank, Ref, receive
from ganeti_tw.ledger.audience import REMIND, Audience
from ganeti_tw.ledger.candidates import Candidates
from ganeti_tw.ledger.messages import (
    Commit,
    Committed,
    GetLedgerState,
    LedgerState,
    SetFollowers,
    Subscribe,
)
from ganeti_tw.ledger.pipeline import Entry, Pipeline, named_rows
from ganeti_tw.ledger.reign import Finding, Opened, examine, open_reign
from ganeti_tw.ledger.replicator import Lost, Pace, Reached, Replicator
from ganeti_tw.ledger.seam import EMPTY, OWN_KINDS, Store
from ganeti_tw.protocol.ledger import Position, Put
from ganeti_tw.protocol.mastership import Testify

log = Logger()


@frozen
class _Opened:
    """The reign has begun, or could not."""

    outcome: Outcome


@frozen
class _Written:
    """A batch was written here, or failed."""

    outcome: Outcome


@frozen
class _Examined:
    """What the store says of a batch that failed."""

    outcome: Outcome


@frozen
class _Retry:
    """Try again what our disk refused."""


@frozen
class _Testified:
    """Enough nodes know who is in sync, or could not be told."""

    names: tuple[str, ...]
    outcome: Outcome


@frozen
class _Unnamed:
    """Candidates should have been named by now."""


@frozen
class _Remind:
    """Some news could not be told."""


class Ledger(Actor):
    """The one writer of the cluster; see ``docs/decisions/001-ledger-replication.rst``.

    The rules:

    1. A reign begins with a recorded change, in an epoch higher than all
       before.  So (serial, epoch) names one change, whoever lost power when.
    2. Changes go to our disk and to the followers at the same time.  They are
       acknowledged in order, once on our disk and on that of every candidate
       in the in-sync set.
    3. A candidate that fails or is late leaves the set by a change that must
       be stored here and by all others of the set before it counts; one that
       is level counts again before its return is recorded, which waits until
       it has all that was acknowledged.
    4. When our disk fails, the store is asked what it has.  A batch it has
       goes on as if nothing had happened.  One it lacks is answered with
       DriverError and, if a follower may have it, is stored after all together
       with its reversal as soon as the disk permits: its serials are used for
       nothing else.  Until a write succeeds, followers get changes only after
       our disk.
    5. Who is in sync is known to enough nodes, so that whoever wants to be
       master hears of it: before the first acknowledgement of a reign, and
       before anything is acknowledged without a candidate that left.  While
       too few do, commits are refused with what the witnesses give as the reason.
    6. Once a follower knows a later epoch nothing is acknowledged any more,
       and ``ended`` is called with the reason; likewise when the store turns
       out to be damaged or written by someone else.

    ``spawn`` starts the replicators; ``now`` is the time of day for records.
    ``witnesses`` takes Testify; without one nobody needs to know.  ``first`` is
    part of the change that opens the reign.
    """

    rank = Rank.LEDGER
    capacity = 20_000

    def __init__(
        self,
        store: Store,
        epoch: int,
        spawn: Callable[[str, Callable[[], Actor]], Ref],
        clock: IReactorTime,
        now: Callable[[], float],
        random: Callable[[], float],
        ended: Callable[[GanetiError], None] = lambda reason: None,
        pace: Pace | None = None,
        *,
        own_name: str = "",
        witnesses: Ref | None = None,
        first: tuple[Put, ...] = (),
    ) -> None:
        self._own_name = own_name
        self._witnesses = witnesses
        self._first = first
        self._testifying = False
        self._testified: tuple[str, ...] | None = None  # what enough nodes know; None: nothing of this reign
        self._testimonies = 0
        self._unwitnessed: GanetiError | None = None
        self._store = store
        self._epoch = epoch
        self._spawn = spawn
        self._clock = clock
        self._now = now
        self._random = random
        self._ended = ended
        self._pace = pace if pace is not None else Pace()
        self._since = now()
        self._opening: Position | None = None  # None: the reign has not begun
        self._told = EMPTY
        self._line = Pipeline(EMPTY)
        self._candidates = Candidates(self._line, self._replicate, now)
        self._wanted: Mapping[str, Ref] | None = None  # named before the reign began
        self._replicators = 0  # started so far
        self._problem: GanetiError | None = None
        self._batch_error = DriverError("")
        self._over = False  # no way back from the problem
        self._blind = False  # the store would not even say what it has
        self._retrying = False
        self._audience = Audience(lambda: self.later(REMIND, _Remind()))

    # -- beginning and end ----------------------------------------------------------------------------------------

    def started(self) -> None:
        self.aside(self._open(False), then=_Opened)

    def _open(self, again: bool) -> Coroutine[Any, Any, Opened]:
        return open_reign(self._store, self._epoch, self._since, again, self._own_name, self._first)

    def stopped(self) -> None:
        self._candidates.stop()

    @receive(_Opened)
    def opened(self, m: _Opened) -> None:
        try:
            opened: Opened = m.outcome.result()
        except (Corrupt, WrongState) as e:
            self._give_up(e)
            return
        except GanetiError as e:
            self._problem = e
            log.error("the ledger cannot be opened: {error}", error=e)
            self._refuse(self._line.refuse_waiting(), e)
            self._retry_soon()
            return
        self._problem = None
        self._opening = self._told = self._line.at = opened.at
        log.info("epoch {epoch} of the ledger begins with change {serial}", epoch=self._epoch, serial=opened.at.serial)
        anyone = self._candidates.recorded(opened.in_sync)
        if self._wanted is not None:
            self._candidates.follow(self._wanted)
            self._candidates.admit(self._told.serial)
        elif anyone:
            self.later(self._pace.deadline, _Unnamed())
        self._write()

    def _give_up(self, error: GanetiError) -> None:
        """Acknowledge nothing any more."""
        if self._over:
            return
        self._over, self._problem = True, error
        log.error("the ledger takes no more changes: {error}", error=error)
        untouched, unknown = self._line.abandon()
        self._refuse(untouched, error)
        self._refuse(unknown, OutcomeUnknown(f"the change may or may not last: {error}"))
        self._candidates.stop()
        self._ended(error)

    def _retry_soon(self) -> None:
        if not self._retrying:
            self._retrying = True
            self.later(self._pace.retry, _Retry())

    @receive(_Retry)
    def retry(self, m: _Retry) -> None:
        self._retrying = False
        if self._over:
            return
        if self._opening is None:
            self.aside(self._open(True), then=_Opened)
            return
        self._candidates.retry(self._told.serial)
        if self._blind:
            self._examine()
        else:
            self._write(repair=True)
        if self._line.cautious:
            self._retry_soon()

    # -- commits --------------------------------------------------------------------------------------------------

    @receive(Commit)
    def commit(self, m: Commit) -> Deferred[int]:
        problem = self._problem or self._unwitnessed
        if problem is not None:
            raise problem
        if self._line.full:
            raise MailboxFull("more changes wait than the disk and the candidates keep up with; try again later")
        rows = named_rows(m.puts, m.deletes)
        if not rows or len(set(rows)) < len(rows):
            raise BadRequest("a change must name some rows, each of them once")
        if any(kind in OWN_KINDS for kind, _ in rows):
            raise BadRequest(f"rows of kind {' and '.join(sorted(OWN_KINDS))} are written by the ledger alone")
        answer: Deferred[int] = Deferred()
        self._line.add(Entry(m.puts, m.deletes, answer))
        self._write()
        return answer

    def _write(self, repair: bool = False) -> None:
        """Begin the next batch, unless one is being written; for a repair alone only when told so."""
        self._testify()
        if self._opening is None or self._over or self._line.writing:
            return
        if not self._line.has_waiting and not (repair and self._line.repairing):
            return
        batch = [entry.change for entry in self._line.next_batch()]
        if not self._line.cautious:
            self._candidates.feed()
        self.aside(self._store.append(batch), then=_Written)

    @receive(_Written)
    def written(self, m: _Written) -> None:
        if self._over:
            return
        try:
            m.outcome.result()
        except GanetiError as e:
            self._batch_error = DriverError(f"the ledger could not be written: {e}")
            log.warn("the ledger could not be written: {error}", error=e)
            self._examine()
        else:
            self._stored()

    def _stored(self) -> None:
        self._blind = False
        self._candidates.feed()
        self._line.stored()
        self._progress()
        self._write()

    def _examine(self) -> None:
        batch = tuple(entry.change for entry in self._line.writing)
        self.aside(examine(self._store, self._line.at, batch), then=_Examined)

    @receive(_Examined)
    def examined(self, m: _Examined) -> None:
        if self._over:
            return
        try:
            finding: Finding = m.outcome.result()
        except Corrupt as e:
            self._give_up(e)
        except GanetiError as e:
            self._blind = True
            self._refuse(self._line.writing, OutcomeUnknown(f"the change may have been stored, or not: {e}"))
            self._refuse(self._line.refuse_waiting(), e)
            self._retry_soon()
        else:
            if finding.stored:
                self._stored()
            else:
                self._lost(finding)

    def _lost(self, finding: Finding) -> None:
        self._blind = False
        self._refuse(self._line.lost(Entry(finding.puts, finding.deletes)), self._batch_error)
        self._progress()
        self._retry_soon()
        self._write()

    def _refuse(self, entries: Iterable[Entry], error: GanetiError) -> None:
        for entry in entries:
            if entry.answer is not None and not entry.answer.called:
                entry.answer.errback(error)

    def _progress(self) -> None:
        """Acknowledge what can be, and let in who is level."""
        self._testify()
        if self._testified is None:
            return  # nodes may still count on hosts that were in sync in the reign before
        done = self._line.acknowledge(self._candidates.acknowledged())
        if done:
            self._told = Position(done[-1].change.serial, self._epoch)
            self._audience.tell(Committed(tuple(entry.change for entry in done)))
        for entry in done:
            if entry.answer is not None and not entry.answer.called:
                entry.answer.callback(entry.change.serial)
        self._candidates.admit(self._told.serial)

    # -- witnesses ------------------------------------------------------------------------------------------------

    def _testify(self) -> None:
        """Have nodes know who is in sync, when that has changed."""
        if self._opening is None or self._over or self._testifying:
            return
        names = (self._own_name, *self._candidates.in_sync())
        if names == self._testified or self._witnesses is None:
            self._testified = names
            self._candidates.confirmed(names)
            return
        self._testifying = True
        self._testimonies += 1
        testimony = Testify(names, Position(self._testimonies, self._epoch), self._pace.deadline)
        # Later than that only if nobody is there to answer.
        asked = self.ask(self._witnesses, testimony, self._pace.deadline + 1.0)
        self.aside(asked, then=partial(_Testified, names))

    @receive(_Testified)
    def testified(self, m: _Testified) -> None:
        self._testifying = False
        if self._over:
            return
        try:
            m.outcome.result()
        except StaleEpoch as e:
            self._give_up(e)
        except GanetiError as e:
            log.warn("too few nodes know who is in sync: {error}", error=e)
            self._unwitnessed = e
            unknown = OutcomeUnknown(f"the change may or may not last: {self._unwitnessed}")
            self._refuse(self._line.stored_entries(), unknown)
            self._refuse(self._line.refuse_waiting(), self._unwitnessed)
            self._testify()
        else:
            self._unwitnessed = None
            self._testified = m.names
            self._candidates.confirmed(m.names)
            self._progress()
            self._write()

    # -- followers ------------------------------------------------------------------------------------------------

    @receive(SetFollowers)
    def set_followers(self, m: SetFollowers) -> None:
        self._wanted = dict(m.followers)
        if self._opening is not None and not self._over:
            self._candidates.follow(self._wanted)
            self._progress()
            self._write()

    @receive(_Unnamed)
    def unnamed(self, m: _Unnamed) -> None:
        if not self._candidates.named and not self._over:
            self._candidates.nobody_named()
            self._write()

    @receive(Reached)
    def reached(self, m: Reached) -> None:
        if not self._over and self._candidates.reached(m.replicator, m.serial, m.level, self._clock.seconds()):
            self._progress()
            self._write()

    @receive(Lost)
    def lost(self, m: Lost) -> None:
        if self._over or not self._candidates.lost(m.replicator, m.reason):
            return
        if m.stale:
            self._give_up(StaleEpoch(f"{m.follower} follows a later master: {m.reason}"))
        else:
            self._write()

    def _replicate(self, name: str, follower: Ref) -> Ref:
        """Start the replicator of a candidate."""
        assert self._opening is not None, "nobody is sent anything before the reign has begun"
        opening = self._opening

        def make() -> Replicator:
            # A batch being written is not counted: the replicator is told of it once it is stored.
            last = self._line.at.serial
            return Replicator(name, follower, self.me, self._store, opening, last, self._random, self._pace)

        self._replicators += 1
        replicator = self._spawn(f"{self.me.path}/{name}/{self._replicators}", make)
        replicator.watch(self.me)
        return replicator

    # -- whoever looks or listens ---------------------------------------------------------------------------------

    @receive(Subscribe)
    def subscribe(self, m: Subscribe) -> Position:
        self._audience.add(m.subscriber)
        m.subscriber.watch(self.me)
        return self._told

    @receive(_Remind)
    def remind(self, m: _Remind) -> None:
        self._audience.deliver()

    @receive(Gone)
    def gone(self, m: Gone) -> None:
        self._audience.remove(m.path)
        if self._candidates.crashed(m.path):
            self._retry_soon()
            self._write()

    @receive(GetLedgerState)
    def state(self, m: GetLedgerState) -> LedgerState:
        now = self._clock.seconds()
        problem = str(self._problem or self._unwitnessed or "")
        if not problem and self._line.cautious:
            problem = str(self._batch_error)
        return LedgerState(
            position=self._told,
            epoch=self._epoch,
            stored=self._line.at.serial,
            waiting=self._line.waiting,
            problem=problem,
            followers=self._candidates.states(now),
        )
