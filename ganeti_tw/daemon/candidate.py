"""The configuration on a master candidate: a copy that follows the ledger."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ganeti_tw.config.keeper import Published
from ganeti_tw.errors import GanetiError, NoCluster
from ganeti_tw.kernel import Actor, Blocking, Rank, Ref, receive
from ganeti_tw.ledger.messages import Applied, Installed
from ganeti_tw.ledger.seam import Store
from ganeti_tw.model.codec import CLASSES
from ganeti_tw.model.config import Config
from ganeti_tw.protocol.config import ConfigChanged

READ_DEADLINE = 60.0

log = Logger()


class View:
    """The configuration as this host has it; None before it has one."""

    def __init__(self) -> None:
        self.published: Published | None = None

    @property
    def config(self) -> Config | None:
        return self.published.config if self.published is not None else None


class ViewKeeper(Actor):
    """Keeps the view level with what the follower stored, by the same changes."""

    rank = Rank.NODE + 1
    capacity = 100_000
    restarts = 3

    def __init__(self, view: View, store: Store, writer: Ref | None, blocking: Blocking) -> None:
        self._view = view
        self._store = store
        self._writer = writer
        self._blocking = blocking
        self._serial = 0

    def started(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._read())

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
                self._show(self._view.config.apply(puts, deletes))

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
            self._show(config)
        self._serial = snapshot.serial

    def _show(self, config: Config) -> None:
        if self._view.published is None:
            self._view.published = Published(config)
        else:
            self._view.published.config = config
        if self._writer is None:
            return
        try:
            self._writer.tell(ConfigChanged(config))
        except GanetiError as e:
            log.warn("config.data is not kept up to date: {error}", error=e.text)
