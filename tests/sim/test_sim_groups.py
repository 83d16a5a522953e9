"""Node groups on a simulated cluster, from the command to the configuration."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.testing.cluster import Cluster, Command

MIN = "cpu-count=1,disk-count=0,disk-size=0,memory-size=4,nic-count=0,spindle-use=0"
MAX = "cpu-count=8,disk-count=16,disk-size=1048576,memory-size={},nic-count=8,spindle-use=12"


class GroupTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster()

    def done(self, *argv: str, code: int = 0) -> Command:
        done = self.cluster.run("gnt-group", *argv)
        self.assertEqual(done.code, code, done)
        return done

    def listed(self, fields: str, *names: str) -> str:
        return self.done("list", "--no-headers", "--separator=|", "-o", fields, *names).out

    def test_the_life_of_a_group(self) -> None:
        self.done("add", "--alloc-policy", "last_resort", "--node-parameters", "spindle_count=2", "rack2")
        self.done("assign-nodes", "rack2", "node3")
        self.assertEqual(
            self.listed("name,alloc_policy,node_list,ndp/spindle_count"),
            "default|preferred|node1,node2|1\nrack2|last_resort|node3|2\n",
        )
        self.done("rename", "rack2", "rack3")
        self.assertIn("has nodes: node3", self.done("remove", "rack3", code=1).err)
        self.done("assign-nodes", "default", "node3")
        self.done("remove", "rack3")
        self.assertEqual(self.listed("name,node_cnt"), "default|3\n")

    def test_groups_survive_a_restart_of_the_master(self) -> None:
        self.done("add", "--disk-state", "plain/vg:disk_total=5", "rack2")
        self.cluster.restart("node1")
        group = self.cluster.config.group("rack2")
        self.assertEqual(group.disk_state_static, {"plain": {"vg": {"disk_total": 5}}})

    def test_modify_tells_and_shows_what_it_changed(self) -> None:
        done = self.done("modify", "--node-parameters", "ssh_port=2222", "--ipolicy-vcpu-ratio", "2", "default")
        self.assertEqual(
            done.out,
            "Modified node group default\n - ndparams -> {'ssh_port': 2222}\n - ipolicy -> {'vcpu-ratio': 2.0}\n",
        )
        shown = self.done("info", "default").out
        self.assertIn("    ssh_port: 2222\n", shown)
        self.assertIn("    vcpu-ratio: 2\n", shown)
        self.done("modify", "--node-parameters", "ssh_port=default", "--ipolicy-vcpu-ratio", "default", "default")
        self.assertEqual(self.listed("custom_ndparams,custom_ipolicy"), "{}|{}\n")

    def test_dry_run_changes_nothing(self) -> None:
        self.done("add", "--dry-run", "rack2")
        self.assertEqual(self.listed("name"), "default\n")

    def test_a_new_policy_only_warns(self) -> None:
        add = ("-t", "file", "--disk", "0:size=1g", "-o", "noop", "--no-name-check", "--no-ip-check", "-n", "node2")
        self.assertEqual(self.cluster.run("gnt-instance", "add", *add, "web1.example").code, 0)
        done = self.done("modify", "--ipolicy-bounds-specs", f"min:{MIN}/max:{MAX.format('64')}", "default")
        self.assertIn("WARNING", done.out)
        self.assertIn("web1.example", done.out)
        refused = self.cluster.run("gnt-instance", "add", *add, "web2.example")
        self.assertEqual(refused.code, 1)
        self.assertIn("memory-size", refused.err)
        shown = self.done("show-ispecs-cmd").out
        self.assertEqual(shown, f"gnt-group add --ipolicy-bounds-specs min:{MIN}/max:{MAX.format('64')} default\n")

    def test_tags(self) -> None:
        self.done("add-tags", "default", "b", "a")
        uuid = self.listed("uuid").strip()
        self.assertEqual(self.done("list-tags", uuid).out, "a\nb\n")
        self.done("remove-tags", "default", "a")
        self.assertEqual(json.loads(self.done("list", "--json", "-o", "tags").out), [{"tags": ["b"]}])

    def test_refusals_name_what_is_wrong(self) -> None:
        for argv, words in (
            (("add", "default"), "default"),
            (("add", "--alloc-policy", "never", "g2"), "alloc_policy"),
            (("add", "--ipolicy-disk-templates", "plain", "g2"), "plain"),
            (("rename", "nosuch", "g2"), "nosuch"),
            (("rename", "default", "default"), "default"),
            (("assign-nodes", "default", "node9"), "node9"),
            (("modify", "--ipolicy-vcpu-ratio", "0.5", "default"), "vcpu-ratio"),
            (("info", "nosuch"), "nosuch"),
            (("list", "nosuch"), "nosuch"),
            (("show-ispecs-cmd", "nosuch"), "nosuch"),
            (("list-tags", "nosuch"), "nosuch"),
        ):
            self.assertIn(words, self.done(*argv, code=1).err, argv)
        self.assertEqual(self.listed("name"), "default\n")
