"""``gnt-cluster verify`` on a simulated cluster with faults in it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.testing.cluster import Cluster, Command

ADD = ("-t", "file", "--disk", "0:size=1g", "-o", "noop", "--no-name-check", "--no-ip-check")


class VerifyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster()

    def run_it(self, *argv: str, code: int = 0) -> Command:
        done = self.cluster.run("gnt-cluster", *argv)
        self.assertEqual(done.code, code, done)
        return done

    def found(self, *argv: str, code: int = 1) -> list[str]:
        """Code, type and name of each error and warning."""
        lines = self.run_it("verify", "--error-codes", *argv, code=code).out.splitlines()
        return [line.rpartition("  - ")[2] for line in lines if "  - ERROR:" in line or "  - WARNING:" in line]

    def add(self, name: str, node: str) -> None:
        done = self.cluster.run("gnt-instance", "add", *ADD, "-n", node, name)
        self.assertEqual(done.code, 0, done)

    def test_a_sound_cluster(self) -> None:
        self.add("web1.example", "node2")
        done = self.run_it("verify")
        for words in (
            "* Verifying cluster config",
            "* Verifying group 'default'",
            "* Gathering data (3 nodes)",
            "ledger on node3: in sync",
            "1 non-redundant instance(s) found.",
        ):
            self.assertIn(words, done.out)
        self.assertNotIn("ERROR", done.out)
        self.assertEqual(done.err, "")
        self.assertIn("No disks need to be activated.\n", self.run_it("verify-disks").out)

    def test_the_jobs_say_who_wanted_them(self) -> None:
        self.run_it("verify")
        jobs = self.cluster.run("gnt-job", "list", "--no-headers", "--separator=|", "-o", "id,status,summary").out
        group = self.cluster.config.group("default").uuid
        self.assertEqual(
            jobs.splitlines(),
            ["1|success|CLUSTER_VERIFY", "2|success|CLUSTER_VERIFY_CONFIG", f"3|success|CLUSTER_VERIFY_GROUP({group})"],
        )

    def test_nodes_that_cannot_reach_each_other(self) -> None:
        self.cluster.hosts["node3"].survey.unreachable = {"192.0.2.2": "the cable is out"}
        self.assertEqual(
            self.found(), ["ERROR:ENODENET:node:node3:it cannot reach node2 (192.0.2.2): the cable is out"]
        )
        done = self.cluster.run("gnt-node", "modify", "--offline", "yes", "--auto-promote", "node2")
        self.assertEqual(done.code, 0, done)
        self.cluster.settle(2)
        self.assertEqual(self.found(code=0), [])

    def test_an_address_of_the_cluster_that_is_nowhere(self) -> None:
        ip = self.cluster.config.cluster.master_ip
        for name in ("node1", "node3"):
            self.cluster.hosts[name].survey.unreachable = {ip: "no route"}
        found = f"it cannot reach the address of the cluster ({ip}): no route"
        self.assertEqual(
            self.found(),
            [
                f"ERROR:ENODENET:node:node1:{found}; 'gnt-cluster activate-master-ip' brings it up",
                f"ERROR:ENODENET:node:node3:{found}",
            ],
        )

    def test_guests_and_disks(self) -> None:
        for name, node in (("web1.example", "node1"), ("web2.example", "node2"), ("web3.example", "node3")):
            self.add(name, node)
        hosts = self.cluster.hosts
        hosts["node3"].hypervisor.guests["web1.example"] = hosts["node1"].hypervisor.guests.pop("web1.example")
        hosts["node2"].hypervisor.guests["stranger"] = hosts["node2"].hypervisor.guests["web2.example"]
        hosts["node2"].hypervisor.guests["stranger"] = type(hosts["node2"].hypervisor.guests["stranger"])(
            "stranger", "fake", "running", 128, 1
        )
        hosts["node3"].storages["file"].disks.clear()
        self.assertEqual(
            [line.rpartition(":")[0] for line in self.found()],
            [
                "ERROR:EINSTANCEDOWN:instance:web1.example",
                "ERROR:ENODEORPHANINSTANCE:node:node2",
                "ERROR:EINSTANCEWRONGNODE:instance:web1.example",
                "ERROR:EINSTANCEMISSINGDISK:instance:web3.example",
            ],
        )

    def test_hosts(self) -> None:
        hosts = self.cluster.hosts
        hosts["node2"].survey.skew = 1000.0
        hosts["node2"].survey.files = {"/var/lib/ganeti/hmac.key": "other\n"}
        hosts["node3"].survey.setup = ("/var/log/ganeti cannot be written",)
        hosts["node3"].survey.files = {"/var/lib/ganeti/ssconf_node_list": None}
        self.assertEqual(
            [line.rpartition(":")[0] for line in self.found()],
            [
                "ERROR:ECLUSTERFILECHECK:cluster:cluster",
                "ERROR:ECLUSTERFILECHECK:cluster:cluster",
                "ERROR:ENODETIME:node:node2",
                "ERROR:ENODESETUP:node:node3",
            ],
        )
        ignored = ("-I", "ECLUSTERFILECHECK", "-I", "ENODETIME", "-I", "ENODESETUP")
        self.assertEqual({line.partition(":")[0] for line in self.found(*ignored, code=0)}, {"WARNING"})

    def test_files_that_are_a_moment_late_are_fine(self) -> None:
        self.cluster.hosts["node2"].survey.files = {"/var/lib/ganeti/ssconf_node_list": "old\n"}
        self.cluster.clock.callLater(1.5, self.cluster.hosts["node2"].survey.files.clear)
        self.assertEqual(self.found(code=0), [])

    def test_a_node_that_cannot_be_reached(self) -> None:
        self.cluster.network.cut("node1", "node3")
        self.cluster.settle(60)
        lines = self.found()
        self.assertTrue(any(line.startswith("ERROR:ENODERPC:node:node3:") for line in lines), lines)
        self.assertTrue(any(line.startswith("ERROR:ENODELEDGER:node:node3:") for line in lines), lines)
        self.cluster.network.mend("node1", "node3")
        self.cluster.settle(60)
        self.assertEqual(self.found(code=0), [])

    def test_a_single_group(self) -> None:
        for argv in (("add", "rack2"), ("assign-nodes", "rack2", "node3")):
            self.assertEqual(self.cluster.run("gnt-group", *argv).code, 0)
        self.cluster.hosts["node2"].survey.skew = 1000.0
        self.assertEqual(self.found("-g", "rack2", code=0), [])
        self.assertEqual(len(self.found("-g", "default")), 1)
        self.assertIn("nosuch", self.run_it("verify", "-g", "nosuch", code=1).err)
        out = self.run_it("verify", code=1).out
        self.assertLess(out.index("Verifying group 'default'"), out.index("Verifying group 'rack2'"))

    def test_simulated_errors(self) -> None:
        lines = self.found("--debug-simulate-errors")
        self.assertIn("ERROR:ENODEN1:node:simulated:simulated error", lines)
        self.assertNotIn("ENODEN1", str(self.found("--debug-simulate-errors", "--no-nplus1-mem")))
