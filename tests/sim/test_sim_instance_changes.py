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


class RunningTests(SynchronousTestCase):
    """What a guest that runs gets at once: memory and devices."""

    def setUp(self) -> None:
        self.cluster = Cluster()
        self.node = self.cluster.hosts["node2"]
        self.cluster.run("gnt-instance", "add", *ADD, "-B", "minmem=128,maxmem=256", "web1")
        self.guest = self.node.hypervisor

    def modify(self, *argv: str, code: int = 0) -> Command:
        done = self.cluster.run("gnt-instance", "modify", *argv, "web1")
        self.assertEqual(done.code, code, done)
        return done

    @property
    def instance(self) -> Any:
        return self.cluster.config.instance("web1")

    @property
    def devices(self) -> set[str]:
        return {*self.instance.disks, *(nic.uuid for nic in self.instance.nics)}

    def test_memory(self) -> None:
        self.assertIn("runtime_memory -> 192", self.modify("-m", "192").out)
        self.assertEqual(self.guest.guests["web1"].memory_mib, 192)
        self.assertEqual(self.instance.beparams["maxmem"], 256)
        for wrong in ("64", "512"):
            self.assertIn("between minmem 128 and maxmem 256", self.modify("-m", wrong, code=1).err)
        self.modify("-m", "512", "-B", "maxmem=512")
        self.modify("-m", "64", "--force")
        self.assertEqual(self.guest.guests["web1"].memory_mib, 64)
        self.cluster.run("gnt-instance", "shutdown", "web1")
        self.assertIn("does not run", self.modify("-m", "192", code=1).err)

    def test_memory_is_as_before_when_the_rest_fails(self) -> None:
        self.node.storages["file"].broken.add("web1")
        self.modify("-m", "192", "--disk", "add:size=1g", code=1)
        self.assertEqual(self.guest.guests["web1"].memory_mib, 256)

    def test_disks_and_nics_come_and_go_as_it_runs(self) -> None:
        shown = self.modify("--hotplug", "--disk", "add:size=2g,name=data", "--net", "add").out
        self.assertIn("hotplug.disk/1 -> plugged\n", shown)
        self.assertEqual((len(self.devices), self.guest.plugged["web1"]), (4, self.devices))
        self.modify("--hotplug", "--disk", "data:remove", "--net", "0:remove")
        self.assertEqual((len(self.devices), self.guest.plugged["web1"]), (2, self.devices))
        self.assertEqual(len(self.node.storages["file"].disks), 1)

    def test_without_the_option_they_come_with_the_next_start(self) -> None:
        self.modify("--net", "add")
        self.assertEqual((len(self.devices), len(self.guest.plugged["web1"])), (3, 2))

    def test_a_nic_that_changes_is_plugged_anew_and_one_that_gets_a_name_is_not(self) -> None:
        self.assertIn("hotplug.nic/0 -> plugged", self.modify("--hotplug", "--net", "0:link=br1").out)
        self.assertNotIn("hotplug", self.modify("--hotplug", "--net", "0:name=eth").out)

    def test_where_it_cannot_be_done(self) -> None:
        self.guest.reason = "no such luck"
        refused = self.modify("--hotplug", "--net", "add", code=1)
        self.assertIn("cannot be changed as it runs: no such luck", refused.err)
        self.assertEqual(len(self.instance.nics), 1)
        self.assertIn("with its next start: no such luck", self.modify("--hotplug-if-possible", "--net", "add").out)
        self.assertEqual(len(self.instance.nics), 2)
        self.modify("--disk", "add:size=1g")
        self.assertIn("shut it down", self.modify("--hotplug-if-possible", "--disk", "1:remove", code=1).err)
        self.assertEqual(len(self.instance.disks), 2)
        self.guest.reason = ""
        self.cluster.run("gnt-instance", "shutdown", "web1")
        self.assertIn("it does not run", self.modify("--hotplug", "--net", "add", code=1).err)
        self.modify("--hotplug-if-possible", "--disk", "1:remove")
        self.assertEqual(len(self.instance.disks), 1)

    def test_what_the_guest_does_not_give_stays(self) -> None:
        self.modify("--disk", "add:size=1g")
        self.guest.broken.add("web1")
        self.assertIn("simulated failure", self.modify("--hotplug", "--disk", "1:remove", code=1).err)
        self.assertEqual((len(self.instance.disks), len(self.node.storages["file"].disks)), (2, 2))
        self.assertIn("hotplug.nic/1 -> failed", self.modify("--hotplug", "--net", "add").out)
        self.assertEqual(len(self.instance.nics), 2)


class ConversionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster()
        self.node = self.cluster.hosts["node2"]
        enabled = "--enabled-disk-templates=file,sharedfile,diskless,blockdev"
        done = self.cluster.run("gnt-cluster", "modify", enabled, f"--ipolicy-disk-templates={enabled.split('=')[1]}")
        self.assertEqual(done.code, 0, done)
        self.cluster.run("gnt-instance", "add", *ADD, "--disk", "1:size=1100m,name=data", "--no-start", "web1")
        self.old, self.new = self.node.storages["file"], self.node.storages["sharedfile"]

    def modify(self, *argv: str, code: int = 0, name: str = "web1") -> Command:
        done = self.cluster.run("gnt-instance", "modify", *argv, name)
        self.assertEqual(done.code, code, done)
        return done

    def test_new_disks_have_the_data_of_the_old_and_take_their_place(self) -> None:
        sources = [f"/simulated/{uuid}" for uuid in self.cluster.config.instance("web1").disks]
        self.assertIn("disk_template -> sharedfile", self.modify("-t", "sharedfile", "--file-storage-dir", "x").out)
        parts = [(source, start, 256) for source in sources for start in (0, 256, 512, 768)]
        self.assertEqual(self.new.filled, [*parts, (sources[1], 1024, 76)])
        disks = self.cluster.config.disks_of(self.cluster.config.instance("web1"))
        shown = [(d.dev_type, d.size, d.name, d.nodes, "/x/web1" in d.logical_id[1]) for d in disks]
        self.assertEqual(shown, [("sharedfile", 1024, None, (), True), ("sharedfile", 1100, "data", (), True)])
        self.assertEqual((len(self.cluster.config.disks), self.old.disks, len(self.new.disks)), (2, {}, 2))
        self.assertEqual(verify_config(self.cluster.config), [])

    def test_how_far_it_is(self) -> None:
        self.new.delay = 3
        job = self.cluster.run("gnt-instance", "modify", "-t", "sharedfile", "--submit", "web1").err.split()[-1]
        self.cluster.settle(13)
        info = json.loads(self.cluster.run("gnt-job", "info", "--json", job).out)[0]
        (entry,) = [e for e in info["oplog"][0] if e[2] == "progress"]
        self.assertEqual((entry[3]["total"], entry[3]["unit"]), (2124 * 2**20, "bytes"))
        self.assertGreater(entry[3]["percent"], 0)
        self.assertLess(entry[3]["percent"], 100)

    def test_a_failure_leaves_everything_as_it_was(self) -> None:
        before = self.cluster.config.instance("web1").disks
        for disk in before:
            self.old.disks.pop(disk)
        self.assertIn("not on this node", self.modify("-t", "sharedfile", code=1).err)
        self.assertEqual((self.cluster.config.instance("web1").disks, self.new.disks), (before, {}))

    def test_cancelled_between_two_parts_it_leaves_everything_as_it_was(self) -> None:
        before = self.cluster.config.instance("web1").disks
        self.new.delay = 3
        job = self.cluster.run("gnt-instance", "modify", "-t", "sharedfile", "--submit", "web1").err.split()[-1]
        self.cluster.settle(10)
        self.cluster.run("gnt-job", "cancel", job)
        self.cluster.settle(10)
        self.assertEqual((self.cluster.config.instance("web1").disks, self.new.disks), (before, {}))

    def test_what_is_left_behind_is_not_taken_for_the_disk_it_should_have_replaced(self) -> None:
        self.new.delay = 3
        job = self.cluster.run("gnt-instance", "modify", "-t", "sharedfile", "--submit", "web1").err.split()[-1]
        self.cluster.settle(10)
        self.node.kill()
        self.cluster.settle(60)
        log = self.cluster.run("gnt-job", "info", job).out
        self.assertRegex(log, r"left behind, see to it by hand: .*disk/0 \(sharedfile /\S+\) of web1 on node2")

    def test_what_cannot_be_converted(self) -> None:
        for word, argv in (
            ("has file disks already", ("-t", "file")),
            ("converted to diskless", ("-t", "diskless")),
            ("converted to blockdev", ("-t", "blockdev")),
            ("not enabled", ("-t", "plain")),
            ("converted and changed at once", ("-t", "sharedfile", "--disk", "add:size=1g")),
            ("their node be changed at once", ("-t", "sharedfile", "--new-primary", "node3")),
            ("a secondary node", ("-t", "sharedfile", "-n", "node3")),
        ):
            self.assertIn(word, self.modify(*argv, code=1).err, argv)
        self.cluster.run("gnt-instance", "startup", "web1")
        self.assertIn("shut it down", self.modify("-t", "sharedfile", code=1).err)
        self.cluster.run("gnt-instance", "add", "-t", "diskless", *ADD[4:], "--no-start", "web2")
        self.assertIn("it has none", self.modify("-t", "sharedfile", code=1, name="web2").err)
