"""A host in memory: what survives its process, what is around the process, and how others reach it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from ganeti_tw.config.secrets import Vault
from ganeti_tw.daemon.certificates import MasterCertificates
from ganeti_tw.daemon.host import Host
from ganeti_tw.daemon.hosts import LEAVE_TIMEOUT
from ganeti_tw.daemon.outside import Memory
from ganeti_tw.daemon.record import HostRecord
from ganeti_tw.errors import DriverError, NotSent, OutcomeUnknown, Refused, ResolverError
from ganeti_tw.kernel import ActorSystem, Blocking, InlineBlocking, Ref
from ganeti_tw.ledger.disk import SimulatedDisk
from ganeti_tw.ledger.memory import MemoryStore
from ganeti_tw.ledger.seam import Store
from ganeti_tw.model.config import Config
from ganeti_tw.nodes.directory import Directory
from ganeti_tw.operations.allocators import Allocators
from ganeti_tw.operations.bell import Bells
from ganeti_tw.protocol.node import LeaveCluster
from ganeti_tw.testing.certificates import first_identity
from ganeti_tw.testing.hands import (
    SimulatedAncillary,
    SimulatedCommands,
    SimulatedFigures,
    SimulatedHands,
    SimulatedHooks,
    SimulatedMasterIp,
    SimulatedOses,
    SimulatedStorage,
    SimulatedSurvey,
)
from ganeti_tw.testing.hypervisor import SimulatedHypervisor
from ganeti_tw.wire.certificates import load_certificates, number_of
from ganeti_tw.wire.delivery import Admit, Gate, Lost
from ganeti_tw.wire.identity import Identity, Unjoined, trusts
from ganeti_tw.wire.memory import MemoryLinks, MemoryNetwork

if TYPE_CHECKING:
    from ganeti_tw.testing.cluster import Cluster


class SimulatedHost:
    """One host: what survives its process, and its process.

    It is what is around the process, too: see :class:`ganeti_tw.daemon.outside.Outside`.
    """

    listens_on = ""
    port = 1811

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name
        self.clock: IReactorTime = cluster.clock
        self.skew = 0.0  # seconds its clock is ahead
        self.now: Callable[[], float] = lambda: cluster.now() + self.skew  # by its clock
        self.elapsed: Callable[[], float] = cluster.clock.seconds
        self.random = cluster.random.random
        self.new_uuid = cluster.new_uuid
        self.random_bytes: Callable[[int], bytes] = cluster.random.randbytes
        self.bells: Bells = cluster.bells
        self.allocators: Allocators = cluster.allocators
        self.files: Blocking = InlineBlocking()
        self.disk = SimulatedDisk(cluster.clock, delay=0.001)
        self.memory: Memory = SimulatedMemory(self)
        self.record_failures = 0  # so many times the record cannot be written
        self.kept: HostRecord | None = None  # on disk
        self.identity: Identity | Unjoined = first_identity(name)  # on disk
        self.ssconf: dict[str, str] = {}
        self.hypervisor = SimulatedHypervisor(cluster.clock, name, cluster.hypervisors)
        self.storages = {
            **{t: SimulatedStorage(t, cluster.clock) for t in ("file", "diskless")},
            "sharedfile": cluster.shared_storage,
        }
        self.oses = SimulatedOses()
        self.figures = SimulatedFigures()
        self.commands = SimulatedCommands()
        self.hooks = SimulatedHooks()
        self.alive = False
        self.master_ip: Any = SimulatedMasterIp(self._is_elsewhere)
        self.ancillary: Any = SimulatedAncillary()
        self.heard: list[str] = []  # names of messages that came over the wire
        self.survey = SimulatedSurvey(self._files)

    def boot(self) -> None:
        """Start the process."""
        self.alive = True
        self.store: Store = self.make_store()
        self.reader: Store = self.store
        self.process = self.make_process()
        self.system = self.process.system
        Deferred.fromCoroutine(self.process.start()).addErrback(lambda f: self.fatal(f.getErrorMessage()))

    def make_store(self) -> MemoryStore:
        """What the disk holds of the ledger."""
        return MemoryStore(self.disk)

    def make_process(self) -> Host:
        """What runs on this host."""
        return Host(self)

    def kill(self, kept: int = 0, notice: float = 0.0) -> None:
        """The process ends at once; a write leaves ``kept`` bytes, others notice after ``notice`` seconds."""
        self.alive = False
        self.system.vanish()
        self.process.mastership.vanish()
        self.process.address.stop()
        self.process.inquiry.stop()
        self.cluster.network.detach(self.name, notice)
        self.disk.crash(kept)

    def lose_disk(self) -> None:
        """Begin with an empty disk at the next boot."""
        self.memory.forget()
        self.memory.new_identity()
        self.disk.clear()

    @property
    def record(self) -> HostRecord:
        """What it remembers of the cluster it is in."""
        assert self.kept is not None, f"{self.name} is in no cluster"
        return self.kept

    def _is_elsewhere(self, place: str) -> bool:
        """Whether another host in reach has an address, also one whose process is dead."""
        network = self.cluster.network
        others = (host for host in self.cluster.hosts.values() if host is not self and place in host.master_ip.up)
        return any(not network.is_cut(self.name, o.name) and not network.is_cut(o.name, self.name) for o in others)

    def _files(self) -> dict[str, str]:
        files = {f"/var/lib/ganeti/ssconf_{key}": text for key, text in self.ssconf.items()}
        if self.kept is not None and self.kept.is_candidate:
            files["/var/lib/ganeti/config.data"] = "{}\n"
        return {**files, **{path: content.decode() for path, content in self.ancillary.files.items()}}

    # -- around the process ----------------------------------------------------------------------------------------

    def listen(self, identity: Any, system: ActorSystem, gate: Gate, admit: Admit, lost: Lost) -> _Door:
        def hear(peer: str, epoch: int, name: str) -> None:
            self.heard.append(name)
            self._shake_hands(self.cluster.hosts[peer], admit)
            gate(peer, epoch, name)

        self.cluster.network.attach(
            self.name,
            system,
            hear,
            joined=lambda: self.kept is not None,
            fingerprint=lambda: self.identity.fingerprint,
            lost=lost,
        )
        return _Door(self.cluster.network, self.name)

    def _shake_hands(self, peer: SimulatedHost, admit: Admit) -> None:
        """What TLS does: Refused unless each believes the certificate of the other."""
        for one, other in ((self, peer), (peer, self)):
            if not isinstance(one.identity, Identity) or not trusts(one.identity.ca, other.identity.certificate):
                raise Refused(f"certificate verify failed: {one.name} does not believe {other.name}")
        admit(peer.name, number_of(load_certificates(peer.identity.certificate)[0]))
        peer.shake_dialled(self.name, number_of(load_certificates(self.identity.certificate)[0]))

    def shake_dialled(self, peer: str, number: int) -> None:
        """Whoever dials looks at a certificate once, not at each message."""
        if (peer, number) not in self.dialled:
            self.admit_dialled(peer, number)
            self.dialled.add((peer, number))

    def links(
        self, identity: Any, resolve: Callable[[str], tuple[str, int]], epoch: Callable[[], int], admit: Admit
    ) -> MemoryLinks:
        self.admit_dialled = admit
        self.dialled: set[tuple[str, int]] = set()
        return self.cluster.network.links(self.name, epoch)

    def hands(self, system: ActorSystem, record: Callable[[], HostRecord | None]) -> SimulatedHands:
        return SimulatedHands(self, system)

    def hosts(
        self,
        links: MemoryLinks,
        directory: Directory,
        identity: Callable[[], Identity],
        vault: Vault,
        record: Callable[[], HostRecord],
        resolve: Callable[[str], tuple[str, int]],
    ) -> _Hosts:
        certificates = MasterCertificates(links, directory, vault, record, self.now, identity, resolve)
        return _Hosts(self.cluster, directory, record, certificates)

    def config_writer(self, system: ActorSystem) -> Ref | None:
        return None

    def confd(self, system: ActorSystem, config: Callable[[], Config | None]) -> Ref | None:
        return None

    async def address_of(self, name: str, family: int = 0) -> str:
        return self.cluster.addresses[name]

    async def own_address(self, family: int = 0) -> str:
        return self.cluster.addresses[self.name]

    async def is_own(self, address: str) -> bool:
        return False

    async def has_interface(self, name: str) -> bool:
        return name not in self.cluster.missing_interfaces

    async def is_taken(self, address: str) -> bool:
        return address in self.cluster.taken_addresses

    def fatal(self, reason: str) -> None:
        self.cluster.fatal.append(reason)


class _Door:
    """How others reach a process."""

    def __init__(self, network: MemoryNetwork, name: str) -> None:
        self._network, self._name = network, name

    def use(self, identity: Any, *, renewed: bool = False) -> None:
        return None

    def review(self) -> None:
        return None

    def close(self) -> Deferred[None]:
        self._network.detach(self._name)
        return succeed(None)


class SimulatedMemory:
    """What a host keeps beside its ledger."""

    def __init__(self, host: SimulatedHost) -> None:
        self._host = host

    def load(self) -> HostRecord | None:
        return self._host.kept

    def save(self, record: HostRecord) -> None:
        if self._host.record_failures:
            self._host.record_failures -= 1
            raise DriverError("simulated disk: the record cannot be written")
        self._host.kept = record

    def identity(self, record: HostRecord | None) -> Any:
        return self._host.identity

    def new_identity(self) -> Any:
        self._host.identity = Unjoined.create(self._host.name, self._host.now())
        return self._host.identity

    async def renew(self, identity: Identity) -> None:
        self._host.identity = identity

    async def join(self, record: HostRecord, identity: Identity, hmac_key: str) -> None:
        self._host.identity, self._host.kept = identity, record

    async def write_ssconf(self, texts: Mapping[str, str]) -> None:
        self._host.ssconf = dict(texts)

    def forget(self) -> None:
        self._host.kept = None
        self._host.ssconf = {}

    def remove_ledger(self) -> None:
        self._host.disk.clear()


class _Hosts:
    """Hosts as jobs see them; the token of a host is ``token of`` and its name.

    With ``lost token of`` it joins, and its answer is lost.
    """

    def __init__(
        self,
        cluster: Cluster,
        directory: Directory,
        record: Callable[[], HostRecord],
        certificates: MasterCertificates,
    ) -> None:
        self.certificates = certificates
        self._cluster = cluster
        self._directory = directory
        self._record = record

    async def join(self, name: str, token: str, uuid: str) -> dict[str, Any]:
        host = self._cluster.hosts.get(name)
        if host is None:
            raise NotSent(f"there is no host {name}")
        if token.removeprefix("lost ") != f"token of {name}":
            raise Refused("the proof is wrong")
        if host.kept is not None:
            raise Refused(f"{name} is in a cluster already")
        ours = self._record()
        unjoined = host.identity
        if not isinstance(unjoined, Unjoined):
            raise Refused(f"{name} is in a cluster already")
        identity = unjoined.join(await self.certificates.first(unjoined.csr(), name), self.certificates.bundle())
        record = record_of(self._cluster, name, uuid, ours.epoch, ours.name, ours.candidates)
        await host.process.joined(record, identity, "key\n")
        if token.startswith("lost "):
            raise OutcomeUnknown("the connection was lost before the answer came")
        return {}

    async def leave(self, name: str) -> None:
        try:
            await self._directory.ref(name, "host").ask(LeaveCluster(), LEAVE_TIMEOUT)
        finally:
            await self.certificates.forget(name)

    async def ask_at(self, name: str, address: str, message: Any, timeout: float) -> Any:
        self._cluster.asked_at.append((name, address))
        return await self._directory.ref(name).ask(message, timeout)

    async def resolve(self, name: str) -> str:
        if name not in self._cluster.hosts:
            raise ResolverError(f"{name} has no address")
        return self._cluster.addresses[name]

    async def answers(self, address: str) -> bool:
        return False


def record_of(
    cluster: Cluster, name: str, uuid: str, epoch: int, master: str, candidates: tuple[str, ...]
) -> HostRecord:
    """What a host of a simulated cluster remembers."""
    return HostRecord(
        cluster=cluster.name,
        cluster_uuid="",
        name=name,
        uuid=uuid,
        epoch=epoch,
        master=master,
        candidates=candidates,
        addresses={candidate: cluster.addresses[candidate] for candidate in candidates},
        hypervisors=("fake",),
    )
