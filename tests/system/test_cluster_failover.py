"""The master moves between real processes by command."""

from __future__ import annotations

from unittest import TestCase

from real_cluster import NOOP, RealCluster


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

    def test_a_living_master_steps_down(self) -> None:
        old = self.master()
        new = next(n for n in self.cluster.names if n != old)
        done = self.cluster.run("gnt-cluster", "master-failover", host=new)
        self.assertEqual(done.stdout, f"{new} is the master now, in the place of {old}\n")
        self.assertEqual(self.cluster.do(NOOP, new), "success")
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
        self.assertEqual(self.cluster.do(NOOP, old), "success")
        self.cluster.start(other)
