"""The actor that owns the configuration of the cluster."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from attrs import evolve, frozen
from twisted.internet.defer import Deferred

from ganeti_tw.errors import GanetiError
from ganeti_tw.kernel import Actor, Outcome, Rank, Ref, receive
from ganeti_tw.ledger.messages import Commit
from ganeti_tw.model.base import touched
from ganeti_tw.model.codec import key_of, row
from ganeti_tw.model.config import Config
from ganeti_tw.model.rows import Delete, Put
from ganeti_tw.protocol.config import Changes, ConfigChanged, Edit, Follow, GetConfig

COMMIT_TIMEOUT = 60.0


class Published:
    """The latest stored configuration, for all who only read."""

    def __init__(self, config: Config) -> None:
        self.config = config


@frozen
class _Stored:
    """A commit ended."""

    outcome: Outcome


@frozen
class _Pending:
    """An edit on its way to the ledger."""

    puts: tuple[Put, ...]
    deletes: tuple[Delete, ...]
    answer: Deferred[Config]


class ConfigKeeper(Actor):
    """Turns edits into rows of the ledger, in order, and publishes what is stored.

    Edits see those before them before these are stored, so that many can be on
    the way at once; when one fails the ones after it still hold, since each row
    is written whole.
    """

    rank = Rank.CONFIG
    capacity = 20000

    def __init__(self, published: Published, ledger: Ref, now: Callable[[], float]) -> None:
        self._published = published
        self._newest = published.config
        self._ledger = ledger
        self._now = now
        self._pending: deque[_Pending] = deque()
        self._followers: list[Ref] = []

    @receive(GetConfig)
    def get_config(self, m: GetConfig) -> Config:
        return self._published.config

    @receive(Follow)
    def follow(self, m: Follow) -> None:
        self._followers.append(m.ref)
        m.ref.tell(ConfigChanged(self._published.config))

    @receive(Edit)
    def edit(self, m: Edit) -> Deferred[Config]:
        changes = m.change(self._newest)
        answer: Deferred[Config] = Deferred()
        if not changes.puts and not changes.deletes:
            answer.callback(self._published.config)
            return answer
        puts, deletes = self._rows(changes)
        self._newest = self._newest.apply(puts, deletes)
        self._pending.append(_Pending(puts, deletes, answer))
        self.aside(_commit(self.ask, self._ledger, puts, deletes), then=_Stored)
        return answer

    @receive(_Stored)
    def stored(self, m: _Stored) -> None:
        edit = self._pending.popleft()
        if m.outcome.failure is not None:
            self._newest = self._published.config
            for later in self._pending:
                self._newest = self._newest.apply(later.puts, later.deletes)
            edit.answer.errback(m.outcome.failure)
            return
        config = self._published.config.apply(edit.puts, edit.deletes)
        self._published.config = config
        edit.answer.callback(config)
        for follower in self._followers:
            try:
                follower.tell(ConfigChanged(config))
            except GanetiError:  # it stopped, and hears no more news
                self._followers = [f for f in self._followers if f is not follower]

    def _rows(self, changes: Changes) -> tuple[tuple[Put, ...], tuple[Delete, ...]]:
        now = self._now()
        puts = [row(self._stamped(thing, now)) for thing in changes.puts]
        puts.append(row(touched(self._newest.top, now)))
        deletes = tuple(Delete(*key_of(thing)) for thing in changes.deletes)
        return tuple(puts), deletes

    def _stamped(self, thing: Any, now: float) -> Any:
        if not hasattr(thing, "serial_no"):  # job filters are not numbered
            return thing
        current = self._newest.current(thing)
        if current is None:
            return evolve(thing, serial_no=1, ctime=now, mtime=now)
        return evolve(thing, serial_no=current.serial_no + 1, mtime=now)


async def _commit(
    ask: Callable[..., Deferred[Any]], ledger: Ref, puts: tuple[Put, ...], deletes: tuple[Delete, ...]
) -> Any:
    return await ask(ledger, Commit(puts, deletes), COMMIT_TIMEOUT)
