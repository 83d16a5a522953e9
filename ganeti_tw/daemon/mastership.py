"""Becoming master, and ceasing to be: at the start, by command, and when there is another."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import evolve, frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from ganeti_tw.daemon import election
from ganeti_tw.daemon.election import Poll, VoteSplit
from ganeti_tw.daemon.inquiry import ask_all, ask_each, ask_host
from ganeti_tw.daemon.master import Master
from ganeti_tw.daemon.readledger import Found, read_ledger
from ganeti_tw.errors import Cancelled, GanetiError, NoMember, NotFound, StaleEpoch, WrongState
from ganeti_tw.kernel import Ref
from ganeti_tw.ledger.history import fetch_missing
from ganeti_tw.model.base import touched
from ganeti_tw.model.codec import row
from ganeti_tw.model.config import Config
from ganeti_tw.model.rows import Put
from ganeti_tw.protocol.mastership import GetStanding, Promise, Standing

if TYPE_CHECKING:
    from ganeti_tw.daemon.host import Host

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
REMOVED_PAUSE = 600.0  # of one that was removed from the cluster
LEAP = 1_000_000
TRIES, SPLIT_PAUSE = 4, 0.4

T = TypeVar("T")

log = Logger()


def _nothing() -> None:
    pass


@frozen
class Terms:
    """How to become master.

    ``anew``: by command, in the place of another.  Without ``voting`` nobody
    needs to agree.  ``ignore_offline``: nodes marked offline do not count.
    """

    anew: bool = False
    voting: bool = True
    ignore_offline: bool = True
    dry_run: bool = False


@frozen
class Reign:
    """What a master begins with: its ledger, and what its first change writes."""

    found: Found
    first: tuple[Put, ...]
    voting: bool


@frozen
class Takeover:
    """What became of an attempt: ``source`` is whose ledger was the most complete."""

    epoch: int
    old_master: str
    source: str
    accepted: tuple[str, ...]
    silent: dict[str, str]


class Mastership:
    """Part of the host.  One attempt at a time."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._work: Deferred[Any] | None = None
        self._waiting: list[Deferred[Master]] = []
        self.obstacle = "it has just started"
        self._heard_of = 0  # the latest epoch of nodes that need not be in the poll
        self.claimed = 0  # epoch that others are being asked to promise, 0: none

    @property
    def busy(self) -> bool:
        """An attempt is being made, or will be soon."""
        return self._work is not None

    # -- what the host is told -----------------------------------------------------------------------------------

    def seek(self, voting: bool = True) -> None:
        """Be master as soon as most nodes agree; or follow whoever is."""
        if self._work is None:
            self._in_background(self._seek(Terms(voting=voting)))

    def sought(self) -> Deferred[Master]:
        """The master's services once they run."""
        mine: Deferred[Master] = Deferred()
        if self._host.master is not None:
            mine.callback(self._host.master)
        else:
            self._waiting.append(mine)
        return mine

    async def fail_over(self, terms: Terms) -> Takeover:
        """Be master now; GanetiError says what is in the way, and all is as before."""
        host = self._host
        record = host.membership()
        if host.master is not None:
            raise WrongState(f"{host.name} is the master already")
        if not record.is_candidate:
            raise WrongState(
                f"{host.name} is no master candidate, so it has no copy of the configuration; "
                f"the candidates are {', '.join(sorted(record.candidates))}"
            )
        self._interrupt()
        return await self._begin(self._take(terms), then=self._settle)

    async def step_down(self, reason: str) -> None:
        """Acknowledge nothing as master from now on, and follow."""
        if self._host.master is not None:
            log.warn("{name} is the master no longer: {reason}", name=self._host.name, reason=reason)
        config = self._host.config
        ended = self._host.end_reign()
        self._interrupt()
        await ended
        self._host.address.take_off(config)
        if self._work is None:
            # Who takes over does not wait for a follower that the attempt was just stopping.
            self._in_background(self._host.follow())

    def deposed(self, reason: str, node: str = "") -> None:
        """There may be a later master: acknowledge nothing, and look."""
        if self._host.master is None:
            return
        log.warn("{name} may be the master no longer: {reason}", name=self._host.name, reason=reason)
        self.obstacle = f"there may be a later one, which it looks for: {reason}"
        config = self._host.master.published.config
        ended = self._host.end_reign()

        async def look() -> None:
            await ended
            self._host.address.take_off(config)
            if node:
                await self._hear(node)
            await self._seek(Terms())

        self._in_background(look())

    async def stop(self) -> None:
        """End the reign or the attempt."""
        ended = self._host.end_reign()
        self._interrupt()
        await ended
        waiting, self._waiting = self._waiting, []
        for mine in waiting:
            mine.errback(Cancelled(f"{self._host.name} stops"))

    def vanish(self) -> None:
        """Cease at once, as when the power fails."""
        self._waiting = []
        self._interrupt()

    # -- attempts ------------------------------------------------------------------------------------------------

    def _begin(self, work: Coroutine[Any, Any, T], then: Callable[[], None] = _nothing) -> Deferred[T]:
        """Run one attempt, then ``then()``; Cancelled, without that, when something else takes its place."""
        mine: Deferred[T] = Deferred()
        self._work = running = Deferred.fromCoroutine(work)

        def ended(result: Any) -> None:
            if self._work is running:
                self._work = None
                then()
            if isinstance(result, Failure) and result.check(CancelledError):
                result = Failure(Cancelled("something else took the place of this attempt"))
            mine.callback(result)

        running.addBoth(ended)
        return mine

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        self._begin(work).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        if not failure.check(Cancelled):
            log.failure("{name} could not become master", failure=failure, name=self._host.name)
            self._host.outside.fatal("becoming master failed in a way nobody foresaw, see above")

    def _interrupt(self) -> None:
        work, self._work = self._work, None
        if work is not None:
            work.cancel()

    def _settle(self) -> None:
        """After an attempt by command: be what the record says."""
        host = self._host
        if host.master is not None or host.record is None:
            return
        if host.record.is_master:
            self.seek()
        else:
            self._in_background(host.follow())

    async def _seek(self, terms: Terms) -> None:
        """Try until it is master or there is another."""
        host, pause = self._host, FIRST_PAUSE
        while True:
            if not host.membership().is_master:  # the other one has said so meanwhile
                await host.follow()
                return
            try:
                await self._attempt(terms)
            except StaleEpoch as e:
                log.warn("{name} is not the master: {reason}", name=host.name, reason=e.text)
                await host.follow()
                return
            except GanetiError as e:
                if e.text != self.obstacle:
                    log.warn("{name} waits to be master: {reason}", name=host.name, reason=e.text)
                self.obstacle = e.text
                if isinstance(e, NoMember):
                    pause = REMOVED_PAUSE
                # Who is removed while it is dead never hears of its successor, and would have it for ever.
                host.address.take_off()
            else:
                return
            await deferLater(host.outside.clock, pause * (0.5 + host.outside.random()))
            pause = min(LONGEST_PAUSE, 2 * pause)

    async def _hear(self, node: str) -> None:
        """A node that is marked offline, or was until now, may be in an epoch that no other has heard of."""
        try:
            self._heard_of = max(self._heard_of, (await ask_host(self._host.directory, node, GetStanding())).epoch)
        except GanetiError as e:
            log.debug("{node} does not say in which epoch it is: {error}", node=node, error=e.text)

    async def _take(self, terms: Terms) -> Takeover:
        """Several tries, should others have asked for the same epoch at the same time."""
        for _ in range(TRIES):
            try:
                return await self._attempt(terms)
            except VoteSplit as e:
                self.obstacle = e.text
                await deferLater(self._host.outside.clock, SPLIT_PAUSE * (0.5 + self._host.outside.random()))
        raise VoteSplit(self.obstacle)

    async def _attempt(self, terms: Terms) -> Takeover:
        """One try; StaleEpoch after following the master there is."""
        host = self._host
        old = host.membership().master
        config = host.config or (await read_ledger(host.outside.store, host.outside.files)).config
        # Of a node that joined just before this host ended, its record need not know where it is.
        host.read = config
        poll = await self._poll(config, terms)
        if not terms.anew:
            self._follow_successor(poll)
        elif terms.voting:
            election.check_vacant(poll)
        self._judge(poll, terms)
        epoch = 1 + max(self._heard_of, *(s.epoch for s in poll.heard.values()))
        if not terms.voting:
            # Elsewhere a vote may just give someone the next one.
            epoch += 1 + int(LEAP * host.outside.random())
        source = election.most_advanced(host.name, poll.heard)
        if terms.dry_run:
            return Takeover(epoch, old, source, tuple(sorted(poll.heard)), dict(poll.silent))
        promised, refused = await self._promises(poll, epoch, terms)
        source = election.most_advanced(host.name, promised)
        await host.stop_follower()
        if source != host.name:
            log.info("{name} takes what it lacks from {source}", name=host.name, source=source)
            await fetch_missing(_ask, host.directory.ref(source, "follower"), host.outside.store)
        # Now, and not before the promises: until then the follower went on storing what others acknowledged.
        found = await read_ledger(host.outside.store, host.outside.files)
        if terms.voting:
            election.check_still_majority(poll, promised, *self._electorate(found.config, terms))
        self._reign(found, epoch, terms)
        return Takeover(epoch, old, source, tuple(sorted(promised)), {**poll.silent, **refused})

    async def _promises(self, poll: Poll, epoch: int, terms: Terms) -> tuple[dict[str, Standing], dict[str, str]]:
        """Who obeys this host alone from now on, and by name why others do not.

        This host is the last to promise: an attempt that fails must not leave it
        in an epoch of its own, in which it would hear no master any more.  Until
        then it promises the epoch to nobody else.
        """
        own, message = self._host.name, Promise(epoch, self._host.name)
        self.claimed = epoch
        try:
            promised, refused = await ask_all(self._host.directory, poll.heard.keys() - {own}, message)
        finally:
            self.claimed = 0
        poll = evolve(poll, silent={**poll.silent, **refused})
        if terms.voting:
            election.check_promised(poll, {**promised, own: poll.mine})
        promised[own] = await ask_host(self._host.directory, own, message)
        if terms.voting:
            election.check_complete(promised)
        return promised, refused

    def _reign(self, found: Found, epoch: int, terms: Terms) -> None:
        host = self._host
        record = host.membership()
        if record.epoch != epoch:
            raise StaleEpoch(f"epoch {record.epoch} has begun meanwhile")
        found, first = office(found, host.name, host.outside.now())
        host.keep(evolve(record, master=host.name, address_epoch=epoch))
        master = host.begin_reign(Reign(found, first, terms.voting))
        log.info("{name} is the master, in epoch {epoch}", name=host.name, epoch=epoch)
        waiting, self._waiting = self._waiting, []
        for mine in waiting:
            mine.callback(master)

    def _follow_successor(self, poll: Poll) -> None:
        later = election.successor(poll)
        if later is not None:
            record = self._host.membership()
            self._host.keep(evolve(record, epoch=later.epoch, promised="", master=later.master, serial=0))
            raise StaleEpoch(f"{later.master} is, since epoch {later.epoch}")

    def _judge(self, poll: Poll, terms: Terms) -> None:
        if not terms.voting:
            return
        if terms.anew:
            election.check_may_succeed(poll)
        else:
            election.check_followed(poll)
        election.check_complete(poll.heard)

    async def _poll(self, config: Config, terms: Terms) -> Poll:
        host = self._host
        online, electorate = self._electorate(config, terms)
        if host.name not in online:
            raise WrongState(
                f"the configuration that {host.name} has knows no node {host.name}: it was removed from the cluster; "
                "run the command on another master candidate"
            )
        heard, errors = await ask_each(host.directory, online, GetStanding())
        if terms.voting:
            election.check_member(host.name, errors, len(online) - 1)
        silent = {name: error.text for name, error in errors.items()}
        if host.name not in heard:
            raise WrongState(f"{host.name} has no ledger: {silent[host.name]}")
        return Poll(host.name, electorate, heard, silent)

    def _electorate(self, config: Config, terms: Terms) -> tuple[list[str], int]:
        """Who is asked, and how many there are to count."""
        online = [n.name for n in config.nodes.values() if not n.offline or n.name == self._host.name]
        return online, len(online) if terms.ignore_offline else len(config.nodes)


def _ask(ref: Ref, message: Any, timeout: float) -> Deferred[Any]:
    return ref.ask(message, timeout)


def office(found: Found, name: str, now: float) -> tuple[Found, tuple[Put, ...]]:
    """The ledger as the new master has it, and the rows that say that it is the master.

    WrongState when the configuration does not know it as a master candidate.
    """
    config = found.config
    if config.master.name == name:
        return found, ()
    node = config.find_node(name)
    if node is None:
        raise NotFound(f"the configuration has no node {name}: add it again with 'gnt-node add --readd'")
    if not node.master_candidate or node.offline:
        raise WrongState(f"the latest configuration has {name} as no master candidate; run the command on another one")
    puts = (
        row(touched(evolve(config.cluster, master_node=node.uuid), now)),
        row(touched(config.top, now)),
    )
    return evolve(found, config=config.apply(puts, ())), puts
