"""Changing, renaming and reinstalling instances on a simulated cluster, and creating several at once."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.model.ippool import IpPool
from ganeti_tw.model.verify import verify_config
from ganeti_tw.testing.cluster import Cluster, Command

ADD = ("-t", "file", "--disk", "0:size=1g", "-o", "noop", "--no-name-check", "--no-ip-check", "-n", "node2")


class ChangeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster()
        self.node = self.cluster.hosts["node2"]

    def done(self, *argv: str) -> Command:
        done = self.cluster.run("gnt-instance", *argv)
        self.assertEqual(done.code, 0, done)
        return done

    def refused(self, *argv: str, word: str) -> None:
        done = self.cluster.run("gnt-instance", *argv)
        self.assertEqual(done.code, 1, done)
        self.assertIn(word, done.err)

    def test_disks_come_and_go(self) -> None:
        self.done("add", *ADD, "--no-start", "web1")
        disks = self.node.storages["file"].disks
        shown = self.done("modify", "--disk", "add:size=2g,name=data", "--disk", "0:mode=ro", "web1").out
        self.assertIn(" - disk/1 -> add:size=2048,mode=rw\n - disk.mode/0 -> ro\n", shown)
        self.assertEqual(sorted(size for _, size in disks.values()), [1024, 2048])
        self.done("startup", "web1")
        self.refused("modify", "--disk", "data:remove", "web1", word="marked up")
        self.done("shutdown", "web1")
        self.done("modify", "--disk", "data:detach", "web1")
        self.assertEqual(len(disks), 2)
        self.done("modify", "--disk", "attach:name=data", "web1")
        self.done("modify", "--disk", "0:remove", "web1")
        self.assertEqual([size for _, size in disks.values()], [2048])
        self.node.storages["file"].broken.add("web1")
        self.refused("modify", "--disk", "add:size=2g", "web1", word="simulated failure")
        self.assertEqual(len(self.cluster.config.disks), 1)
        self.assertEqual(verify_config(self.cluster.config), [])

    def test_addresses_of_pools_come_and_go(self) -> None:
        self.cluster.run("gnt-network", "add", "--network", "198.51.100.0/29", "net1")
        self.cluster.run("gnt-network", "connect", "net1")
        self.done("add", *ADD, "--no-start", "web1")
        shown = self.done("modify", "--net", "0:network=net1,ip=pool", "--net", "add:network=net1,ip=pool", "web1").out
        self.assertIn(" - nic.ip/0 -> 198.51.100.1\n", shown)
        self.assertEqual(IpPool.of(self.cluster.config.network("net1")).map, "XXX....X")
        self.done("modify", "--net", "0:remove", "web1")
        self.assertEqual(IpPool.of(self.cluster.config.network("net1")).map, "X.X....X")
        self.assertEqual(verify_config(self.cluster.config), [])

    def test_offline_instances_do_not_start(self) -> None:
        self.done("add", *ADD, "web1")
        self.refused("modify", "--offline", "web1", word="shut it down")
        self.done("shutdown", "web1")
        self.done("modify", "--offline", "web1")
        self.refused("startup", "web1", word="offline")
        self.done("modify", "--online", "web1")
        self.done("startup", "web1")

    def test_parameters_reach_the_guest_with_the_next_start(self) -> None:
        self.done("add", *ADD, "web1")
        self.done("modify", "-B", "memory=256", "web1")
        self.assertEqual(self.node.hypervisor.guests["web1"].memory_mib, 128)
        self.done("shutdown", "web1")
        self.done("startup", "web1")
        self.assertEqual(self.node.hypervisor.guests["web1"].memory_mib, 256)

    def test_a_new_primary_is_only_recorded(self) -> None:
        self.done("add", *ADD, "web1")
        self.refused("modify", "--new-primary", "node3", "web1", word="runs on node2")
        self.done("shutdown", "web1")
        self.done("modify", "--new-primary", "node3", "web1")
        config = self.cluster.config
        self.assertEqual(config.node(config.instance("web1").primary_node).name, "node3")

    def test_renamed_with_its_files(self) -> None:
        self.done("add", *ADD, "web1")
        rename = ("rename", "-f", "--no-name-check", "--no-ip-check")
        self.refused(*rename, "web1", "web2", word="shut it down")
        self.done("shutdown", "web1")
        self.assertIn("Instance 'web1' renamed to 'web2'\n", self.done(*rename, "web1", "web2").out)
        ((old, new),) = self.node.storages["file"].renamed
        self.assertEqual(old.replace("/web1/", "/web2/"), new)
        self.assertEqual(self.node.oses.renamed, [("web1", "web2")])
        self.done("startup", "web2")
        self.assertEqual(list(self.node.hypervisor.guests), ["web2"])

    def test_a_failing_rename_script_is_only_told(self) -> None:
        self.done("add", *ADD, "--no-start", "web1")
        self.node.oses.broken.add("web2")
        shown = self.done("rename", "-f", "--no-name-check", "--no-ip-check", "web1", "web2").out
        self.assertIn("simulated failure", shown)
        self.assertIsNotNone(self.cluster.config.find_instance("web2"))

    def test_reinstalled(self) -> None:
        self.done("add", *ADD, "web1")
        self.refused("reinstall", "-f", "web1", word="shut it down")
        self.done("shutdown", "web1")
        self.done("reinstall", "-f", "web1")
        self.assertEqual(self.node.oses.installed, ["web1", "web1"])
        self.refused("reinstall", "-f", "-o", "other", "web1", word="no OS other")

    def batch(self, *instances: dict[str, Any]) -> Command:
        path = self.mktemp()
        with open(path, "w", encoding="utf-8") as file:
            json.dump(instances, file)
        return self.cluster.run("gnt-instance", "batch-create", path)

    def one(self, name: str, **more: Any) -> dict[str, Any]:
        return {
            "instance_name": name,
            "mode": "create",
            "disks": [{"size": 1024}],
            "disk_template": "file",
            "nics": [{}],
            "pnode": "node2",
            "os_type": "noop",
            "name_check": False,
            "ip_check": False,
            **more,
        }

    def test_several_at_once(self) -> None:
        self.node.oses.broken.add("web2")
        done = self.batch(self.one("web1"), self.one("web2"), self.one("web3", pnode="node3"))
        self.assertEqual(done.code, 1, done)
        self.assertIn("for web2 has failed", done.err)
        self.assertEqual([i.name for i in self.cluster.config.instances_by_name()], ["web1", "web3"])
        self.assertEqual(self.batch(self.one("web4")).code, 0)

    def test_entries_that_cannot_be(self) -> None:
        done = self.batch(self.one("web1"), self.one("web2", colour="red"))
        self.assertEqual(done.code, 1)
        self.assertIn("wrong_input", done.err)
        self.assertIn("instances[1]", done.err)
        self.assertEqual(dict(self.cluster.config.instances), {})
