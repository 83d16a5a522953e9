"""Processes killed at the worst moments: what was acknowledged is still there."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path
from unittest import TestCase

from ganeti_tw.errors import GanetiError
from real_cluster import ENDED, NOOP, RealCluster

ADD = ("-t", "diskless", "--no-install", "--no-name-check", "--no-ip-check", "--no-start")


class KillTests(TestCase):
    cluster: RealCluster

    @classmethod
    def setUpClass(cls) -> None:
        cls.cluster = RealCluster(3)
        cls.addClassCleanup(cls.cluster.destroy)
        cls.cluster.form()
        cls.cluster.run("gnt-instance", "add", *ADD, "-n", "node2", "guest.example")
        cls.cluster.run("gnt-instance", "startup", "guest.example")

    def test_the_master_dies_before_it_noted_where_nodes_that_joined_are(self) -> None:
        path = Path(self.cluster.paths("node1").host_state)
        self.cluster.kill("node1")
        record = json.loads(path.read_text())
        record.update(candidates=["node1"], addresses={"node1": record["addresses"]["node1"]})
        path.write_text(json.dumps(record))
        self.cluster.start("node1")
        self.cluster.until(lambda: self.cluster.state("node1")["role"] == "master")

    def submit_and_kill(self, host: str, after: int) -> list[int]:
        """Submit 100 jobs and kill a host once ``after`` of them are acknowledged; ids acknowledged."""
        acknowledged: list[int] = []
        with self.cluster.client() as client:
            ops = [NOOP if n % 2 else self.tag(n) for n in range(100)]
            sent = [client.send("submit", {"ops": [op]}) for op in ops]
            for tag in sent:
                try:
                    acknowledged.append(client.receive(tag))
                except GanetiError:
                    break
                if len(acknowledged) == after:
                    self.cluster.kill(host)
        return acknowledged

    def tag(self, number: int) -> dict[str, object]:
        self.tags = getattr(self, "tags", 0) + 1
        name = f"{self.id().rpartition('.')[2]}-{number}-{self.tags}"
        return {"OP_ID": "OP_TAGS_SET", "kind": "cluster", "tags": [name], "reason": []}

    def check_all_ended(self, acknowledged: list[int]) -> None:
        self.cluster.until(lambda: all(self.cluster.statuses().get(n) in ENDED for n in acknowledged))

    def test_the_master_dies_during_100_jobs(self) -> None:
        for after in (1, 17, 60):
            acknowledged = self.submit_and_kill("node1", after)
            self.assertGreaterEqual(len(acknowledged), after)
            self.cluster.start("node1")
            self.check_all_ended(acknowledged)
            self.check_truth(acknowledged)
        with self.cluster.client() as client:
            locks = client.call("query", {"what": "lock", "fields": ["name", "owner"], "filter": None})["data"]
        self.assertEqual(locks, [])
        self.check_ledger("node1")
        self.assertIn("running", self.cluster.run("gnt-instance", "list", "guest.example").stdout)

    def check_truth(self, ids: list[int]) -> None:
        """A tag whose job succeeded is there."""
        with self.cluster.client() as client:
            present = set(client.call("cluster_info")["tags"])
            fields = ["id", "status", "ops"]
            rows = client.call("query", {"what": "job", "fields": fields, "filter": None})["data"]
        for (_, number), (_, status), (_, ops) in rows:
            if number in ids and status == "success" and ops[0]["OP_ID"] == "OP_TAGS_SET":
                self.assertLessEqual(set(ops[0]["tags"]), present, f"job {number} said success")

    def check_ledger(self, host: str) -> None:
        with sqlite3.connect(f"file:{self.cluster.paths(host).ledger}?mode=ro", uri=True) as db:
            self.assertEqual(db.execute("pragma integrity_check").fetchall(), [("ok",)])

    def test_a_candidate_that_dies_catches_up(self) -> None:
        acknowledged = self.submit_and_kill("node3", 20)
        self.assertEqual(len(acknowledged), 100)
        self.check_all_ended(acknowledged)
        self.cluster.start("node3")
        self.cluster.run("gnt-cluster", "add-tags", "after")

        def level() -> bool:
            return self.cluster.state("node3")["position"] == self.cluster.state("node1")["position"]

        self.cluster.until(level)
        self.check_ledger("node3")
        config = Path(self.cluster.paths("node3").config_data)
        self.cluster.until(lambda: "after" in json.loads(config.read_text())["cluster"]["tags"])

    def test_commands_go_on_while_a_candidate_is_dead(self) -> None:
        self.cluster.kill("node2")
        begin = time.monotonic()
        self.cluster.run("gnt-cluster", "add-tags", "without-node2")
        self.assertLess(time.monotonic() - begin, 15)
        self.cluster.start("node2")
        self.cluster.until(lambda: "running" in self.cluster.run("gnt-instance", "list", "guest.example").stdout)

    def test_a_host_that_dies_adopts_its_guests(self) -> None:
        self.cluster.kill("node2")
        self.cluster.start("node2")
        self.cluster.until(lambda: "running" in self.cluster.run("gnt-instance", "list", "guest.example").stdout)
        self.cluster.run("gnt-instance", "shutdown", "guest.example")
        self.cluster.run("gnt-instance", "startup", "guest.example")
