"""Disks made ready and not, and where nodes keep them."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.testing.cluster import Cluster, Command

ADD = ("--disk", "0:size=1G", "--disk", "1:size=2G", "-o", "noop", "--no-name-check", "--no-ip-check")
WEB = "web1.example"


class DiskCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster()

    def run_it(self, *argv: str, code: int = 0) -> Command:
        done = self.cluster.run(*argv)
        self.assertEqual(done.code, code, done)
        return done

    def add(self, template: str, *more: str) -> None:
        self.run_it("gnt-instance", "add", "-t", template, *ADD, "-n", "node2", *more, WEB)

    @property
    def active(self) -> bool:
        return self.cluster.config.instance(WEB).disks_active


class ActivationTests(DiskCase):
    def test_disks_of_one_that_is_down_are_made_ready_and_not(self) -> None:
        for template in ("file", "sharedfile"):
            self.add(template, "--no-start")
            self.assertFalse(self.active)
            done = self.run_it("gnt-instance", "activate-disks", "web1")
            disks = self.cluster.config.disks_of(self.cluster.config.instance(WEB))
            wanted = [f"node2:disk/{i}:/simulated/{disk.uuid}" for i, disk in enumerate(disks)]
            self.assertEqual(done.out.splitlines(), wanted)
            self.assertTrue(self.active)
            self.run_it("gnt-instance", "activate-disks", "--ignore-size", "--wait-for-sync", WEB)
            self.assertEqual(self.run_it("gnt-instance", "deactivate-disks", "web1").out, "")
            self.assertFalse(self.active)
            self.run_it("gnt-instance", "deactivate-disks", "web1")
            self.run_it("gnt-instance", "remove", "-f", WEB)

    def test_with_submit_the_number_of_the_job_is_told(self) -> None:
        self.add("file", "--no-start")
        done = self.run_it("gnt-instance", "activate-disks", "--submit", "web1")
        self.assertIn("JobID: ", done.err)
        self.assertEqual(done.out, "")

    def test_one_without_disks_has_none_to_make_ready(self) -> None:
        options = ("-t", "diskless", "-o", "noop", "--no-name-check", "--no-ip-check", "-n", "node2", "--no-start")
        self.run_it("gnt-instance", "add", *options, WEB)
        self.assertEqual(self.run_it("gnt-instance", "activate-disks", "web1").out, "")
        self.assertFalse(self.active)

    def test_one_that_runs_keeps_them_ready_unless_forced(self) -> None:
        self.add("file")
        refused = self.run_it("gnt-instance", "deactivate-disks", "web1", code=1)
        self.assertIn("web1.example is to run: shut it down first (gnt-instance shutdown), or use --force", refused.err)
        self.assertTrue(self.active)
        self.run_it("gnt-instance", "shutdown", "--no-remember", "web1")
        self.run_it("gnt-instance", "startup", "web1")
        self.run_it("gnt-instance", "deactivate-disks", "-f", "web1")
        self.assertFalse(self.active)

    def test_one_that_runs_though_it_should_not_keeps_them_too(self) -> None:
        self.add("file")
        guest = self.cluster.hosts["node2"].hypervisor.guests[WEB]
        self.run_it("gnt-instance", "shutdown", "web1")
        self.run_it("gnt-instance", "activate-disks", "web1")
        self.cluster.hosts["node2"].hypervisor.guests[WEB] = guest
        refused = self.run_it("gnt-instance", "deactivate-disks", "web1", code=1)
        self.assertIn("web1.example runs on node2: shut it down first", refused.err)
        self.assertTrue(self.active)

    def test_a_disk_that_is_not_there_is_named(self) -> None:
        self.add("file", "--no-start")
        storage = self.cluster.hosts["node2"].storages["file"]
        del storage.disks[self.cluster.config.instance(WEB).disks[1]]
        refused = self.run_it("gnt-instance", "activate-disks", "web1", code=1)
        self.assertIn("disk/1 (file /srv/ganeti/file-storage/web1.example/", refused.err)
        self.assertIn(
            "of web1.example is not on node2: bring it back there, or take it from the instance with "
            "gnt-instance modify --disk 1:remove web1.example",
            refused.err,
        )
        self.assertFalse(self.active)

    def test_on_an_offline_node_nothing_is_made_ready(self) -> None:
        self.add("file", "--no-start")
        self.run_it("gnt-node", "modify", "--offline=yes", "node2")
        for command in ("activate-disks", "deactivate-disks"):
            refused = self.run_it("gnt-instance", command, "web1", code=1)
            self.assertIn("node2, primary node of web1.example, is marked offline", refused.err)
        self.run_it("gnt-instance", "deactivate-disks", "-f", "web1")

    def test_dry_run_changes_nothing(self) -> None:
        self.add("file", "--no-start")
        self.run_it("gnt-instance", "activate-disks", "web1")
        self.run_it("gnt-instance", "deactivate-disks", "--dry-run", "web1")
        self.assertTrue(self.active)


class StorageTests(DiskCase):
    def list(self, *argv: str, code: int = 0) -> Command:
        return self.run_it("gnt-node", "list-storage", *argv, code=code)

    def test_the_storage_of_the_first_template_on_all_nodes(self) -> None:
        self.assertEqual(
            self.list().out.splitlines()[:2],
            [
                "Node  Type Name                     Size Used   Free Allocatable",
                "node1 file /srv/ganeti/file-storage 1.0T 512M 976.6G Y          ",
            ],
        )
        listed = self.list("--no-headers").out.splitlines()
        self.assertEqual([line.split()[0] for line in listed], ["node1", "node2", "node3"])

    def test_what_programs_read(self) -> None:
        done = self.list(
            "-t", "sharedfile", "-o", "node,name,size,used", "--no-headers", "--separator=|", "node3", "node2"
        )
        self.assertEqual(
            done.out,
            "node2|/srv/ganeti/shared-file-storage|1048576|512\nnode3|/srv/ganeti/shared-file-storage|1048576|512\n",
        )
        found = json.loads(self.list("--json", "-o", "node,free,allocatable", "node1").out)
        self.assertEqual(found, [{"node": "node1", "free": 1000000, "allocatable": True}])

    def test_one_place_by_its_name(self) -> None:
        op = {"OP_ID": "OP_NODE_QUERY_STORAGE", "output_fields": ["name"], "nodes": ["node1"]}
        for name, rows in (("/srv/ganeti/file-storage", [["/srv/ganeti/file-storage"]]), ("/elsewhere", [])):
            number = self.cluster.call("submit", {"ops": [{**op, "name": name}]})
            self.cluster.settle()
            answer = self.cluster.call("query", {"what": "job", "fields": ["opresult"], "filter": ["=", "id", number]})
            self.assertEqual(answer["data"][0][0][1], [rows])

    def test_nodes_that_do_not_answer_are_left_out(self) -> None:
        self.run_it("gnt-node", "modify", "--offline=yes", "node3")
        self.cluster.hosts["node2"].figures.broken = "no space"
        done = self.list("--no-headers", "-o", "node")
        self.assertEqual(done.out.splitlines()[-1], "node1")
        self.assertIn("node2 does not say how full its storage is: cannot measure this host: no space", done.out)
        self.assertNotIn("node3", done.out)

    def test_templates_without_storage_do_not_count(self) -> None:
        self.cluster = Cluster(1, enabled_disk_templates=("diskless", "sharedfile"))
        self.assertIn("node1 sharedfile /srv/ganeti/shared-file-storage", self.list().out)
        self.cluster = Cluster(1, enabled_disk_templates=("diskless",))
        refused = self.list(code=1)
        self.assertIn("no enabled disk template has storage that can be listed here (enabled: diskless)", refused.err)

    def test_what_cannot_be_listed(self) -> None:
        for argv, words in (
            (("-t", "lvm-vg"), "storage of type lvm-vg cannot be listed here"),
            (("-t", "gluster"), "no enabled disk template has storage of type gluster"),
            (("-o", "node,colour"), "there is no field colour of storage"),
            (("node99",), "node99"),
        ):
            self.assertIn(words, self.list(*argv, code=1).err, argv)
