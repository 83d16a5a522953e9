"""One writer per disk, seen where the disks are: also on hosts that nobody reaches."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.protocol.instance import InstanceSpec
from ganeti_tw.testing.cluster import Cluster
from ganeti_tw.testing.simulator.hosts import WatchedHost, WatchedHypervisor
from ganeti_tw.testing.simulator.invariants import Broken
from ganeti_tw.testing.simulator.script import parse
from ganeti_tw.testing.simulator.world import World


class RememberingHypervisor(WatchedHypervisor):
    """``specs``: what it was told to start."""

    def __init__(self, host: WatchedHost) -> None:
        super().__init__(host)
        self.specs: dict[str, InstanceSpec] = {}

    async def start(self, spec: InstanceSpec, *args: Any) -> None:
        self.specs[spec.name] = spec
        await super().start(spec, *args)


class RememberingHost(WatchedHost):
    def __init__(self, cluster: Cluster, name: str) -> None:
        super().__init__(cluster, name)
        self.hypervisor = self.remembering = RememberingHypervisor(self)


class WriterTests(SynchronousTestCase):
    """web1 runs on node2."""

    def setUp(self) -> None:
        self.world = World(make_host=RememberingHost)
        self.addCleanup(self.world.close)
        self.play("1 create 1 node2", 5)
        host = self.world.host("node2")
        assert isinstance(host, RememberingHost)
        self.spec = host.remembering.specs["web1.example"]

    def play(self, script: str, until: float) -> None:
        self.world.play(parse(script), until, administered=False)

    def start(self, node: str, spec: InstanceSpec) -> None:
        """By somebody whom no master sent."""
        Deferred.fromCoroutine(self.world.host(node).hypervisor.start(spec, {}))
        self.world.clock.advance(2)

    def test_a_second_host_is_noticed_whoever_reaches_it(self) -> None:
        for node in ("node1", "node3"):
            with self.subTest(node):
                self.setUp()
                self.play(f"6 isolate {node} 0.1\n7 failover node2\n10 kill {node}", 12)
                with self.assertRaisesRegex(Broken, "web1.example runs on node"):
                    self.start(node, self.spec)

    def test_so_is_a_second_guest(self) -> None:
        with self.assertRaisesRegex(Broken, "a disk is written by web1.example on node2 and by web2.example on node2"):
            self.start("node2", evolve(self.spec, name="web2.example"))

    def test_one_that_only_reads_may(self) -> None:
        reading = tuple(evolve(disk, mode="ro") for disk in self.spec.disks)
        self.start("node3", evolve(self.spec, name="web2.example", disks=reading))

    def test_a_disk_that_goes_while_it_is_written(self) -> None:
        self.world.cluster.shared_storage.disks.clear()
        with self.assertRaisesRegex(Broken, "disk 0 of web1.example was removed"):
            self.world.clock.advance(2)

    def test_guests_end_with_the_power_of_their_host_and_outlive_its_process(self) -> None:
        self.play("6 kill node2", 7)
        self.assertEqual(list(self.world.host("node2").hypervisor.guests), ["web1.example"])
        self.play("8 boot node2\n9 power node2", 10)
        self.start("node3", self.spec)
        self.assertEqual(list(self.world.host("node3").hypervisor.guests), ["web1.example"])
