"""A whole cluster in one process: one clock, a network and disks in memory.

The master's actors, the agents and the commands are the real ones; hosts,
guests and disks are simulated.  Nothing happens unless time passes, which
:meth:`Cluster.settle` and the commands let it do.
"""

from __future__ import annotations

import io
import random
from collections.abc import Iterable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from ganeti_tw.agent.node import NodeAgent
from ganeti_tw.agent.verify import Inspector
from ganeti_tw.api.master import call
from ganeti_tw.cli.main import main
from ganeti_tw.daemon.master import Found, Master, read_ledger
from ganeti_tw.daemon.newcluster import secret_rows
from ganeti_tw.daemon.record import HostRecord
from ganeti_tw.errors import Expired, NotSent, Refused, ResolverError
from ganeti_tw.kernel import Actor, ActorSystem, InlineBlocking, Rank, receive
from ganeti_tw.ledger.disk import SimulatedDisk
from ganeti_tw.ledger.follower import Follower
from ganeti_tw.ledger.memory import MemoryStore
from ganeti_tw.ledger.seam import Snapshot
from ganeti_tw.model.codec import row
from ganeti_tw.model.config import Config
from ganeti_tw.model.new import new_cluster, new_node
from ganeti_tw.nodes.directory import Directory
from ganeti_tw.protocol.node import GetHostState, HostState, UpdateHost
from ganeti_tw.testing.hands import (
    SimulatedCommands,
    SimulatedFigures,
    SimulatedHooks,
    SimulatedHypervisor,
    SimulatedOses,
    SimulatedStorage,
    SimulatedSurvey,
)
from ganeti_tw.wire.memory import MemoryLinks, MemoryNetwork

EPOCH_START = 1_795_000_000.0  # the time of day when virtual time begins
LONGEST = 600.0  # virtual seconds a command may take
STEP = 0.01  # virtual seconds that pass at a time


class _HostActor(Actor):
    """Who a simulated host is; it writes no files."""

    rank = Rank.NODE

    def __init__(self, host: SimulatedHost) -> None:
        self._host = host

    @receive(GetHostState)
    def get_state(self, m: GetHostState) -> HostState:
        h = self._host
        return HostState(h.name, "", "cluster", "node", h.epoch, 0, "simulated")

    @receive(UpdateHost)
    def update(self, m: UpdateHost) -> None:
        self._host.told.append(m)
        if self._host.candidate and not m.candidate:
            self._host.forget_ledger()
        self._host.candidate = m.candidate


