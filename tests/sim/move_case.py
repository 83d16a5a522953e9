"""Instances that change their node, on a simulated cluster."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.testing.cluster import Cluster, Command

WEB = "web1.example"


class MoveCase(SynchronousTestCase):
    """Three nodes; instances are added with ``options`` and moved by ``gnt-instance`` and ``verb``."""

    options: tuple[str, ...]
    verb: str

    def setUp(self) -> None:
        self.cluster = Cluster()
        self.one, self.two, self.three = (self.cluster.hosts[f"node{i}"] for i in (1, 2, 3))

    def done(self, program: str, *argv: str) -> Command:
        done = self.cluster.run(program, *argv)
        self.assertEqual(done.code, 0, done)
        return done

    def add(self, *more: str, name: str = WEB) -> None:
        self.done("gnt-instance", "add", *self.options, *more, name)

    def move(self, *argv: str) -> Command:
        return self.cluster.run("gnt-instance", self.verb, "-f", *argv)

    def refused(self, *argv: str, word: str) -> None:
        """Nothing changes."""
        before, guests = self.cluster.config.serial, self.guests()
        done = self.move(*argv)
        self.assertEqual(done.code, 1, done)
        self.assertIn(word, done.err)
        self.assertEqual((self.cluster.config.serial, self.guests()), (before, guests))

    def guests(self) -> dict[str, list[str]]:
        return {host.name: list(host.hypervisor.guests) for host in self.cluster.hosts.values()}

    def where(self, name: str = WEB) -> tuple[str, list[str]]:
        """The node it should be on, and those it is on."""
        config = self.cluster.config
        running = [host for host, names in self.guests().items() if name in names]
        return config.node(config.instance(name).primary_node).name, running
