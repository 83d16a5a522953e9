"""Instances that change their node by being stopped and started, on a simulated cluster."""

from __future__ import annotations

from ganeti_tw.model.verify import verify_config
from ganeti_tw.testing.cluster import Command
from ganeti_tw.testing.hypervisor import FORCED, POLITE
from move_case import WEB, MoveCase

ADD = ("-o", "noop", "--no-name-check", "--no-ip-check", "-n", "node2")
SHARED = ("-t", "sharedfile", "--disk", "0:size=1g")


class FailoverCase(MoveCase):
    options = ADD
    verb = "failover"

    def failover(self, *argv: str) -> Command:
        return self.move(*argv)


class FailoverTests(FailoverCase):
    def test_a_running_instance_is_stopped_and_started_elsewhere(self) -> None:
        self.add(*SHARED)
        done = self.failover("-n", "node3", "web1")
        self.assertEqual(done.code, 0, done)
        self.assertIn(f"* shutting down {WEB} on node2\n", done.out)
        self.assertIn(f"* starting {WEB} on node3\n", done.out)
        self.assertEqual(self.where(), ("node3", ["node3"]))
        self.assertEqual(self.two.hypervisor.calls[-1], (WEB, POLITE))
        self.assertTrue(self.cluster.config.instance(WEB).admin_up)
        self.assertEqual(verify_config(self.cluster.config), [])
        listed = self.done("gnt-instance", "list", "--no-headers", "--separator=|", "-o", "name,pnode,status")
        self.assertEqual(listed.out, f"{WEB}|node3|running\n")

    def test_one_without_disks(self) -> None:
        self.add("-t", "diskless")
        self.assertEqual(self.failover("-n", "node1", "web1").code, 0)
        self.assertEqual(self.where(), ("node1", ["node1"]))

    def test_one_that_is_down_is_moved_without_being_started(self) -> None:
        self.add(*SHARED, "--no-start")
        self.assertEqual(self.failover("-n", "node3", "web1").code, 0)
        self.assertEqual(self.where(), ("node3", []))
        self.done("gnt-instance", "startup", "web1")
        self.assertEqual(self.where(), ("node3", ["node3"]))

    def test_one_marked_offline_stays_so(self) -> None:
        self.add(*SHARED, "--no-start")
        self.done("gnt-instance", "modify", "--offline", "web1")
        self.assertEqual(self.failover("-n", "node3", "web1").code, 0)
        self.assertEqual((self.where(), self.cluster.config.instance(WEB).admin_state), (("node3", []), "offline"))

    def test_one_that_runs_though_it_is_marked_down_is_stopped(self) -> None:
        self.add(*SHARED)
        guest = self.two.hypervisor.guests[WEB]
        self.done("gnt-instance", "shutdown", "web1")
        self.two.hypervisor.guests[WEB] = guest
        self.assertEqual(self.failover("-n", "node3", "web1").code, 0)
        self.assertEqual(self.where(), ("node3", []))

    def test_a_deaf_guest_is_ended_after_the_timeout(self) -> None:
        self.add(*SHARED)
        self.two.hypervisor.deaf.add(WEB)
        begin = self.cluster.clock.seconds()
        self.assertEqual(self.failover("-n", "node3", "--shutdown-timeout", "10", "web1").code, 0)
        self.assertEqual(self.two.hypervisor.calls[-1], (WEB, FORCED))
        self.assertLess(self.cluster.clock.seconds() - begin, 15)
        self.assertEqual(self.where(), ("node3", ["node3"]))

    def test_the_question(self) -> None:
        self.add(*SHARED)
        self.assertEqual(self.cluster.run("gnt-instance", "failover", "-n", "node3", "web1").code, 1)
        self.assertEqual(self.failover("--ignore-consistency", "-n", "node3", "web1").code, 1)  # asks all the same
        self.assertEqual(self.where(), ("node2", ["node2"]))

    def test_cleaning_up_after_a_migration_moves_nothing(self) -> None:
        self.add(*SHARED)
        self.refused("--cleanup", "web1", word="no node given")
        done = self.failover("--cleanup", "-n", "node3", "web1")
        self.assertEqual(done.code, 0, done)
        self.assertIn(f"{WEB} runs on node2", done.out)
        self.assertEqual(self.where(), ("node2", ["node2"]))
        self.assertEqual(self.two.hypervisor.calls, [(WEB, "start")])

    def test_a_dry_run_changes_nothing(self) -> None:
        self.add(*SHARED)
        before = self.cluster.config.serial
        self.assertEqual(self.failover("--dry-run", "-n", "node3", "web1").code, 0)
        self.assertEqual((self.where(), self.cluster.config.serial), (("node2", ["node2"]), before))


