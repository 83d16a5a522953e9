"""The address of the cluster: brought up, taken down and moved by commands."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.testing.cluster import Cluster, Command

SLASH_32 = "192.0.2.254/32 on xen-br0"


class MasterIpTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster(nodes=2, spare=1)
        self.host = self.cluster.hosts["node1"]
        self.host.master_ip.asked.clear()  # the beginning of the reign

    def run_it(self, *argv: str, code: int = 0) -> Command:
        done = self.cluster.run("gnt-cluster", *argv)
        self.assertEqual(done.code, code, done)
        return done

    def test_up_and_down_as_often_as_one_likes(self) -> None:
        for _ in range(2):
            self.run_it("activate-master-ip")
            self.assertEqual(self.host.master_ip.up, {SLASH_32})
        for _ in range(2):
            self.run_it("deactivate-master-ip", "--yes")
            self.assertEqual(self.host.master_ip.up, set())
        self.assertEqual(self.cluster.hosts["node2"].master_ip.asked, [])

    def test_taking_it_down_is_asked_first(self) -> None:
        self.run_it("deactivate-master-ip", code=1)
        self.assertEqual(self.host.master_ip.asked, [])

    def test_what_the_script_said_is_in_the_error(self) -> None:
        self.host.master_ip.broken = "Cannot find device"
        for argv in (("activate-master-ip",), ("deactivate-master-ip", "--yes")):
            self.assertIn("Cannot find device", self.run_it(*argv, code=1).err)

    def test_it_moves_with_its_settings(self) -> None:
        self.run_it("activate-master-ip")
        self.run_it("modify", "--master-netdev", "br1", "--master-netmask", "24")
        self.assertEqual(self.host.master_ip.up, {"192.0.2.254/24 on br1"})
        self.run_it("modify", "--use-external-mip-script", "yes")
        down, up = self.host.master_ip.asked[-2:]
        self.assertEqual((down.up, down.address.external, up.up, up.address.external), (False, False, True, True))

    def test_settings_that_stay_move_nothing(self) -> None:
        self.run_it("modify", "--master-netdev", "xen-br0", "--candidate-pool-size", "5")
        self.assertEqual(self.host.master_ip.asked, [])

    def test_what_cannot_be_taken_down_is_not_changed(self) -> None:
        self.host.master_ip.broken = "busy"
        self.assertIn("busy", self.run_it("modify", "--master-netdev", "br1", code=1).err)
        self.assertEqual(self.cluster.config.cluster.master_netdev, "xen-br0")
        done = self.run_it("modify", "--force", "--master-netdev", "br1")
        self.assertIn("could not be brought up", done.out)
        self.assertEqual(self.cluster.config.cluster.master_netdev, "br1")

    def test_it_moves_with_the_name(self) -> None:
        self.run_it("activate-master-ip")
        self.run_it("rename", "-f", "node3")
        self.assertEqual(self.host.master_ip.up, {"192.0.2.3/32 on xen-br0"})

    def test_it_goes_with_the_cluster(self) -> None:
        self.run_it("activate-master-ip")
        self.assertEqual(self.cluster.run("gnt-node", "remove", "node2").code, 0)
        self.cluster.call("submit", {"ops": [{"OP_ID": "OP_CLUSTER_DESTROY", "reason": []}]})
        self.cluster.settle(2)
        self.assertEqual(self.host.master_ip.up, set())

    def test_what_hooks_see(self) -> None:
        self.run_it("activate-master-ip")
        (asked,) = self.host.master_ip.asked
        own = {
            "MASTER_IP": "192.0.2.254",
            "MASTER_NETDEV": "xen-br0",
            "MASTER_NETMASK": "32",
            "CLUSTER_IP_VERSION": "4",
        }
        for key, value in own.items():
            self.assertEqual((asked.before[f"GANETI_{key}"], asked.after[f"GANETI_POST_{key}"]), (value, value))
        self.assertEqual(asked.before["GANETI_HOOKS_PATH"], "master-ip-turnup")
        self.assertEqual(asked.after["GANETI_OP_CODE"], "OP_CLUSTER_IP_TURNUP")
        self.assertEqual(set(asked.after) - set(asked.before), {f"GANETI_POST_{key}" for key in own})

    def test_master_ping_tells_by_its_code_only(self) -> None:
        done = self.run_it("master-ping")
        self.assertEqual((done.out, done.err), ("", ""))
