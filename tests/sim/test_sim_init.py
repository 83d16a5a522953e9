"""A host that is in no cluster makes one."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest, WrongState
from ganeti_tw.testing.cluster import Cluster


class InitTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster(1, spare=1)
        self.addCleanup(self.cluster.close)
        self.cluster.addresses["other.example"] = "192.0.2.250"

    def init(self) -> None:
        self.cluster.call_on("node2", "init_cluster", cluster_name="other.example", master_netdev="eth9")

    def is_member(self) -> bool:
        return self.cluster.hosts["node2"].kept is not None

    def test_it_is_the_master(self) -> None:
        self.init()
        self.assertEqual(self.cluster.call_on("node2", "host_state")["role"], "master")

    def test_without_the_interface_for_its_address(self) -> None:
        self.cluster.missing_interfaces.add("eth9")
        error = self.assertRaises(BadRequest, self.init)
        self.assertIn("no interface eth9", error.text)
        self.assertIn("--master-netdev", error.text)
        self.assertFalse(self.is_member())
        self.cluster.missing_interfaces.clear()
        self.init()

    def test_with_an_address_that_another_machine_has(self) -> None:
        self.cluster.taken_addresses.add("192.0.2.250")
        self.assertIn("192.0.2.250", self.assertRaises(WrongState, self.init).text)
        self.assertFalse(self.is_member())