class RefusalTests(FailoverCase):
    def test_where_it_cannot_go(self) -> None:
        self.add(*SHARED)
        self.refused("-n", "node2", "web1", word="on node2 already")
        self.done("gnt-cluster", "modify", "-I", "")
        self.refused("web1", word="has no default one")
        self.refused("-n", "node3", "-I", "hail", "web1", word="not both")
        self.refused("-n", "node9", "web1", word="node9")
        for flag, word in (("-O", "marked offline"), ("-D", "is drained"), ("--vm-capable", "not vm_capable")):
            bad, good = ("no", "yes") if flag == "--vm-capable" else ("yes", "no")
            self.done("gnt-node", "modify", flag, bad, "-f", "node3")
            self.refused("-n", "node3", "web1", word=word)
            self.done("gnt-node", "modify", flag, good, "-f", "node3")
            self.cluster.settle(5)

    def test_disks_that_other_nodes_do_not_reach(self) -> None:
        self.add("-t", "file", "--disk", "0:size=1g")
        self.refused("-n", "node3", "web1", word="disk/0 of web1.example (file) is on node2 only")
        self.refused("web1", word="disk/0 of web1.example (file) is on node2 only")

    def test_a_share_that_is_not_mounted_there(self) -> None:
        self.add(*SHARED)
        self.three.storages["sharedfile"].disks = {}
        self.refused("-n", "node3", "web1", word="node3 does not have disk/0 of web1.example (sharedfile /")

    def test_too_little_memory(self) -> None:
        self.add(*SHARED, "-B", "minmem=128,maxmem=256")
        self.three.figures.memory_free = 127
        self.refused("-n", "node3", "web1", word="node3 has 127 MiB of memory free, web1.example needs 128")
        self.three.figures.memory_free = 128
        self.assertEqual(self.failover("-n", "node3", "web1").code, 0)

    def test_one_that_is_down_needs_no_memory(self) -> None:
        self.add(*SHARED, "--no-start")
        self.three.figures.memory_free = 0
        self.assertEqual(self.failover("-n", "node3", "web1").code, 0)

    def test_a_group_with_another_policy(self) -> None:
        self.add(*SHARED)
        limits = "min:memory-size=1g,cpu-count=1,disk-count=0,disk-size=1,nic-count=0,spindle-use=1"
        limits += "/max:memory-size=2g,cpu-count=8,disk-count=8,disk-size=1t,nic-count=8,spindle-use=8"
        self.done("gnt-group", "add", "--ipolicy-bounds-specs", limits, "other")
        self.done("gnt-group", "assign-nodes", "--force", "other", "node3")
        self.refused("-n", "node3", "web1", word="memory-size 128 is not in the range")
        self.assertEqual(self.failover("--ignore-ipolicy", "-n", "node3", "web1").code, 0)
        self.assertEqual(self.where(), ("node3", ["node3"]))

    def test_a_group_without_its_network(self) -> None:
        self.done("gnt-network", "add", "--network", "198.51.100.0/29", "net1")
        self.done("gnt-network", "connect", "net1", "default")
        self.add(*SHARED, "--net", "0:network=net1,ip=pool")
        self.done("gnt-group", "add", "other")
        self.done("gnt-group", "assign-nodes", "--force", "other", "node3")
        self.refused("-n", "node3", "web1", word="nic/0 of web1.example is in network net1, which group other")
        self.done("gnt-network", "connect", "net1", "other")
        self.assertEqual(self.failover("-n", "node3", "web1").code, 0)


class TroubleTests(FailoverCase):
    def test_a_dead_node_that_is_marked_offline(self) -> None:
        self.add(*SHARED)
        self.two.kill()
        self.done("gnt-node", "modify", "-O", "yes", "-f", "node2")
        done = self.failover("-n", "node3", "web1")
        self.assertEqual(done.code, 0, done)
        self.assertIn("node2 is offline", done.out)
        self.assertEqual(self.where()[0], "node3")
        self.assertIn(WEB, self.three.hypervisor.guests)

    def test_a_dead_node_that_is_not(self) -> None:
        self.add(*SHARED)
        self.two.kill()
        done = self.failover("-n", "node3", "web1")
        self.assertEqual(done.code, 1, done)
        self.assertIn("could not be shut down on node2", done.err)
        self.assertIn("--ignore-consistency", done.err)
        self.assertNotIn("undo", done.out)  # nobody has stopped it
        self.assertEqual(self.where(), ("node2", ["node2"]))
        op = {"OP_ID": "OP_INSTANCE_FAILOVER", "instance_name": "web1", "target_node": "node3"}
        number = self.cluster.call("submit", {"ops": [{**op, "ignore_consistency": True}]})
        self.cluster.settle(200)
        self.assertEqual(self.status(number), "success")
        self.assertEqual(self.where()[0], "node3")

    def status(self, number: int) -> str:
        answer = self.cluster.call("query", {"what": "job", "fields": ["status"], "filter": ["=", "id", number]})
        return str(answer["data"][0][0][1])

    def test_a_guest_that_does_not_start_there(self) -> None:
        self.add(*SHARED)
        self.three.hypervisor.broken.add(WEB)
        done = self.failover("-n", "node3", "web1")
        self.assertEqual(done.code, 1, done)
        self.assertIn("simulated failure; try again with gnt-instance startup web1.example", done.err)
        self.assertEqual(self.where(), ("node3", []))

    def test_a_guest_that_cannot_be_stopped_runs_on(self) -> None:
        self.add(*SHARED)
        self.two.hypervisor.immortal.add(WEB)
        done = self.failover("-n", "node3", "--shutdown-timeout", "1", "web1")
        self.assertEqual(done.code, 1, done)
        self.assertIn("survived a forced stop", done.err)
        self.assertEqual(self.where(), ("node2", ["node2"]))

    def test_cancelled_while_it_stops_it_starts_again_where_it_was(self) -> None:
        self.add(*SHARED)
        self.two.hypervisor.deaf.add(WEB)
        op = {"OP_ID": "OP_INSTANCE_FAILOVER", "instance_name": "web1", "target_node": "node3", "shutdown_timeout": 10}
        number = self.cluster.call("submit", {"ops": [op]})
        self.cluster.settle(5)
        self.cluster.call("cancel", {"id": number, "kill": False})
        self.cluster.settle(20)
        self.assertEqual(self.status(number), "canceled")
        self.assertEqual(self.where(), ("node2", ["node2"]))
        self.assertEqual(self.two.hypervisor.calls[-2:], [(WEB, FORCED), (WEB, "start")])