class SimulatedHost:
    """One host: what survives its process, and its process."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.name = name
        self.disk = SimulatedDisk(cluster.clock, delay=0.001)
        self.hypervisor = SimulatedHypervisor(cluster.clock)
        self.storages = {t: SimulatedStorage(t) for t in ("file", "sharedfile", "diskless")}
        self.oses = SimulatedOses()
        self.commands = SimulatedCommands()
        self.hooks = SimulatedHooks()
        self.candidate = False
        self.heard: list[str] = []  # names of messages that came over the wire
        self.epoch = 1
        self.told: list[UpdateHost] = []
        self.survey = SimulatedSurvey(self._files)
        self.boot()

    def boot(self) -> None:
        """Start the process."""
        clock, network = self.cluster.clock, self.cluster.network
        self.system = ActorSystem(clock)
        self.store = MemoryStore(self.disk)
        network.attach(self.name, self.system, self._gate)
        self.links: MemoryLinks = network.links(self.name, lambda: self.epoch)
        scripts: Any = self.oses
        figures: Any = SimulatedFigures()
        commands: Any = self.commands
        hooks: Any = self.hooks
        inspector = Inspector(
            {"fake": self.hypervisor},
            self.storages,
            self.oses,
            figures,
            self.survey,
            InlineBlocking(),
            lambda: self.cluster.now() + self.survey.skew,
        )
        self.system.spawn(
            "node",
            lambda: NodeAgent(
                self.system,
                {"fake": self.hypervisor},
                self.storages,
                scripts,
                figures,
                clock,
                ("fake",),
                commands,
                inspector=inspector,
                hooks=hooks,
            ),
        )
        self.system.spawn("host", lambda: _HostActor(self))

    def _files(self) -> dict[str, str]:
        told = self.told[-1] if self.told else None
        if told is None:
            return {}
        files = {f"/var/lib/ganeti/ssconf_{key}": text for key, text in told.ssconf.items()}
        if self.name in told.candidates:
            files["/var/lib/ganeti/config.data"] = "{}\n"
        return files

    def follow(self) -> None:
        """Be ready to be a master candidate."""
        self.system.spawn("follower", lambda: Follower(self.store, None, lambda: self.epoch))

    def forget_ledger(self) -> None:
        """Drop the copy that only candidates have."""
        follower = self.system.find("follower")
        if follower is not None:
            follower.stop()
        self.disk = SimulatedDisk(self.cluster.clock, delay=0.001)
        self.store = MemoryStore(self.disk)
        self.follow()

    def kill(self) -> None:
        """The process ends at once; a write on its way is lost."""
        self.system.vanish()
        self.cluster.network.detach(self.name)
        self.disk.crash()

    def _gate(self, peer: str, epoch: int, name: str) -> None:
        self.heard.append(name)
        self.epoch = HostRecord("cluster", "", self.name, "", self.epoch, peer, (peer,)).seen(peer, epoch).epoch


class _Hosts:
    """Hosts as jobs see them; the token of a host is ``token of`` and its name."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def join(self, name: str, token: str, uuid: str) -> dict[str, Any]:
        host = self._cluster.hosts.get(name)
        if host is None:
            raise NotSent(f"there is no host {name}")
        if token != f"token of {name}":
            raise Refused("the proof is wrong")
        host.follow()
        return {}

    async def leave(self, name: str) -> None:
        host = self._cluster.hosts[name]
        follower = host.system.find("follower")
        if follower is None:
            raise NotSent(f"{name} does not answer")
        follower.stop()

    async def resolve(self, name: str) -> str:
        if name not in self._cluster.hosts:
            raise ResolverError(f"{name} has no address")
        return self._cluster.addresses[name]

    async def answers(self, address: str) -> bool:
        return False


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
        **settings: Any,
    ) -> None:
        self.name, self._settings = name, settings
        if addresses is None:
            addresses = {f"node{i}": address(f"node{i}") for i in range(1, nodes + spare + 1)}
        self.addresses = dict(addresses)
        self.master_name = next(iter(self.addresses))
        self.clock = Clock()
        self.random = random.Random(seed)
        self.network = MemoryNetwork(self.clock, 0.0005)
        self.hosts = {host: SimulatedHost(self, host) for host in self.addresses}
        members = tuple(self.hosts)[:nodes]
        self.fatal: list[str] = []
        master = self.hosts[self.master_name]
        master.store.install(Snapshot(1, 1, {(p.kind, p.key): p.value for p in self._first_rows(members)}))
        for name in members[1:]:
            self.hosts[name].follow()
        self.start_master()
        self.settle(1)

    # -- time ------------------------------------------------------------------------------------------------------

    def now(self) -> float:
        """The time of day."""
        return EPOCH_START + self.clock.seconds()

    def settle(self, seconds: float = 1.0) -> None:
        """Let time pass."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            self.clock.advance(STEP)

    def result(self, deferred: Deferred[Any], longest: float = LONGEST) -> Any:
        """What a Deferred gives, letting time pass until it does; Expired after ``longest`` seconds."""
        ended: list[Any] = []
        deferred.addBoth(ended.append)
        begin = self.clock.seconds()
        while not ended:
            if self.clock.seconds() - begin > longest:
                raise Expired(f"nothing came in {longest} virtual seconds")
            self.clock.advance(STEP)
        if isinstance(ended[0], Failure):
            ended[0].raiseException()
        return ended[0]

    # -- hosts -----------------------------------------------------------------------------------------------------

    def start_master(self) -> None:
        """Begin a reign on the first host, from what is on its disk."""
        host = self.hosts[self.master_name]
        host.epoch += 1
        found: Found = self.result(Deferred.fromCoroutine(read_ledger(host.store, InlineBlocking())))
        self.master = Master(
            system=host.system,
            store=host.store,
            reader=host.store,
            found=found,
            epoch=host.epoch,
            own_name=host.name,
            directory=Directory(host.name, host.system, host.links),
            hosts=_Hosts(self),
            clock=self.clock,
            now=self.now,
            random=self.random.random,
            new_uuid=self.new_uuid,
            random_bytes=self.random.randbytes,
            pause=lambda: succeed(None),
            fatal=self.fatal.append,
        )

    def restart(self, name: str) -> None:
        """Kill the process of a host and start it again."""
        host = self.hosts[name]
        host.kill()
        host.boot()
        if name == self.master_name:
            self.start_master()
        else:
            host.follow()

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
        return [*beginning.rows(), *(row(node) for node in others), *secret_rows("", "key\n")]

    # -- the front door --------------------------------------------------------------------------------------------

    def call(self, method: str, arguments: Mapping[str, Any] | None = None, /, *, timeout: float = LONGEST) -> Any:
        """Call a method as clients do."""
        return self.result(self.begin(method, arguments), timeout)

    def begin(self, method: str, arguments: Mapping[str, Any] | None = None, /) -> Deferred[Any]:
        """Call a method without letting time pass; nothing ever comes when the master is killed meanwhile."""
        return Deferred.fromCoroutine(_call(self.master.api, method, dict(arguments or {})))

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
            sleep=self.settle,
        )
        return Command(code, out.getvalue(), err.getvalue())

    def close(self) -> None:
        """Nothing is called, nothing keeps the clock busy any more."""


class Command:
    """How a command ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def __repr__(self) -> str:
        return f"<exit {self.code}\n{self.out}{self.err}>"


async def _call(api: Any, method: str, arguments: dict[str, Any]) -> Any:
    return await call(api, method, arguments)
