"""The configuration on a master candidate: a copy that follows the ledger."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ganeti_tw.config.keeper import Published
from ganeti_tw.errors import GanetiError, NoCluster
from ganeti_tw.kernel import Actor, Blocking, Gone, Rank, Ref, receive
from ganeti_tw.ledger.messages import Applied, Installed
from ganeti_tw.ledger.seam import Store
from ganeti_tw.model.codec import CLASSES
from ganeti_tw.model.config import Config
from ganeti_tw.model.rows import Delete, Put
from ganeti_tw.protocol.config import ConfigChanged, Follow

READ_DEADLINE = 60.0

log = Logger()


class View:
    """The configuration as this host has it, None before it has one; and who is told of changes, by path."""

    def __init__(self) -> None:
        self.published: Published | None = None
        self.followers: dict[str, Ref] = {}

    @property
    def config(self) -> Config | None:
        return self.published.config if self.published is not None else None

    def clear(self) -> None:
        """Nothing is here any more, and nobody is told."""
        self.published = None
        self.followers.clear()


class ViewKeeper(Actor):
    """Keeps the view level with what the follower stored, by the same changes; tells those who follow it.

    Whoever is no ``candidate`` has no ledger to read, and none is made by looking.
    """

    rank = Rank.NODE + 1
    capacity = 100_000
    restarts = 3

    def __init__(self, view: View, store: Store, blocking: Blocking, candidate: Callable[[], bool]) -> None:
        self._view = view
        self._store = store
        self._blocking = blocking
        self._candidate = candidate
        self._serial = 0

    def started(self) -> Deferred[None] | None:
        return Deferred.fromCoroutine(self._read()) if self._candidate() else None

    @receive(Follow)
    def follow(self, m: Follow) -> None:
        if self._view.config is not None:
            m.ref.tell(ConfigChanged(self._view.config))
        self._view.followers[m.ref.path] = m.ref
        m.ref.watch(self.me)

    @receive(Gone)
    def follower_gone(self, m: Gone) -> None:
        self._view.followers.pop(m.path, None)

    @receive(Applied)
    async def applied(self, m: Applied) -> None:
        for change in m.changes:
            if change.serial <= self._serial:  # it was in the store already when that was read
                continue
            if change.serial != self._serial + 1 or self._view.config is None:
                await self._read()
                return
            puts = [put for put in change.puts if put.kind in CLASSES]
            deletes = [delete for delete in change.deletes if delete.kind in CLASSES]
            self._serial = change.serial
            if puts or deletes:
                before = self._view.config
                rows: tuple[Put | Delete, ...] = (*puts, *deletes)
                changed = frozenset((row.kind, row.key) for row in rows)
                self._show(ConfigChanged(before.apply(puts, deletes), before, changed))

    @receive(Installed)
    async def installed(self, m: Installed) -> None:
        await self._read()

    async def _read(self) -> None:
        """Begin anew from the store; with what is already in it the changes still to come are skipped."""
        snapshot = await self._store.load(tuple(CLASSES))
        try:
            # Half a second for 10,000 instances.
            config = await self._blocking.run(Config.from_rows, snapshot.rows, deadline=READ_DEADLINE)
        except NoCluster:
            self._view.published = None
        else:
            self._show(ConfigChanged(config))
        self._serial = snapshot.serial

    def _show(self, news: ConfigChanged) -> None:
        if self._view.published is None:
            self._view.published = Published(news.config)
        else:
            self._view.published.config = news.config
        for path, follower in self._view.followers.items():
            try:
                follower.tell(news)
            except GanetiError as e:
                log.warn("{path} was not told of a change: {reason}", path=path, reason=e.text)
