"""Hosts with a network of their own: the address of the cluster is real, and so is what a pulled cable does."""

from __future__ import annotations

import os
import subprocess
import sys
from unittest import TestCase

import pytest

from ganeti_tw.errors import GanetiError
from hosts_apart import CLUSTER_ADDRESS, HostsApart, missing
from real_cluster import NOOP


@pytest.mark.slow
@pytest.mark.skipif(bool(missing()) and not os.environ.get("CI"), reason=f"hosts apart need: {missing()}")
class HostsApartTests(TestCase):
    """Needs root, ip, unshare and nsenter."""

    cluster: HostsApart

    @classmethod
    def setUpClass(cls) -> None:
        assert not missing(), f"hosts apart need: {missing()}"
        cls.cluster = HostsApart(3)
        cls.addClassCleanup(cls.cluster.destroy)
        cls.cluster.form()

    def setUp(self) -> None:
        """The first is the master, all hosts are level and the address is where it belongs."""
        first = self.cluster.names[0]
        self.cluster.until(self.is_level, 60)
        if self.cluster.state(first)["role"] != "master":
            self.cluster.run("gnt-cluster", "master-failover", host=first)
        self.cluster.until(lambda: self.holders() == [first], 60)
        self.cluster.until(self.is_level, 60)

    def is_level(self) -> bool:
        states = [self.cluster.state(name) for name in self.cluster.names]
        return all(len({state[key] for state in states}) == 1 for key in ("master", "position"))

    def holders(self) -> list[str]:
        return [name for name in self.cluster.names if self.cluster.has_address(name)]

    def test_all_is_where_it_belongs(self) -> None:
        first = self.cluster.names[0]
        self.assertEqual(self.cluster.run("gnt-cluster", "getmaster", host=first).stdout.strip(), first)
        self.assertEqual(self.cluster.run("gnt-cluster", "verify", host=first).returncode, 0)
        text = (self.cluster.directory / first / "var/lib/ganeti/ssconf_master_ip").read_text()
        self.assertEqual(text.strip(), CLUSTER_ADDRESS)
        self.cluster.run("gnt-cluster", "deactivate-master-ip", "--yes", host=first)
        self.assertEqual(self.holders(), [])
        self.cluster.run("gnt-cluster", "activate-master-ip", host=first)
        self.assertEqual(self.holders(), [first])

    def test_a_master_whose_cable_is_pulled(self) -> None:
        old, new, _ = self.cluster.names
        self.cluster.pull_cable(old)
        self.addCleanup(self.cluster.plug_cable, old)
        self.cluster.run("gnt-cluster", "master-failover", host=new)
        self.assertEqual(self.cluster.do(NOOP, new), "success")
        with self.assertRaises(GanetiError):
            self.cluster.do(NOOP, old)
        self.cluster.until(lambda: self.holders() == [old, new])
        self.cluster.plug_cable(old)
        self.cluster.until(lambda: self.holders() == [new])
        self.cluster.until(lambda: self.cluster.state(old)["master"] == new)
        refused = self.cluster.run("gnt-cluster", "add-tags", "x", host=old, check=False)
        self.assertIn(f"{new} is: run the command there", refused.stderr)

    def test_a_master_that_loses_power(self) -> None:
        old, _, new = self.cluster.names
        self.cluster.lose_power(old)
        self.addCleanup(self.cluster.start, old)  # already up, unless this fails
        self.cluster.run("gnt-cluster", "master-failover", host=new)
        self.assertEqual(self.cluster.do(NOOP, new), "success")
        self.cluster.until(lambda: self.cluster.has_address(new))
        self.cluster.start(old)
        self.cluster.until(lambda: self.cluster.state(old)["role"] == "candidate")
        self.assertEqual(self.holders(), [new])

    def test_a_master_that_lives_hands_the_address_over(self) -> None:
        old, new, third = self.cluster.names
        self.connect(third)
        self.cluster.run("gnt-cluster", "master-failover", host=new)
        self.cluster.until(lambda: self.holders() == [new])
        self.connect(third)  # it is not at the old master that it looks
        self.assertEqual(self.cluster.state(old)["role"], "candidate")

    def connect(self, host: str) -> None:
        """To mond at the address of the cluster, within a time in which nobody forgets where that was."""
        code = f"import socket; socket.create_connection(({CLUSTER_ADDRESS!r}, 1815), 2)"
        subprocess.run(self.cluster.on(host, [sys.executable, "-c", code]), check=True)
