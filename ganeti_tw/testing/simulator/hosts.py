"""Simulated hosts that tell what happens on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred, fail

from ganeti_tw.daemon.host import Host
from ganeti_tw.daemon.master import Master
from ganeti_tw.daemon.mastership import Reign
from ganeti_tw.errors import BadRequest, DriverError
from ganeti_tw.kernel import Rank, Ref
from ganeti_tw.ledger.memory import MemoryStore
from ganeti_tw.ledger.messages import Committed, Subscribe
from ganeti_tw.ledger.seam import Snapshot
from ganeti_tw.protocol.instance import DiskSpec, InstanceSpec, RunningInstance
from ganeti_tw.protocol.ledger import Change
from ganeti_tw.protocol.migration import Doorway
from ganeti_tw.testing.cluster import Cluster
from ganeti_tw.testing.host import SimulatedHost
from ganeti_tw.testing.hypervisor import SimulatedHypervisor
from ganeti_tw.testing.simulator.writers import Counted


class Witness(Protocol):
    """Who is told, the moment it happens."""

    def reign_begins(self, host: WatchedHost, epoch: int) -> None:
        """The ledger of the host is what the reign begins with."""

    def acknowledged(self, host: WatchedHost, epoch: int, changes: Sequence[Change]) -> None:
        """These count from now on."""

    def written(self, host: WatchedHost, changes: Sequence[Change]) -> None:
        """These are on the disk of the host."""

    def reign_ends(self, host: WatchedHost) -> None:
        """The host acts as master no longer."""


class Ear(Ref):
    """Hears what a ledger acknowledges, in the same moment; no actor, so that no mailbox is in between."""

    rank = Rank.NODE

    def __init__(self, hear: Callable[[Sequence[Change]], None]) -> None:
        self.path = "ear"
        self._hear = hear

    def tell(self, message: Any) -> None:
        if isinstance(message, Committed):
            self._hear(message.changes)

    def ask(self, message: Any, timeout: float) -> Deferred[Any]:
        return fail(BadRequest("an ear answers nothing"))

    def watch(self, watcher: Ref) -> None:
        return None

    def stop(self) -> None:
        return None


class WatchedProcess(Host):
    """The process of a host; who acts as master, and what it acknowledges, is told."""

    def __init__(self, outside: WatchedHost) -> None:
        super().__init__(outside)
        self.watched = outside

    def begin_reign(self, reign: Reign) -> Master:
        master = super().begin_reign(reign)
        host, epoch = self.watched, self.epoch()
        host.witness.reign_begins(host, epoch)
        ear = Ear(lambda changes: host.witness.acknowledged(host, epoch, changes))
        master.ledger.ask(Subscribe(ear), 60.0).addErrback(lambda failure: None)
        return master

    def end_reign(self) -> Any:
        if self.master is not None:
            self.watched.witness.reign_ends(self.watched)
        return super().end_reign()


class WatchedStore(MemoryStore):
    """The ledger of a host; what is written is told."""

    def __init__(self, host: WatchedHost) -> None:
        super().__init__(host.disk)
        self._host = host

    async def _append(self, changes: tuple[Change, ...]) -> None:
        try:
            await super()._append(changes)
        except DriverError:
            if self.now().serial < changes[-1].serial:
                raise
            self._host.witness.written(self._host, changes)
            raise
        self._host.witness.written(self._host, changes)

    def now(self) -> Snapshot:
        """What is on the disk this moment."""
        state = self._opened()
        return Snapshot(state.position.serial, state.position.epoch, dict(state.rows))

    def recent(self) -> dict[int, Change]:
        """The changes that are still known one by one, by serial."""
        state = self._opened()
        return {change.serial: change for change in state.tail(state.base, None) or ()}


class WatchedHypervisor(SimulatedHypervisor):
    """Guests; ``failures`` says how many starts fail, ``disks`` which ones guests write to that were started here."""

    def __init__(self, host: WatchedHost) -> None:
        super().__init__(host.clock, host.name, host.cluster.hypervisors)
        self.guests: Counted[RunningInstance] = Counted()
        self.disks: dict[str, tuple[DiskSpec, ...]] = {}
        self.failures = 0
        self._watched_host = host

    async def start(self, spec: InstanceSpec, disks: Mapping[int, str], paused: bool = False) -> None:
        if self.failures:
            self.failures -= 1
            raise DriverError(f"{spec.name} does not start: simulated failure")
        self.disks[spec.name] = tuple(disk for disk in spec.disks if disk.mode == "rw")
        self._watched_host.starting(spec.name)
        await super().start(spec, disks, paused)

    async def accept(self, spec: InstanceSpec, disks: Mapping[int, str], address: str) -> Doorway:
        self.disks[spec.name] = tuple(disk for disk in spec.disks if disk.mode == "rw")
        return await super().accept(spec, disks, address)


class WatchedHost(SimulatedHost):
    """A host of a world."""

    ledger: WatchedStore  # also ``store``
    hypervisor: WatchedHypervisor
    witness: Witness
    ended: Callable[[WatchedHost, str], None]
    starting: Callable[[str], None]  # told the name of a guest before it is started here

    def __init__(self, cluster: Cluster, name: str) -> None:
        super().__init__(cluster, name)
        self.hypervisor = WatchedHypervisor(self)

    def fatal(self, reason: str) -> None:
        self.ended(self, reason)

    def make_store(self) -> MemoryStore:
        self.ledger = WatchedStore(self)
        return self.ledger

    def make_process(self) -> Host:
        self.witness.written(self, tuple(self.ledger.recent().values()))  # its power may have failed while it wrote
        return WatchedProcess(self)
