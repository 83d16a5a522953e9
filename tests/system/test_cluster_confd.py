"""confd on the hosts of a real cluster."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
import uuid
from pathlib import Path
from random import Random
from typing import Any
from unittest import TestCase

from ganeti_tw.confd.client.blocking import ask
from ganeti_tw.confd.client.exchange import Answer, Candidates
from ganeti_tw.errors import Expired, NotSent
from real_cluster import ENDED, ROOT, RealCluster

FRESH = 0.1  # seconds from the end of a change until every candidate answers from it


class ConfdTests(TestCase):
    cluster: RealCluster

    @classmethod
    def setUpClass(cls) -> None:
        cls.cluster = RealCluster(3)
        cls.addClassCleanup(cls.cluster.destroy)
        cls.cluster.form()
        cls.key = Path(cls.cluster.paths("node1").hmac_key).read_bytes()
        cls.addresses = [cls.cluster.address(name) for name in cls.cluster.names]

    def ask(self, *addresses: str, type: int = 10, query: Any = "/cluster/tags", timeout: float = 5.0) -> Answer:
        to = Candidates(addresses, self.key, time.time, lambda: str(uuid.uuid4()), Random())
        return ask(to, type, query, timeout=timeout, coverage=-1)

    def wait_for(self, number: int) -> str:
        """The status a job ended in."""
        with self.cluster.client() as client:
            while True:
                query = {"what": "job", "fields": ["status"], "filter": ["=", "id", number]}
                status: str = client.call("query", query)["data"][0][0][1]
                if status in ENDED:
                    return status

    def test_a_change_is_answered_from_on_every_candidate_at_once(self) -> None:
        late = []
        for number in range(7):
            tag = f"fresh-{number}"
            with self.cluster.client() as client:
                op = {"OP_ID": "OP_TAGS_SET", "kind": "cluster", "tags": [tag], "reason": []}
                job = client.call("submit", {"ops": [op]})
            self.assertEqual(self.wait_for(job), "success")
            begin = time.monotonic()
            for address in self.addresses:
                while tag not in self.ask(address).reply.answer:
                    self.assertLess(time.monotonic() - begin, 10)
            late.append(time.monotonic() - begin)
        self.assertLess(statistics.median(late), FRESH, late)

    def test_all_candidates_agree(self) -> None:
        answer = self.ask(*self.addresses, type=3, query=None)
        self.assertEqual((answer.reply.answer, answer.replies, answer.consistent), ("node1", 3, True))
        self.assertEqual(sorted(self.ask(*self.addresses, type=5, query=None).reply.answer), sorted(self.addresses))

    def test_it_starts_and_stops_with_the_role_in_the_running_process(self) -> None:
        address, pid = self.cluster.address("node3"), self.cluster.pid("node3")
        self.assertEqual(self.ask(address, type=1, query="node3").reply.answer, 1)
        self.cluster.run("gnt-node", "modify", "-C", "no", "node3")

        def silent() -> bool:
            try:
                self.ask(address, timeout=0.5)
            except (NotSent, Expired):
                return True
            return False

        self.cluster.until(silent)
        self.assertEqual(self.ask(self.addresses[0], type=1, query="node3").reply.answer, 4)
        self.cluster.run("gnt-node", "modify", "-C", "yes", "node3")
        self.cluster.until(lambda: self.ask(address, type=1, query="node3").reply.answer == 1)
        self.assertEqual(self.cluster.pid("node3"), pid)

    def test_the_command_under_both_names_options(self) -> None:
        def run(*words: str) -> subprocess.CompletedProcess[str]:
            environ = {**os.environ, "PYTHONPATH": str(ROOT), "GANETI_ROOTDIR": str(self.cluster.directory / "node2")}
            argv = [sys.executable, "-m", "ganeti_tw.daemon.confd_client", *words]
            return subprocess.run(argv, capture_output=True, text=True, timeout=60, env=environ)

        self.assertEqual(json.loads(run("node-role", "node1").stdout)["answer"], 0)
        done = run("--hmac", self.key.decode().strip(), "-a", self.addresses[0], "-r", "5")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("5 pings in ", done.stdout)
        self.assertIn('master: "node1"', done.stdout)
        self.assertEqual(run("node-role", "nosuch").returncode, 1)
        self.assertEqual(run("nosuch").returncode, 2)
        silent = run("--hmac", "wrong", "-t", "0.2", "ping")
        self.assertEqual(silent.returncode, 2)
        self.assertIn("another cluster's", silent.stderr)
