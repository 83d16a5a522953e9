"""Hosts that were removed from the cluster while nobody could tell them."""

from __future__ import annotations

from typing import Any

from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import NotMaster
from ganeti_tw.testing.cluster import Cluster

ASKED = "host.get_standing/1"
HOUR = 3600.0


class RemovedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster()
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def warnings(self) -> list[str]:
        texts = (formatEvent(e) for e in self.events if e["log_level"] is LogLevel.warn)
        return [text for text in texts if "was removed from the cluster" in text]

    def remove(self, name: str) -> None:
        done = self.cluster.run("gnt-node", "remove", name)
        self.assertEqual(done.code, 0, done)

    def asked(self) -> int:
        return sum(host.heard.count(ASKED) for host in self.cluster.hosts.values())

    def learns(self, name: str, *refusing: str) -> None:
        """It says so once, to whoever asks, and bothers nobody any more."""
        (line,) = self.warnings()
        self.assertIn(f"{name} was removed from the cluster: {', '.join(refusing)} know no such node", line)
        error = self.assertRaises(NotMaster, self.cluster.call_on, name, "query", what="node", fields=["name"])
        self.assertIn("gnt-node token --leave", error.text)
        before = self.asked()
        self.cluster.settle(HOUR)
        self.assertLess(self.asked() - before, 20)
        self.assertEqual(len(self.warnings()), 1)
        self.cluster.call_on(name, "forget_cluster")
        self.cluster.settle(1)
        done = self.cluster.run("gnt-node", "add", "--token", f"token of {name}", name)
        self.assertEqual(done.code, 0, done)
        self.cluster.settle(HOUR)
        self.assertEqual((self.cluster.hosts[name].process.inquiry.removed, len(self.warnings())), ("", 1))

    def test_one_that_runs_hears_of_it_from_the_others(self) -> None:
        self.cluster.network.cut("node1", "node3")
        self.remove("node3")
        self.cluster.network.mend("node1", "node3")
        self.cluster.settle(65)
        self.learns("node3", "node1", "node2")

    def test_one_that_the_master_did_not_reach_for_long_before(self) -> None:
        """The others have told it meanwhile who the master is."""
        self.cluster = Cluster(nodes=4)
        self.cluster.network.cut("node1", "node4")
        self.cluster.settle(150)
        self.remove("node4")
        self.cluster.network.mend("node1", "node4")
        self.cluster.settle(300)
        self.learns("node4", "node1", "node2", "node3")

    def test_one_whose_master_died_before_it_was_told(self) -> None:
        self.cluster.begin("submit", {"ops": [{"OP_ID": "OP_NODE_REMOVE", "node_name": "node3"}]})
        while len(self.cluster.config.nodes) == 3:
            self.cluster.clock.step(self.cluster.clock.seconds() + 1)
        self.cluster.restart("node1")
        self.cluster.settle(65)
        self.learns("node3", "node1", "node2")

    def test_one_that_was_dead_hears_of_it_when_it_starts(self) -> None:
        self.cluster.hosts["node3"].kill()
        self.remove("node3")
        self.cluster.hosts["node3"].boot()
        self.cluster.settle(65)
        self.learns("node3", "node1", "node2")

    def test_one_that_was_the_master_hears_of_it_when_it_starts(self) -> None:
        self.cluster.hosts["node1"].kill()
        self.cluster.call_on("node2", "master_failover")
        self.remove("node1")
        self.cluster.hosts["node1"].boot()
        self.cluster.settle(65)
        self.learns("node1", "node2", "node3")

    def test_while_nobody_answers_it_asks_less_and_less(self) -> None:
        for name in ("node1", "node2"):
            self.cluster.hosts[name].kill()
        self.cluster.settle(2 * HOUR)
        self.assertEqual(self.warnings(), [])
        for name in ("node1", "node2"):
            self.cluster.hosts[name].boot()
        self.cluster.settle(60)
        self.assertEqual(self.cluster.hosts["node3"].process.inquiry.removed, "")
        self.remove("node3")

    def test_a_member_whose_master_is_dead_stays_one(self) -> None:
        self.cluster.hosts["node1"].kill()
        self.cluster.settle(HOUR)
        self.assertEqual(self.warnings(), [])
        self.assertLess(self.asked(), 25)
