"""The actor that owns the configuration of the cluster."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from attrs import evolve, field, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ganeti_tw.errors import GanetiError, OutcomeUnknown
from ganeti_tw.kernel import Actor, Gone, Outcome, Rank, Ref, receive
from ganeti_tw.ledger.messages import Commit
from ganeti_tw.model.base import touched
from ganeti_tw.model.codec import key_of, row
from ganeti_tw.model.config import Config
from ganeti_tw.model.rows import Delete, Put
from ganeti_tw.protocol.config import Changes, ConfigChanged, Edit, Follow, GetConfig

COMMIT_TIMEOUT = 600.0  # the ledger has its own, much shorter ones for disks and candidates
TOGETHER = 32  # edits in one commit, at most

log = Logger()


class Published:
    """The latest stored configuration, for all who only read."""

    def __init__(self, config: Config) -> None:
        self.config = config


@frozen
class _Batch:
    """Edits on their way to the ledger together."""

    config: Config  # as it is with them
    answers: list[Deferred[Config]]
    rows: dict[tuple[str, str], Put | Delete] = field(factory=dict)


@frozen
class _Stored:
    """A commit ended."""

    batch: _Batch
    outcome: Outcome


class ConfigKeeper(Actor):
    """Turns edits into rows of the ledger, in order, and publishes what is stored.

    Edits that come while others are being stored wait, and then go together in
    one commit, each seeing those before it.  So none is ever built on another
    that fails later: a commit that fails takes back its own edits and nothing else.
    ``unsure`` is called when nobody knows whether a commit was stored; then
    nothing is stored any more, and the reign must end.
    """

    rank = Rank.CONFIG
    capacity = 20000

    def __init__(
        self, published: Published, ledger: Ref, now: Callable[[], float], unsure: Callable[[GanetiError], None]
    ) -> None:
        self._unsure = unsure
        self._published = published
        self._ledger = ledger
        self._now = now
        self._waiting: deque[tuple[Callable[[Config], Changes], Deferred[Config]]] = deque()
        self._storing = False
        self._followers: dict[str, Ref] = {}

    @receive(GetConfig)
    def get_config(self, m: GetConfig) -> Config:
        return self._published.config

    @receive(Follow)
    def follow(self, m: Follow) -> None:
        m.ref.tell(ConfigChanged(self._published.config))
        self._followers[m.ref.path] = m.ref
        m.ref.watch(self.me)

    @receive(Gone)
    def follower_gone(self, m: Gone) -> None:
        self._followers.pop(m.path, None)

    @receive(Edit)
    def edit(self, m: Edit) -> Deferred[Config]:
        answer: Deferred[Config] = Deferred()
        self._waiting.append((m.change, answer))
        self._go_on()
        return answer

    @receive(_Stored)
    def stored(self, m: _Stored) -> None:
        self._storing = False
        failure = m.outcome.failure
        if failure is not None:
            if isinstance(failure.value, OutcomeUnknown):
                # Nothing more is stored in this reign: the next one reads what the ledger has.
                self._storing = True
                for answer in m.batch.answers:
                    answer.errback(failure)
                self._unsure(failure.value)
                return
            for answer in m.batch.answers:
                answer.errback(failure)
        else:
            before, self._published.config = self._published.config, m.batch.config
            for answer in m.batch.answers:
                answer.callback(m.batch.config)
            self._tell_followers(ConfigChanged(m.batch.config, before, frozenset(m.batch.rows)))
        self._go_on()

    def _go_on(self) -> None:
        """Begin the next commit, unless one is on its way."""
        while self._waiting and not self._storing:
            batch = self._next_batch()
            if batch.rows:
                self._storing = True
                work = _commit(self.ask, self._ledger, tuple(batch.rows.values()))
                self.aside(work, then=partial(_Stored, batch))
            else:
                for answer in batch.answers:
                    answer.callback(batch.config)

    def _next_batch(self) -> _Batch:
        batch = _Batch(self._published.config, [])
        while self._waiting and len(batch.answers) < TOGETHER:
            change, answer = self._waiting.popleft()
            try:
                # The code is that of the asker; a bug in it must not take the keeper, and so the master, along.
                whose = "a change of the configuration"
                puts, deletes, config = self.guarded(whose, self._changed, batch.config, change)
            except GanetiError as e:
                answer.errback(e)
                continue
            batch = evolve(batch, config=config)
            batch.answers.append(answer)
            rows: tuple[Put | Delete, ...] = (*puts, *deletes)
            batch.rows.update({(r.kind, r.key): r for r in rows})
        return batch

    def _changed(
        self, config: Config, change: Callable[[Config], Changes]
    ) -> tuple[tuple[Put, ...], tuple[Delete, ...], Config]:
        puts, deletes = self._rows(config, change(config))
        return puts, deletes, config.apply(puts, deletes)

    def _rows(self, config: Config, changes: Changes) -> tuple[tuple[Put, ...], tuple[Delete, ...]]:
        if not changes.puts and not changes.deletes:
            return (), ()
        now = self._now()
        puts = [row(_stamped(config, thing, now)) for thing in changes.puts]
        puts.append(row(touched(config.top, now)))
        return tuple(puts), tuple(Delete(*key_of(thing)) for thing in changes.deletes)

    def _tell_followers(self, news: ConfigChanged) -> None:
        for path, follower in self._followers.items():
            try:
                follower.tell(news)
            except GanetiError as e:
                log.warn("{path} was not told of a change: {reason}", path=path, reason=e.text)


def _stamped(config: Config, thing: Any, now: float) -> Any:
    """The thing with its next serial number and its times."""
    if not hasattr(thing, "serial_no"):  # job filters are not numbered
        return thing
    current = config.current(thing)
    if current is None:
        return evolve(thing, serial_no=1, ctime=now, mtime=now)
    return evolve(thing, serial_no=current.serial_no + 1, mtime=now)


async def _commit(ask: Callable[..., Deferred[Any]], ledger: Ref, rows: tuple[Put | Delete, ...]) -> Any:
    puts = tuple(r for r in rows if isinstance(r, Put))
    deletes = tuple(r for r in rows if isinstance(r, Delete))
    return await ask(ledger, Commit(puts, deletes), COMMIT_TIMEOUT)
