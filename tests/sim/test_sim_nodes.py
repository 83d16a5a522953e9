"""Nodes that come and go."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.testing.cluster import Cluster, Command

ADD_INSTANCE = ("-t", "diskless", "-o", "noop", "--no-name-check", "--no-ip-check")


class NodeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster(nodes=2, spare=2)

    def run_node(self, code: int, *argv: str) -> Command:
        done = self.cluster.run("gnt-node", *argv)
        self.assertEqual(done.code, code, done)
        return done

    def add(self, name: str) -> None:
        done = self.run_node(0, "add", "--token", f"token of {name}", name)
        self.assertNotIn("WARNING", done.err + done.out)

    def names(self) -> list[str]:
        return sorted(n.name for n in self.cluster.config.nodes.values())

    def test_a_host_joins_works_and_leaves(self) -> None:
        self.add("node3")
        self.assertEqual(self.names(), ["node1", "node2", "node3"])
        done = self.cluster.run("gnt-instance", "add", *ADD_INSTANCE, "-n", "node3", "web1.example")
        self.assertEqual(done.code, 0, done)
        self.assertIn("web1.example", self.run_node(1, "remove", "node3").err)
        self.assertEqual(self.cluster.run("gnt-instance", "remove", "-f", "web1").code, 0)
        self.run_node(0, "remove", "node3")
        self.assertEqual(self.names(), ["node1", "node2"])

    def test_every_node_hears_of_a_new_one(self) -> None:
        self.add("node3")
        self.cluster.settle(2)
        for name in ("node1", "node2", "node3"):
            self.assertIn("node3", self.cluster.hosts[name].record.addresses, name)

    def test_a_new_candidate_holds_the_ledger(self) -> None:
        self.add("node3")
        self.assertTrue(self.cluster.config.node("node3").master_candidate)
        self.cluster.settle(5)
        position = self.cluster.result(self.cluster.hosts["node3"].store.position())
        self.assertEqual(position, self.cluster.result(self.cluster.hosts["node1"].store.position()))

    def test_refusals_change_nothing(self) -> None:
        for argv, word in (
            (("--token", "token of node3", "node2"), "already"),
            (("--token", "wrong", "node3"), "proof"),
            (("--token", "token of node9", "node9"), "no address"),
            (("--token", "token of node3", "-g", "nowhere", "node3"), "nowhere"),
        ):
            self.assertIn(word, self.run_node(1, "add", *argv).err)
        self.assertIn("master", self.run_node(1, "remove", "node1").err)
        self.run_node(1, "remove", "node9")
        self.assertEqual(self.names(), ["node1", "node2"])

    def test_a_name_that_leads_to_the_master_itself_is_refused(self) -> None:
        self.cluster.addresses["node3"] = "127.0.1.1"
        self.assertIn("127.0.1.1 on the master", self.run_node(1, "add", "--token", "token of node3", "node3").err)
        self.assertEqual(self.names(), ["node1", "node2"])

    def test_a_host_that_may_have_joined_unnoticed_is_named_with_the_remedy(self) -> None:
        said = self.run_node(1, "add", "--token", "lost token of node3", "node3").err
        for words in ("was lost", "node3 is not added", "gnt-node token", "--leave"):
            self.assertIn(words, said)
        self.assertEqual(self.names(), ["node1", "node2"])

    def test_a_dead_node_can_be_removed(self) -> None:
        self.add("node3")
        self.cluster.hosts["node3"].kill()
        self.run_node(0, "remove", "node3")
        self.assertEqual(self.names(), ["node1", "node2"])

    def test_a_host_with_an_empty_disk_gets_its_place_back(self) -> None:
        self.add("node3")
        self.run_node(0, "modify", "--drained", "yes", "node2")
        before = self.cluster.config.node("node2")
        host = self.cluster.hosts["node2"]
        host.kill()
        self.run_node(0, "modify", "--offline", "yes", "--auto-promote", "node2")
        self.cluster.settle(5)
        host.lose_disk()
        host.boot()
        self.run_node(1, "add", "--token", "token of node2", "node2")
        self.run_node(1, "add", "--readd", "--token", "wrong", "node2")
        self.assertTrue(self.cluster.config.node("node2").offline)
        self.run_node(0, "add", "--readd", "--token", "token of node2", "node2")
        node = self.cluster.config.node("node2")
        self.assertEqual(
            (node.uuid, node.offline, node.drained, node.master_candidate), (before.uuid, False, False, True)
        )
        self.cluster.settle(5)
        self.assertIn("node3", host.record.addresses)
        position = self.cluster.result(host.store.position())
        self.assertEqual(position, self.cluster.result(self.cluster.hosts["node1"].store.position()))

    def test_the_token_is_in_no_row(self) -> None:
        self.add("node3")
        snapshot = self.cluster.result(self.cluster.hosts["node1"].store.load())
        self.assertEqual([place for place, value in snapshot.rows.items() if b"token of node3" in value], [])
