"""The master moves between real processes: dead, cut down in the middle, alive, and back again."""

from __future__ import annotations

import random
import time
from unittest import TestCase

from ganeti_tw.errors import GanetiError
from real_cluster import ENDED, NOOP, RealCluster


def tag(name: str) -> dict[str, object]:
    return {"OP_ID": "OP_TAGS_SET", "kind": "cluster", "tags": [name], "reason": []}


class FailoverTests(TestCase):
    cluster: RealCluster

    @classmethod
    def setUpClass(cls) -> None:
        cls.cluster = RealCluster(3)
        cls.addClassCleanup(cls.cluster.destroy)
        cls.cluster.form()

    def setUp(self) -> None:
        self.until_all_follow()

    def until_all_follow(self) -> None:
        """Every host lives, and the candidates are level with the master."""
        self.cluster.until(lambda: len({self.cluster.state(n)["master"] for n in self.cluster.names}) == 1)
        self.cluster.until(lambda: len({self.cluster.state(n)["position"] for n in self.cluster.names}) == 1, 60)

    def master(self) -> str:
        (name,) = [n for n in self.cluster.names if self.cluster.state(n)["role"] == "master"]
        return name

    def tags(self, host: str) -> set[str]:
        return set(self.cluster.run("gnt-cluster", "list-tags", host=host).stdout.split())

    def first_job(self, host: str) -> None:
        with self.cluster.client(host) as client:
            job = client.call("submit", {"ops": [NOOP]})
            client.call("wait", {"id": job, "fields": ["status"], "previous": None, "log_serial": None, "timeout": 20})

    def test_what_was_acknowledged_is_there_after_each_death(self) -> None:
        """Jobs go in while the master is killed; the next one has all that were acknowledged."""
        chance, journal = random.Random(4), set()
        for number in range(4):
            old = self.master()
            new = chance.choice([n for n in self.cluster.names if n != old])
            with self.cluster.client(old) as client:
                sent = [client.send("submit", {"ops": [tag(f"r{number}-{n}")]}) for n in range(60)]
                jobs = []
                for answer in sent:
                    try:
                        jobs.append(client.receive(answer))
                    except GanetiError:
                        break
                    if len(jobs) == 5 + 10 * number:
                        self.cluster.kill(old)
            begin = time.monotonic()
            self.cluster.run("gnt-cluster", "master-failover", host=new)
            self.first_job(new)
            self.assertLess(time.monotonic() - begin, 15)
            with self.cluster.client(new) as client:
                self.cluster.until(lambda: self.all_ended(new, jobs))
                rows = client.call("query", {"what": "job", "fields": ["id", "status"], "filter": None})["data"]
            done = {row[0][1] for row in rows if row[1][1] == "success"}
            journal |= {f"r{number}-{n}" for n, job in enumerate(jobs) if job in done}
            self.assertLessEqual(journal, self.tags(new))
            self.cluster.start(old)
            self.until_all_follow()
            self.assertEqual(self.cluster.state(old)["role"], "candidate")

    def all_ended(self, host: str, jobs: list[int]) -> bool:
        with self.cluster.client(host) as client:
            rows = client.call("query", {"what": "job", "fields": ["id", "status"], "filter": None})["data"]
        status = {row[0][1]: row[1][1] for row in rows}
        return all(status.get(job) in ENDED for job in jobs)

    def test_a_living_master_steps_down(self) -> None:
        old = self.master()
        new = next(n for n in self.cluster.names if n != old)
        done = self.cluster.run("gnt-cluster", "master-failover", host=new)
        self.assertEqual(done.stdout, f"{new} is the master now, in the place of {old}\n")
        self.first_job(new)
        self.assertEqual(self.cluster.state(old)["role"], "candidate")
        refused = self.cluster.run("gnt-cluster", "info", host=old, check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn(f"{new} is", refused.stderr)

    def test_no_majority_no_master(self) -> None:
        old = self.master()
        new, other = (n for n in self.cluster.names if n != old)
        self.cluster.kill(old)
        self.cluster.kill(other)
        done = self.cluster.run("gnt-cluster", "master-failover", host=new, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("only 1 of 3 nodes answer", done.stderr)
        self.cluster.start(old)
        self.cluster.until(lambda: self.cluster.state(old)["role"] == "master", 60)
        self.first_job(old)
        self.cluster.start(other)
