"""Instances on a simulated cluster, from the command to the guest."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.testing.cluster import Cluster

ADD = ("-t", "file", "--disk", "0:size=1g", "-o", "noop", "--no-name-check", "--no-ip-check", "-n", "node2")


class InstanceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster()

    def add(self, name: str, *more: str) -> None:
        done = self.cluster.run("gnt-instance", "add", *ADD, *more, name)
        self.assertEqual(done.code, 0, done)

    def test_add_installs_and_starts(self) -> None:
        self.add("web1.example")
        node = self.cluster.hosts["node2"]
        self.assertEqual(node.oses.installed, ["web1.example"])
        self.assertEqual(list(node.hypervisor.guests), ["web1.example"])
        self.assertTrue(self.cluster.config.instance("web1").admin_up)

    def test_without_installation_it_is_not_started(self) -> None:
        done = self.cluster.run("gnt-instance", "add", *ADD, "--no-install", "web1.example")
        self.assertEqual(done.code, 0, done)
        self.assertIn(" - INFO: web1.example is not started: no operating system is installed", done.out)
        node = self.cluster.hosts["node2"]
        self.assertEqual((node.oses.installed, list(node.hypervisor.guests)), ([], []))
        self.assertFalse(self.cluster.config.instance("web1").admin_up)

    def test_what_a_node_or_the_resolver_refuses_has_its_code(self) -> None:
        where = ("-t", "diskless", "-n", "node2", "-o")
        for options, code in (
            (("noop", "nowhere.example"), "resolver_error"),
            (("noop+odd", "--no-name-check", "--no-ip-check", "web1.example"), "wrong_input"),
            (("strange", "--no-name-check", "--no-ip-check", "web1.example"), "unknown_entity"),
        ):
            done = self.cluster.run("gnt-instance", "add", *where, *options)
            self.assertEqual((done.code, done.out), (1, ""), done)
            self.assertEqual(done.err.splitlines()[1], f"error type: {code}, error details:", done)
        self.assertEqual(self.cluster.config.instances, {})

    def test_without_installation_one_without_disks_is_not_started_either(self) -> None:
        options = ("-t", "diskless", "--no-name-check", "--no-ip-check", "-n", "node2")
        done = self.cluster.run("gnt-instance", "add", *options, "--no-install", "web1.example")
        self.assertEqual(done.code, 0, done)
        self.assertIn(" - INFO: web1.example is not started: no operating system is installed", done.out)
        self.assertFalse(self.cluster.config.instance("web1").admin_up)
        done = self.cluster.run("gnt-instance", "add", *options, "-o", "noop", "web2.example")
        self.assertTrue(self.cluster.config.instance("web2").admin_up, done)

    def test_list_shows_it_running(self) -> None:
        self.add("web1.example")
        columns = ("--no-headers", "--separator=|", "-o", "name,pnode,status,oper_ram")
        done = self.cluster.run("gnt-instance", "list", *columns)
        self.assertEqual(done.out, "web1.example|node2|running|128\n", done)
