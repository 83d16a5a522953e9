"""A whole cluster in one process: one clock, a network and disks in memory.

The master's actors, the agents and the commands are the real ones; hosts,
guests and disks are simulated.  Nothing happens unless time passes, which
:meth:`Cluster.settle` and the commands let it do.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from ganeti_tw.agent.node import NodeAgent
from ganeti_tw.agent.verify import Inspector
from ganeti_tw.cli.machine import LocalMachine
from ganeti_tw.cli.main import main
from ganeti_tw.config.secrets import Issued, Secrets, Vault
from ganeti_tw.daemon.certificates import MasterCertificates
from ganeti_tw.daemon.host import Host
from ganeti_tw.daemon.hosts import LEAVE_TIMEOUT
from ganeti_tw.daemon.master import Master
from ganeti_tw.daemon.outside import Memory
from ganeti_tw.daemon.record import HostRecord
from ganeti_tw.errors import DriverError, Expired, NotSent, Refused, ResolverError
from ganeti_tw.kernel import ActorSystem, Blocking, InlineBlocking, Ref
from ganeti_tw.ledger.disk import SimulatedDisk
from ganeti_tw.ledger.memory import MemoryStore
from ganeti_tw.ledger.seam import Snapshot, Store
from ganeti_tw.model.codec import row
from ganeti_tw.model.config import Config
from ganeti_tw.model.new import new_cluster, new_node
from ganeti_tw.nodes.directory import Directory
from ganeti_tw.operations.allocators import Allocators
from ganeti_tw.operations.bell import Bells
from ganeti_tw.protocol.node import LeaveCluster
from ganeti_tw.testing.allocators import SimulatedAllocators
from ganeti_tw.testing.bells import SimulatedBells
from ganeti_tw.testing.clock import VirtualClock
from ganeti_tw.testing.hands import (
    SimulatedAncillary,
    SimulatedCommands,
    SimulatedFigures,
    SimulatedHooks,
    SimulatedMasterIp,
    SimulatedOses,
    SimulatedStorage,
    SimulatedSurvey,
)
from ganeti_tw.testing.hypervisor import SimulatedHypervisor
from ganeti_tw.wire.certificates import CertificateAuthority, load_certificates, number_of
from ganeti_tw.wire.delivery import Admit, Gate
from ganeti_tw.wire.identity import Identity, Unjoined, trusts
from ganeti_tw.wire.memory import MemoryLinks, MemoryNetwork

EPOCH_START = 1_795_000_000.0  # the time of day when virtual time begins
LONGEST = 600.0  # virtual seconds a command may take
AT_LEAST = 0.01  # virtual seconds that pass whenever somebody waits: who asks again and again lets time pass


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
        self.identity: Identity | Unjoined = _first_identity(name)  # on disk
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
        self.master_ip: Any = SimulatedMasterIp()
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

    def _files(self) -> dict[str, str]:
        files = {f"/var/lib/ganeti/ssconf_{key}": text for key, text in self.ssconf.items()}
        if self.kept is not None and self.kept.is_candidate:
            files["/var/lib/ganeti/config.data"] = "{}\n"
        return {**files, **{path: content.decode() for path, content in self.ancillary.files.items()}}

    # -- around the process ----------------------------------------------------------------------------------------

    def listen(self, identity: Any, system: ActorSystem, gate: Gate, admit: Admit) -> _Door:
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


class SimulatedHands:
    """The agent of a simulated host."""

    def __init__(self, host: SimulatedHost, system: ActorSystem) -> None:
        hypervisors: Any = {"fake": host.hypervisor}
        scripts: Any = host.oses
        figures: Any = host.figures
        commands: Any = host.commands
        hooks: Any = host.hooks
        inspector = Inspector(
            hypervisors,
            host.storages,
            host.oses,
            figures,
            host.survey,
            InlineBlocking(),
            lambda: host.now() + host.survey.skew,
            host.survey,
        )
        self.agent = system.spawn(
            "node",
            lambda: NodeAgent(
                system,
                hypervisors,
                host.storages,
                scripts,
                figures,
                host.clock,
                ("fake",),
                commands,
                inspector=inspector,
                hooks=hooks,
                master_ip=host.master_ip,
                ancillary=host.ancillary,
            ),
        )

    def enabled(self, record: HostRecord) -> tuple[str, ...]:
        return tuple(name for name in record.hypervisors if name == "fake")

    async def close(self) -> None:
        return None


class _Hosts:
    """Hosts as jobs see them; the token of a host is ``token of`` and its name."""

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
        if token != f"token of {name}":
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


class _Machine(LocalMachine):
    """The computer that commands run on; its signs go to the simulated bells."""

    def __init__(self, bells: SimulatedBells) -> None:
        self._bells = bells

    def ring(self, path: str) -> bool:
        return self._bells.ring(path)


def address(name: str) -> str:
    """The address of a simulated host."""
    return f"192.0.2.{name.removeprefix('node')}"


class Cluster:
    """``nodes`` hosts called node1, node2, ...; the first is the master, all are candidates.

    The ``spare`` hosts after them are in no cluster.  ``addresses`` are those of
    hosts of other names; ``settings`` are what ``new_cluster`` takes.
    """

    def __init__(
        self,
        nodes: int = 3,
        seed: int = 0,
        spare: int = 0,
        *,
        name: str = "cluster",
        addresses: Mapping[str, str] | None = None,
        make_host: Callable[[Cluster, str], SimulatedHost] = SimulatedHost,
        **settings: Any,
    ) -> None:
        self.name, self._settings = name, settings
        if addresses is None:
            addresses = {f"node{i}": address(f"node{i}") for i in range(1, nodes + spare + 1)}
        self.addresses = dict(addresses)
        self.master_name = next(iter(self.addresses))
        self.clock = VirtualClock()
        self.random = random.Random(seed)
        self.network = MemoryNetwork(self.clock, 0.0005)
        self.bells = SimulatedBells()
        self.allocators = SimulatedAllocators(self.clock)
        self.hypervisors: dict[str, SimulatedHypervisor] = {}  # by host
        self.shared_storage = SimulatedStorage("sharedfile", self.clock)  # mounted on all hosts
        self.hosts = {host: make_host(self, host) for host in self.addresses}
        members = tuple(self.hosts)[:nodes]
        self.fatal: list[str] = []
        self.asked_at: list[tuple[str, str]] = []  # nodes asked over other addresses than their first
        self._master_host = self.hosts[self.master_name]
        self._used: SimulatedHost | None = None
        rows = {(p.kind, p.key): p.value for p in self._first_rows(members)}
        uuids = {key: value for (kind, key), value in rows.items() if kind == "node"}
        for name, host in self.hosts.items():
            if name in members:
                (uuid,) = (key for key, value in uuids.items() if json.loads(value)["name"] == name)
                host.kept = record_of(self, name, uuid, 1, self.master_name, members)
        self.result(MemoryStore(self.hosts[self.master_name].disk).install(Snapshot(1, 1, rows)))
        for host in reversed(self.hosts.values()):  # the master last: it asks the others
            host.boot()
        self.settle(1)

    # -- time ------------------------------------------------------------------------------------------------------

    def now(self) -> float:
        """The time of day."""
        return EPOCH_START + self.clock.seconds()

    def settle(self, seconds: float = 1.0) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    def result(self, deferred: Deferred[Any], longest: float = LONGEST) -> Any:
        """What a Deferred gives, letting time pass until it does; Expired after ``longest`` seconds."""
        ended: list[Any] = []
        deferred.addBoth(ended.append)
        end = self.clock.seconds() + longest
        self.clock.advance(AT_LEAST)
        while not ended:
            if not self.clock.step(end):
                raise Expired(f"nothing came in {longest} virtual seconds")
        if isinstance(ended[0], Failure):
            ended[0].raiseException()
        return ended[0]

    # -- hosts -----------------------------------------------------------------------------------------------------

    def restart(self, name: str) -> None:
        """Kill the process of a host and start it again."""
        self.hosts[name].kill()
        self.hosts[name].boot()
        if name == self.master_host.name:
            self.result(self.hosts[name].process.mastership.sought())

    @property
    def master_host(self) -> SimulatedHost:
        """The one that is master, or was last."""
        acting = [host for host in self.hosts.values() if host.alive and host.process.master is not None]
        # One that was succeeded and does not know it yet has an earlier epoch.
        self._master_host = max(acting, key=lambda host: host.record.epoch, default=self._master_host)
        return self._master_host

    @property
    def master(self) -> Master:
        """The services of the master."""
        master = self.master_host.process.master
        assert master is not None, "there is no master"
        return master

    def new_uuid(self) -> str:
        """The next UUID, the same in each run."""
        text = self.random.randbytes(16).hex()
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    @property
    def config(self) -> Config:
        """The configuration as the master has it."""
        return self.master.published.config

    def _first_rows(self, members: Iterable[str]) -> Iterable[Any]:
        settings: dict[str, Any] = {
            "master_ip": "192.0.2.254",
            "enabled_hypervisors": ("fake",),
            "enabled_disk_templates": ("file", "diskless", "sharedfile"),
            **self._settings,
        }
        beginning = new_cluster(
            self.name,
            now=self.now(),
            uuid=self.new_uuid,
            node_name=self.master_name,
            node_ip=self.addresses[self.master_name],
            **settings,
        )
        others = [
            new_node(
                name=name,
                uuid=self.new_uuid(),
                now=self.now(),
                primary_ip=self.addresses[name],
                group=beginning.group.uuid,
                master_candidate=True,
            )
            for name in members
            if name != self.master_name
        ]
        return [*beginning.rows(), *(row(node) for node in others), *self._first_secrets(members).puts()]

    def _first_secrets(self, members: Iterable[str]) -> Secrets:
        """Every member has a certificate of the cluster."""
        secrets, identities = _first_certificates(tuple(members))
        for name, identity in identities.items():
            self.hosts[name].identity = identity
        return secrets

    # -- the front door --------------------------------------------------------------------------------------------

    def call(self, method: str, arguments: Mapping[str, Any] | None = None, /, *, timeout: float = LONGEST) -> Any:
        """Call a method as clients do."""
        return self.result(self.begin(method, arguments), timeout)

    def call_on(self, host: str, method: str, /, **arguments: Any) -> Any:
        """Call a method of a host as clients on it do."""
        return self.result(self.hosts[host].process.handle(method, arguments))

    def begin(self, method: str, arguments: Mapping[str, Any] | None = None, /) -> Deferred[Any]:
        """Call a method without letting time pass; nothing ever comes when the master is killed meanwhile."""
        return self._at().process.handle(method, dict(arguments or {}))

    def use(self, host: str) -> None:
        """Commands run on this host from now on; at first they run on the master."""
        self._used = self.hosts[host]

    def _at(self) -> SimulatedHost:
        return self._used or self.master_host

    def run(self, program: str, *argv: str, environ: Mapping[str, str] | None = None) -> Command:
        """Run a command to its end."""
        out, err = io.StringIO(), io.StringIO()
        code = main(
            program,
            argv,
            environ=environ or {},
            stdin=io.StringIO(),
            stdout=out,
            stderr=err,
            now=self.now,
            connect=lambda paths: self,
            terminal=lambda: None,
            machine=lambda: _Machine(self.bells),
            sleep=self.settle,
        )
        return Command(code, out.getvalue(), err.getvalue())

    def close(self) -> None:
        """Nothing is called, nothing keeps the clock busy any more."""


# Keys are random and nothing depends on them, so clusters share those they begin with: making them takes longer than
# the first seconds of a cluster.


@cache
def _first_identity(name: str) -> Unjoined:
    return Unjoined.create(name, EPOCH_START)


@cache
def _first_certificates(members: tuple[str, ...]) -> tuple[Secrets, Mapping[str, Identity]]:
    authority, issued = CertificateAuthority.create("cluster", EPOCH_START), Issued()
    identities = {}
    for name in members:
        unjoined = _first_identity(name)
        issued = issued.next()
        certificate = authority.sign(unjoined.csr(), name, EPOCH_START, number=issued.last)
        identity = identities[name] = unjoined.join(certificate, authority.certificate)
        issued = issued.in_use(name, issued.last, identity.fingerprint)
    return Secrets(authority.key + authority.certificate, "key\n", issued), identities


class Command:
    """How a command ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def __repr__(self) -> str:
        return f"<exit {self.code}\n{self.out}{self.err}>"
