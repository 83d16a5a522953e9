"""The network by which instances reach their node: made, connected, joined and left."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.testing.cluster import Cluster, Command

NEW = (
    *("-t", "diskless", "-o", "noop", "--no-nics", "--ignore-ipolicy"),
    *("--no-name-check", "--no-ip-check", "--no-start", "-n", "node2"),
)
OPTION = "--instance-communication-network"


class CommunicationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster(nodes=2)

    def done(self, *argv: str, code: int = 0) -> Command:
        done = self.cluster.run(*argv)
        self.assertEqual(done.code, code, done)
        return done

    def modify(self, *argv: str, code: int = 0) -> Command:
        return self.done("gnt-instance", "modify", "--ignore-ipolicy", *argv, "web1", code=code)

    def test_the_network_is_made_and_connected_to_all_groups(self) -> None:
        self.done("gnt-group", "add", "rack2")
        self.done("gnt-cluster", "modify", OPTION, "talk")
        config = self.cluster.config
        network = config.network("talk")
        self.assertEqual(
            (network.network, network.network6, network.mac_prefix), ("169.254.0.0/16", "fe80::/10", "52:54:00")
        )
        for group in config.groups.values():
            self.assertEqual(group.networks[network.uuid], {"mode": "routed", "link": "communication_rt", "vlan": ""})
        self.assertIn("instance communication network: talk", self.done("gnt-cluster", "info").out)

    def test_what_is_there_already_is_left_alone(self) -> None:
        self.done("gnt-network", "add", "--network", "192.0.3.0/24", "talk")
        self.done("gnt-network", "connect", "-N", "mode=routed,link=mine", "talk", "default")
        before = self.cluster.config.network("talk")
        self.done("gnt-cluster", "modify", OPTION, "talk")
        self.assertEqual(self.cluster.config.network("talk"), before)
        self.assertEqual(self.cluster.config.group("default").networks[before.uuid]["link"], "mine")
        self.done("gnt-cluster", "modify", OPTION, "")
        self.assertEqual(self.cluster.config.cluster.instance_communication_network, "")
        self.done("gnt-cluster", "modify", OPTION, "a b", code=1)

    def test_new_groups_are_connected_too(self) -> None:
        self.done("gnt-cluster", "modify", OPTION, "talk")
        self.done("gnt-group", "add", "rack2")
        config = self.cluster.config
        self.assertIn(config.network("talk").uuid, config.group("rack2").networks)

    def test_an_instance_comes_and_goes(self) -> None:
        self.done("gnt-instance", "add", *NEW, "web1.example")
        self.assertIn(OPTION, self.modify("-c", "yes", code=1).err)
        self.assertNotIn("Modified", self.modify("-c", "no").out)
        self.done("gnt-cluster", "modify", OPTION, "talk")
        self.assertIn("nic/0", self.modify("-c", "yes").out)
        self.modify("-c", "yes")
        config = self.cluster.config
        (nic,) = config.instance("web1").nics
        network = config.network("talk")
        self.assertEqual((nic.name, nic.network), ("ganeti:communication:web1.example", network.uuid))
        self.assertTrue(nic.ip is not None and nic.ip.startswith("169.254.0."), nic.ip)
        self.assertTrue(nic.mac.startswith("52:54:00:"), nic.mac)
        self.modify("-c", "no")
        self.assertEqual(self.cluster.config.instance("web1").nics, ())

    def test_a_new_instance_has_it_at_once_when_asked_for(self) -> None:
        refused = self.done("gnt-instance", "add", "-c", "yes", *NEW, "web1.example", code=1)
        self.assertIn(OPTION, refused.err)
        self.done("gnt-cluster", "modify", OPTION, "talk")
        self.done("gnt-instance", "add", "-c", "yes", *NEW, "web1.example")
        self.done("gnt-instance", "add", "-c", "no", *NEW, "web2.example")
        config = self.cluster.config
        (nic,) = config.instance("web1").nics
        self.assertEqual((nic.name, config.instance("web2").nics), ("ganeti:communication:web1.example", ()))
        self.assertEqual((nic.network, nic.ip), (config.network("talk").uuid, "169.254.0.1"))
        self.assertNotIn("nic", self.modify("-c", "yes").out)
