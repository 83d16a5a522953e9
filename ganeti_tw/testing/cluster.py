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
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ganeti_tw.cli.machine import LocalMachine
from ganeti_tw.cli.main import main
from ganeti_tw.config.secrets import Secrets
from ganeti_tw.daemon.master import Master
from ganeti_tw.errors import Expired
from ganeti_tw.ledger.memory import MemoryStore
from ganeti_tw.ledger.seam import Snapshot
from ganeti_tw.model.codec import row
from ganeti_tw.model.config import Config
from ganeti_tw.model.new import new_cluster, new_node
from ganeti_tw.testing.allocators import SimulatedAllocators
from ganeti_tw.testing.bells import SimulatedBells
from ganeti_tw.testing.certificates import first_certificates
from ganeti_tw.testing.clock import EPOCH_START, VirtualClock
from ganeti_tw.testing.hands import SimulatedStorage
from ganeti_tw.testing.host import SimulatedHost, record_of
from ganeti_tw.testing.hypervisor import SimulatedHypervisor
from ganeti_tw.wire.memory import MemoryNetwork

LONGEST = 600.0  # virtual seconds a command may take
AT_LEAST = 0.01  # virtual seconds that pass whenever somebody waits: who asks again and again lets time pass


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
        self.missing_interfaces: set[str] = set()  # on no host; all others are on each
        self.taken_addresses: set[str] = set()  # some machine outside the cluster answers there
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
        secrets, identities = first_certificates(tuple(members))
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


class Command:
    """How a command ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    def __repr__(self) -> str:
        return f"<exit {self.code}\n{self.out}{self.err}>"
