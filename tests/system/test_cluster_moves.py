"""Instances change their node between real processes, which die in the middle of it."""

from __future__ import annotations

import json
import os
from unittest import TestCase

from real_cluster import ENDED, RealCluster

WEB = "web1.example.com"
ADD = ("-o", "noop", "--no-install", "--no-name-check", "--no-ip-check", "-n", "node2")
MIGRATE = {"OP_ID": "OP_INSTANCE_MIGRATE", "instance_name": WEB, "target_node": "node3", "reason": []}


class MoveTests(TestCase):
    cluster: RealCluster

    @classmethod
    def setUpClass(cls) -> None:
        cls.cluster = RealCluster(3)
        cls.addClassCleanup(cls.cluster.destroy)
        templates = "--enabled-disk-templates=diskless,sharedfile"
        cls.cluster.run("gnt-cluster", "init", "--enabled-hypervisors=fake", templates, "cluster")
        for name in cls.cluster.names[1:]:
            cls.cluster.run("gnt-node", "add", "--token", cls.cluster.token(name), name)

    def setUp(self) -> None:
        for name in self.cluster.names:
            os.makedirs(self.run_directory(name), exist_ok=True)

    def tearDown(self) -> None:
        for name in self.cluster.names:
            self.faults(name)
        self.cluster.run("gnt-instance", "remove", "-f", "--shutdown-timeout", "0", WEB)

    def run_directory(self, host: str) -> str:
        return os.path.join(self.cluster.paths(host).hypervisor_run, "fake-hypervisor")

    def faults(self, host: str, **faults: dict[str, str]) -> None:
        path = os.path.join(self.run_directory(host), ".faults")
        with open(f"{path}.new", "w", encoding="utf-8") as f:
            json.dump(faults, f)
        os.rename(f"{path}.new", path)

    def running(self) -> list[str]:
        """The hosts it runs on."""
        return [n for n in self.cluster.names if os.path.exists(os.path.join(self.run_directory(n), WEB))]

    def primary(self) -> str:
        listed = self.cluster.run("gnt-instance", "list", "--no-headers", "-o", "pnode", WEB)
        return listed.stdout.strip()

    def half_way(self) -> int:
        """The job of a migration that takes its time."""
        self.cluster.run("gnt-instance", "add", "-t", "diskless", *ADD, WEB)
        self.cluster.run("gnt-instance", "startup", WEB)
        self.faults("node2", send={WEB: "slow"})
        with self.cluster.client() as client:
            job: int = client.call("submit", {"ops": [MIGRATE]})
        self.cluster.until(lambda: os.path.exists(os.path.join(self.run_directory("node3"), f".{WEB}.incoming")))
        self.cluster.until(lambda: "sends" in self.cluster.run("gnt-job", "info", str(job)).stdout)
        self.faults("node2")
        return job

    def ended(self, job: int) -> str:
        self.cluster.until(lambda: self.cluster.statuses()[job] in ENDED, 60)
        return self.cluster.statuses()[job]

    def test_there_and_back_with_a_shared_disk(self) -> None:
        self.cluster.run("gnt-instance", "add", "-t", "sharedfile", "--disk", "0:size=1g", *ADD, WEB)
        self.cluster.run("gnt-instance", "startup", WEB)
        moved = self.cluster.run("gnt-instance", "migrate", "-f", "-n", "node3", WEB)
        self.assertIn("sends", moved.stdout)
        self.assertEqual((self.primary(), self.running()), ("node3", ["node3"]))
        self.cluster.run("gnt-instance", "failover", "-f", "-n", "node1", WEB)
        self.assertEqual((self.primary(), self.running()), ("node1", ["node1"]))
        self.cluster.run("gnt-node", "migrate", "-f", "-n", "node2", "node1")
        self.assertEqual((self.primary(), self.running()), ("node2", ["node2"]))
        self.cluster.run("gnt-node", "failover", "-f", "-n", "node3", "node2")
        self.assertEqual((self.primary(), self.running()), ("node3", ["node3"]))
        self.assertEqual(self.cluster.run("gnt-cluster", "verify", check=False).returncode, 0)

    def test_the_source_is_killed(self) -> None:
        job = self.half_way()
        self.cluster.kill("node2")
        self.cluster.start("node2")
        self.assertEqual(self.ended(job), "error")
        self.assertEqual((self.primary(), self.running()), ("node2", ["node2"]))
        self.cluster.run("gnt-instance", "migrate", "-f", "-n", "node3", WEB)
        self.assertEqual((self.primary(), self.running()), ("node3", ["node3"]))

    def test_the_target_is_killed(self) -> None:
        job = self.half_way()
        self.cluster.kill("node3")
        with self.cluster.client() as client:
            client.call("cancel", {"id": job, "kill": False})
        self.ended(job)
        self.cluster.start("node3")
        self.assertEqual((self.primary(), self.running()), ("node2", ["node2"]))
        self.cluster.run("gnt-instance", "failover", "-f", "-n", "node3", WEB)
        self.assertEqual((self.primary(), self.running()), ("node3", ["node3"]))

    def test_the_master_is_killed(self) -> None:
        job = self.half_way()
        self.cluster.kill("node1")
        self.cluster.start("node1")
        self.assertEqual(self.ended(job), "error")
        refused = self.cluster.run("gnt-instance", "startup", WEB, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("--cleanup", refused.stderr)
        found = self.cluster.run("gnt-instance", "migrate", "-f", "--cleanup", WEB)
        self.assertIn("runs on node2", found.stdout)
        self.assertEqual((self.primary(), self.running()), ("node2", ["node2"]))
