"""Roles of nodes: what a change of role does to the hosts."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import WrongState
from ganeti_tw.protocol.node import ProgramEnd
from ganeti_tw.testing.cluster import Cluster, Command


def said(text: str) -> ProgramEnd:
    return ProgramEnd(0, "", text, text)


class RoleCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster()

    def done(self, program: str, *argv: str, code: int = 0) -> Command:
        done = self.cluster.run(program, *argv)
        self.assertEqual(done.code, code, done)
        return done

    def modify(self, *argv: str, code: int = 0) -> Command:
        return self.done("gnt-node", "modify", *argv, code=code)

    def roles(self) -> str:
        return self.done("gnt-node", "list", "--no-headers", "--separator=|", "-o", "name,role").out

    def position(self, name: str) -> int:
        serial: int = self.cluster.result(self.cluster.hosts[name].store.position()).serial
        return serial


class NodeRoleTests(RoleCase):
    def test_a_demoted_candidate_drops_its_ledger_and_gets_it_back(self) -> None:
        self.assertGreater(self.position("node2"), 0)
        done = self.modify("-C", "no", "node2")
        self.assertEqual(done.out, "Modified node node2\n - master_candidate -> False\n")
        self.cluster.settle(2)
        self.assertEqual(self.roles(), "node1|M\nnode2|R\nnode3|C\n")
        self.assertEqual(self.position("node2"), 0)
        self.done("gnt-cluster", "add-tags", "a")
        self.assertEqual(self.position("node2"), 0)
        self.modify("-C", "yes", "node2")
        self.cluster.settle(5)
        self.assertEqual(self.position("node2"), self.position("node1"))
        self.assertEqual(self.cluster.fatal, [])

    def test_an_offline_node_is_not_spoken_to_and_comes_back(self) -> None:
        self.modify("-O", "yes", "--auto-promote", "node3")
        self.cluster.settle(40)
        heard = len(self.cluster.hosts["node3"].heard)
        self.done("gnt-cluster", "add-tags", "a")
        self.done("gnt-node", "list")
        self.done("gnt-os", "diagnose")
        self.cluster.settle(60)
        self.assertEqual(len(self.cluster.hosts["node3"].heard), heard)
        self.assertEqual(self.roles(), "node1|M\nnode2|C\nnode3|O\n")
        done = self.modify("-f", "-O", "no", "node3")
        self.assertIn("node3 is a master candidate now", done.out)
        self.assertIn(" - master_candidate -> True\n - offline -> False\n", done.out)
        self.cluster.settle(5)
        self.assertEqual(self.cluster.config.cluster.tags, ("a",))
        self.assertEqual(self.position("node3"), self.position("node1"))
        self.assertEqual(self.cluster.hosts["node3"].record.candidates, ("node1", "node2", "node3"))

    def test_a_dead_node_stays_offline(self) -> None:
        self.modify("-O", "yes", "--auto-promote", "node3")
        self.cluster.hosts["node3"].kill()
        self.assertIn("stays offline", self.modify("-f", "-O", "no", "node3", code=1).err)
        self.assertEqual(self.roles(), "node1|M\nnode2|C\nnode3|O\n")

    def test_the_master_works_on_when_all_others_are_offline(self) -> None:
        for name in ("node2", "node3"):
            self.modify("-O", "yes", "--auto-promote", name)
            self.cluster.hosts[name].kill()
        self.done("gnt-cluster", "add-tags", "a")
        self.cluster.restart("node1")
        self.cluster.settle(1)
        self.assertEqual(self.roles(), "node1|M\nnode2|O\nnode3|O\n")

    def test_a_drained_node_takes_no_instances_and_auto_promotion_fills_the_pool(self) -> None:
        self.done("gnt-cluster", "modify", "-C", "2")
        self.modify("-C", "no", "node3")
        self.assertIn("--auto-promote", self.modify("-D", "yes", "node2", code=1).err)
        done = self.modify("-D", "yes", "--auto-promote", "node2")
        self.assertIn("node3 is a master candidate now", done.out)
        self.assertEqual(self.roles(), "node1|M\nnode2|D\nnode3|C\n")
        add = ("-t", "diskless", "-o", "noop", "--no-name-check", "--no-ip-check", "-n", "node2", "web1.example")
        self.assertIn("drained", self.done("gnt-instance", "add", *add, code=1).err)
        self.modify("-D", "no", "node2")
        self.assertEqual(self.roles(), "node1|M\nnode2|R\nnode3|C\n")
        self.done("gnt-cluster", "modify", "-C", "3")
        self.assertEqual(self.roles(), "node1|M\nnode2|C\nnode3|C\n")


class PowerTests(RoleCase):
    def setUp(self) -> None:
        super().setUp()
        self.commands = self.cluster.hosts["node1"].commands
        for name in ("node2", "node3"):
            self.modify("--node-parameters", "oob_program=/oob", name)

    def test_power(self) -> None:
        self.commands.helper["power-status"] = said('{"powered": true}')
        shown = self.done("gnt-node", "power", "status", code=1).out
        self.assertEqual(shown, "Node  Status   \nnode1 (unavail)\nnode2 powered  \nnode3 powered  \n")
        self.done("gnt-node", "power", "off", "node3", code=1)  # nobody is there to be asked
        done = self.done("gnt-node", "power", "-f", "--auto-promote", "off", "node3")
        self.assertEqual(done.out.splitlines()[-1], "node3 invoked")
        self.assertFalse(self.cluster.config.node("node3").powered)
        self.assertIn("powered off", self.modify("-f", "-O", "no", "node3", code=1).err)
        self.done("gnt-node", "power", "on", "node3")
        self.assertTrue(self.cluster.config.node("node3").powered)
        self.modify("-f", "-O", "no", "node3")
        self.commands.helper["power-cycle"] = ProgramEnd(1, "", "", "no")
        self.assertIn("(nodata)", self.done("gnt-node", "power", "-f", "cycle", "node3", code=1).out)
        asked = [("power-status", "node2"), ("power-status", "node3"), ("power-off", "node3"), ("power-on", "node3")]
        self.assertEqual(self.commands.asked[:4], asked)

    def test_health(self) -> None:
        self.commands.helper["health"] = said('[["fan", "OK"], ["disk", "CRITICAL"]]')
        done = self.done("gnt-node", "health", "--no-headers", "node2")
        self.assertIn("item disk of node2 has status CRITICAL", done.out)
        self.assertTrue(done.out.endswith("node2 fan=OK       \n      disk=CRITICAL\n"), done.out)

    def test_restricted_commands(self) -> None:
        self.cluster.hosts["node2"].commands.restricted["date"] = "today\n"
        done = self.done("gnt-node", "restricted-command", "-M", "date", "node2")
        self.assertEqual(done.out, "node2: today\n")
        done = self.done("gnt-node", "restricted-command", "-g", "default", "date", code=1)
        self.assertIn(f"{'-' * 48}\nNode: node2\ntoday\n", done.out)
        self.assertIn("Node: node1\nrunning restricted command 'date' failed", done.out)

    def test_powercycle_needs_a_hypervisor_that_can(self) -> None:
        self.assertIn("hypervisor fake", self.done("gnt-node", "powercycle", "--yes", "node2", code=1).err)


class ClusterCommandTests(RoleCase):
    def test_command_runs_on_all_and_the_master_last(self) -> None:
        self.modify("-O", "yes", "--auto-promote", "node3")
        done = self.done("gnt-cluster", "command", "uname", "-a")
        rule = "-" * 48
        self.assertEqual(
            done.out,
            f"{rule}\nnode: node2\nuname -a\nreturn code = 0\n{rule}\nnode: node1\nuname -a\nreturn code = 0\n",
        )
        self.assertEqual(self.done("gnt-cluster", "command", "-M", "-n", "node2", "true").out, "node2: true\n")
        self.assertEqual(self.done("gnt-cluster", "command", "--failure-only", "true").out, "")
        self.assertIn("return code = 1", self.done("gnt-cluster", "command", "--failure-only", "false").out)

    def test_copyfile_leaves_the_master_out(self) -> None:
        path = self.mktemp()
        with open(path, "w") as file:
            file.write("content")
        self.done("gnt-cluster", "copyfile", path)
        copied = [f.content for name in self.cluster.hosts for f in self.cluster.hosts[name].commands.files.values()]
        self.assertEqual(copied, [b"content", b"content"])
        self.assertEqual(self.cluster.hosts["node1"].commands.files, {})

    def test_copyfile_over_the_second_network(self) -> None:
        path = self.mktemp()
        with open(path, "w") as file:
            file.write("content")
        self.done("gnt-node", "modify", "--force", "-s", "198.51.100.1", "node1")
        self.done("gnt-node", "modify", "--force", "-s", "198.51.100.2", "node2")
        self.done("gnt-cluster", "copyfile", "--use-replication-network", path)
        self.assertEqual(self.cluster.asked_at, [("node2", "198.51.100.2")])
        copied = [name for name in self.cluster.hosts if self.cluster.hosts[name].commands.files]
        self.assertEqual(copied, ["node2", "node3"])

    def test_the_drained_queue_refuses_jobs_also_after_a_restart(self) -> None:
        self.assertEqual(self.done("gnt-cluster", "queue", "info").out, "The drain flag is unset\n")
        self.done("gnt-cluster", "queue", "drain")
        self.cluster.restart("node1")
        self.assertEqual(self.done("gnt-cluster", "queue", "info").out, "The drain flag is set\n")
        op = {"OP_ID": "OP_TEST_DELAY", "duration": 0, "reason": []}
        self.assertRaises(WrongState, self.cluster.call, "submit", {"ops": [op]})
        self.assertIn("undrain", self.done("gnt-cluster", "add-tags", "a", code=1).err)
        self.done("gnt-cluster", "queue", "undrain")
        self.done("gnt-cluster", "add-tags", "a")

    def test_the_pause_of_the_watcher_ends_by_itself(self) -> None:
        self.done("gnt-cluster", "watcher", "pause", "1h")
        self.cluster.restart("node1")
        self.assertIn("paused until", self.done("gnt-cluster", "watcher", "info").out)
        self.cluster.clock.advance(3700)
        self.assertEqual(self.done("gnt-cluster", "watcher", "info").out, "The watcher is not paused.\n")
        self.done("gnt-cluster", "watcher", "pause", "4h")
        self.assertEqual(self.done("gnt-cluster", "watcher", "continue").out, "The watcher is no longer paused.\n")
        self.assertEqual(self.done("gnt-cluster", "watcher", "info").out, "The watcher is not paused.\n")

    def test_settings_tags_and_ispecs(self) -> None:
        self.done("gnt-cluster", "modify", "-B", "vcpus=2", "--uid-pool", "100-200,300", "--max-running-jobs", "5")
        info = json.loads(self.done("gnt-cluster", "info", "--json").out)
        self.assertEqual((info["beparams"]["default"]["vcpus"], info["uid_pool"]), (2, [[100, 200], [300, 300]]))
        self.done("gnt-cluster", "add-tags", "rack:a")
        self.done("gnt-node", "add-tags", "node2", "rack:b")
        self.assertEqual(
            self.done("gnt-cluster", "search-tags", "^rack:").out, "/cluster rack:a\n/nodes/node2 rack:b\n"
        )
        self.assertEqual(self.done("gnt-cluster", "search-tags", "nothing", code=1).out, "")
        self.assertIn("--ipolicy-std-specs", self.done("gnt-cluster", "show-ispecs-cmd").out)
        self.done("gnt-cluster", "master-ping")

    def test_enabled_hypervisors_reach_the_nodes(self) -> None:
        self.done("gnt-cluster", "modify", "--force", "--enabled-hypervisors", "fake,kvm")
        self.cluster.settle(2)
        self.assertEqual(self.cluster.hosts["node3"].record.hypervisors, ("fake", "kvm"))
