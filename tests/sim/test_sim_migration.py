"""Running instances that are given to another node, on a simulated cluster."""

from __future__ import annotations

from typing import Any

from ganeti_tw.testing.cluster import Command
from move_case import WEB, MoveCase

ADD = ("-o", "noop", "--no-name-check", "--no-ip-check", "-n", "node2", "-t", "sharedfile", "--disk", "0:size=1g")
MIGRATE = {"OP_ID": "OP_INSTANCE_MIGRATE", "instance_name": "web1", "target_node": "node3"}


class MigrationCase(MoveCase):
    options = ADD
    verb = "migrate"

    def setUp(self) -> None:
        super().setUp()
        for host in self.cluster.hosts.values():
            host.hypervisor.travel = 10.0

    def migrate(self, *argv: str) -> Command:
        return self.move(*argv)

    @property
    def on_its_way(self) -> bool:
        return self.cluster.config.instance(WEB).migrating_to is not None

    def begin(self, **parameters: Any) -> int:
        """The job of a migration that is half way."""
        number: int = self.cluster.call("submit", {"ops": [{**MIGRATE, **parameters}]})
        self.cluster.settle(5)
        self.assertTrue(self.on_its_way)
        return number

    def job(self, number: int) -> tuple[str, str]:
        """Status and result."""
        fields = ["status", "opresult"]
        answer = self.cluster.call("query", {"what": "job", "fields": fields, "filter": ["=", "id", number]})
        status, (result,) = (cell[1] for cell in answer["data"][0])
        return status, str(result)

    def log(self, number: int) -> str:
        """What the job has told."""
        answer = self.cluster.call("query", {"what": "job", "fields": ["oplog"], "filter": ["=", "id", number]})
        return str(answer["data"][0][0][1])


class MigrateTests(MigrationCase):
    def test_it_runs_all_the_time(self) -> None:
        self.add()
        done = self.migrate("-n", "node3", "web1")
        self.assertEqual(done.code, 0, done)
        self.assertEqual(self.where(), ("node3", ["node3"]))
        self.assertFalse(self.on_its_way)
        self.assertEqual(self.two.hypervisor.calls, [(WEB, "start"), (WEB, "send live")])
        self.assertEqual(self.three.hypervisor.calls, [(WEB, "accept")])
        self.assertIn("* node2 sends web1.example as it runs to node3", done.out)
        self.assertRegex(done.err, "Job 2: [1-9]0 % of migration of web1.example: .* of 128.0 MiB")
        self.done("gnt-instance", "shutdown", "web1")
        self.assertEqual(self.where(), ("node3", []))

    def test_there_and_back(self) -> None:
        self.add()
        self.assertEqual(self.migrate("-n", "node3", "web1").code, 0)
        self.assertEqual(self.migrate("-n", "node2", "web1").code, 0)
        self.assertEqual(self.where(), ("node2", ["node2"]))

    def test_how_it_travels(self) -> None:
        self.add()
        ways = (("--non-live",), ("--migration-mode", "non-live"), ("--migration-mode", "live"), ())
        for number, way in enumerate(ways):
            self.assertEqual(self.migrate(*way, "-n", "node3" if number % 2 == 0 else "node2", "web1").code, 0)
        sent = [c for host in (self.two, self.three) for _, c in host.hypervisor.calls if c.startswith("send")]
        self.assertEqual(sent, ["send", "send live", "send", "send live"])
        self.refused("--non-live", "--migration-mode", "live", "-n", "node3", "web1", word="only one of them")
        self.done("gnt-cluster", "modify", "-H", "fake:migration_mode=non-live")
        self.assertEqual(self.migrate("-n", "node3", "web1").code, 0)
        self.assertEqual(self.two.hypervisor.calls[-1], (WEB, "send"))

    def test_the_questions(self) -> None:
        self.add()
        for more in ((), ("--cleanup",)):
            done = self.cluster.run("gnt-instance", "migrate", *more, "-n", "node3", "web1")
            self.assertEqual(done.code, 1)
            self.assertIn("there is no terminal to ask on, so the answer is no", done.err)
        self.assertEqual(self.where(), ("node2", ["node2"]))

    def test_memory_is_taken_so_that_it_fits(self) -> None:
        self.add("-B", "minmem=128,maxmem=512")
        self.three.figures.memory_free = 127
        self.refused("-n", "node3", "web1", word="node3 has 127 MiB of memory free, web1.example needs 128")
        self.three.figures.memory_free = 300
        self.refused("--no-runtime-changes", "-n", "node3", "web1", word="web1.example needs 512")
        self.assertEqual(self.migrate("-n", "node3", "web1").code, 0)
        self.assertIn((WEB, "memory 300"), self.two.hypervisor.calls)
        self.assertEqual(self.three.hypervisor.guests[WEB].memory_mib, 300)

    def test_memory_taken_in_vain_is_given_back(self) -> None:
        self.add("-B", "minmem=128,maxmem=512")
        self.three.figures.memory_free = 300
        self.two.hypervisor.stranded.add(WEB)
        self.assertEqual(self.migrate("-n", "node3", "web1").code, 1)
        self.assertEqual(self.two.hypervisor.guests[WEB].memory_mib, 512)


class RefusalTests(MigrationCase):
    def test_one_that_is_down(self) -> None:
        self.add("--no-start")
        self.refused("-n", "node3", "web1", word="web1.example does not run on node2: use gnt-instance failover")
        done = self.migrate("--allow-failover", "-n", "node3", "web1")
        self.assertEqual(done.code, 0, done)
        self.assertIn("failing it over", done.out)
        self.assertEqual(self.where(), ("node3", []))

    def test_a_hypervisor_that_cannot(self) -> None:
        self.add()
        self.three.hypervisor.reason = "no road"
        self.refused("-n", "node3", "web1", word="node3 as they run: no road: use gnt-instance failover")
        self.assertEqual(self.migrate("--allow-failover", "-n", "node3", "web1").code, 0)
        self.assertEqual(self.where(), ("node3", ["node3"]))

    def test_one_that_is_always_failed_over(self) -> None:
        self.add("-B", "always_failover=true")
        self.assertEqual(self.migrate("-n", "node3", "web1").code, 0)
        self.assertEqual(self.where(), ("node3", ["node3"]))
        self.assertEqual(self.three.hypervisor.calls, [(WEB, "start")])

    def test_an_offline_primary_node(self) -> None:
        self.add()
        self.two.hypervisor.lose_power()
        self.two.kill()
        self.done("gnt-node", "modify", "-O", "yes", "-f", "node2")
        self.refused("-n", "node3", "web1", word="node2, primary node of web1.example, is marked offline")
        self.assertEqual(self.migrate("--allow-failover", "-n", "node3", "web1").code, 0)
        self.assertEqual(self.where(), ("node3", ["node3"]))

    def test_where_it_cannot_go(self) -> None:
        self.add()
        self.refused("-n", "node2", "web1", word="on node2 already")
        self.cluster.run("gnt-cluster", "modify", "-I", "")
        self.refused("web1", word="has no default one")
        self.refused("-n", "node3", "-I", "hail", "web1", word="not both")
        self.refused("-n", "node9", "web1", word="node9")
        self.done("gnt-node", "modify", "-D", "yes", "-f", "node3")
        self.refused("-n", "node3", "web1", word="is drained")

    def test_a_share_that_is_not_mounted_there(self) -> None:
        self.add()
        self.three.storages["sharedfile"].disks = {}
        self.refused("-n", "node3", "web1", word="node3 does not have disk/0")

    def test_a_node_that_does_not_answer(self) -> None:
        self.add()
        for host, word in ((self.three, "node3 does not answer"), (self.two, "gnt-node modify --offline=yes node2")):
            host.kill()
            self.refused("-n", "node3", "web1", word=word)
            host.boot()
            self.cluster.settle(30)

    def test_both_words_for_the_mode(self) -> None:
        self.add()
        op = {**MIGRATE, "live": False, "mode": "live"}
        number = self.cluster.call("submit", {"ops": [op]})
        self.cluster.settle(1)
        self.assertIn("give only one", self.job(number)[1])


class TroubleTests(MigrationCase):
    def test_one_that_does_not_arrive_runs_on(self) -> None:
        self.add()
        self.two.hypervisor.stranded.add(WEB)
        done = self.migrate("-n", "node3", "web1")
        self.assertEqual(done.code, 1, done)
        self.assertIn("nobody expects it there", done.err)
        self.assertIn("web1.example runs on node2 as before", done.out)
        self.assertEqual((self.where(), self.on_its_way), (("node2", ["node2"]), False))

    def test_cancelled_it_runs_on(self) -> None:
        self.add()
        number = self.begin()
        self.cluster.call("cancel", {"id": number, "kill": False})
        self.cluster.settle(20)
        self.assertEqual(self.job(number)[0], "canceled")
        self.assertEqual((self.where(), self.on_its_way), (("node2", ["node2"]), False))

    def test_killed_it_has_to_be_looked_for(self) -> None:
        self.add()
        number = self.begin()
        self.cluster.call("cancel", {"id": number, "kill": True})
        self.cluster.settle(20)
        self.assertEqual(self.job(number)[0], "error")
        self.assertEqual(self.where(), ("node2", ["node3"]))
        self.found("node3")

    def found(self, node: str) -> None:
        """As long as nobody has looked for it nobody starts it."""
        self.assertTrue(self.on_its_way)
        guests = self.guests()
        for argv in (
            ("startup", "web1"), ("startup", "--force", "--ignore-offline", "web1"), ("shutdown", "web1"),
            ("reboot", "web1"), ("remove", "-f", "--ignore-failures", "web1"),
            ("failover", "-f", "-n", "node1", "web1"), ("migrate", "-f", "-n", "node1", "web1"),
            ("migrate", "-f", "--allow-failover", "-n", "node1", "web1"),
            ("modify", "-f", "--new-primary", "node1", "web1"),
            ("modify", "--hotplug-if-possible", "--net", "add", "web1"),
            ("modify", "--hotplug-if-possible", "--disk", "0:detach", "web1"),
        ):  # fmt: skip
            refused = self.cluster.run("gnt-instance", *argv)
            self.assertEqual(refused.code, 1, (argv, refused))
            self.assertIn("gnt-instance migrate --cleanup web1.example", refused.err, argv)
        self.assertEqual(self.guests(), guests)
        shown = self.done("gnt-instance", "info", "web1").out.splitlines()
        self.assertIn(
            "  Migration: to node3, begun and not ended; if no job works on it any more, find out where the instance "
            "runs with gnt-instance migrate --cleanup web1.example",
            shown,
        )
        verified = self.cluster.run("gnt-cluster", "verify")
        self.assertEqual(verified.code, 1, verified)
        self.assertIn("was interrupted: find out with gnt-instance migrate --cleanup web1.example", verified.out)
        done = self.migrate("--cleanup", "web1")
        self.assertEqual(done.code, 0, done)
        self.assertIn(f"web1.example runs on {node}", done.out)
        self.assertEqual((self.where(), self.on_its_way), ((node, [node]), False))
        self.done("gnt-instance", "shutdown", "web1")
        self.done("gnt-instance", "startup", "web1")
        self.assertEqual(self.where(), (node, [node]))

    def test_the_process_of_the_source_dies_while_it_sends(self) -> None:
        self.add()
        number = self.begin()
        self.cluster.restart("node2")
        self.cluster.settle(60)
        self.assertEqual(self.job(number)[0], "error")
        self.assertEqual((self.where(), self.on_its_way), (("node2", ["node2"]), False))

    def test_the_source_is_gone_until_it_has_arrived(self) -> None:
        self.add()
        number = self.begin()
        self.two.kill(notice=5.0)
        self.cluster.settle(400)
        self.assertEqual(self.job(number)[0], "success")
        self.assertEqual((self.where(), self.on_its_way), (("node3", ["node3"]), False))

    def test_the_source_is_gone_before_it_arrives(self) -> None:
        self.two.hypervisor.travel = 1000.0
        self.add()
        number = self.begin()
        self.two.kill()
        self.cluster.settle(400)
        self.assertEqual(self.job(number)[0], "error")
        self.assertEqual((self.where(), self.on_its_way), (("node2", ["node2"]), False))
        self.assertIn("did not go to node3, and node2 cannot say whether it still runs", self.log(number))
        self.cluster.settle(1000)
        self.assertEqual(self.where(), ("node2", ["node2"]))

    def test_the_source_loses_its_power(self) -> None:
        self.add()
        number = self.begin()
        self.two.hypervisor.lose_power()
        self.two.kill(notice=10.0)
        self.cluster.settle(400)
        self.assertEqual(self.job(number)[0], "error")
        self.assertEqual((self.where(), self.on_its_way), (("node2", []), False))
        self.done("gnt-node", "modify", "-O", "yes", "-f", "node2")
        self.done("gnt-instance", "failover", "-f", "-n", "node1", "web1")
        self.assertEqual(self.where(), ("node1", ["node1"]))

    def test_the_process_of_the_target_dies(self) -> None:
        self.add()
        number = self.begin()
        self.cluster.restart("node3")
        self.cluster.settle(60)
        self.assertEqual(self.job(number)[0], "success")
        self.assertEqual((self.where(), self.on_its_way), (("node3", ["node3"]), False))

    def test_the_target_loses_its_power(self) -> None:
        self.add()
        number = self.begin()
        self.three.hypervisor.lose_power()
        self.three.kill(notice=10.0)
        self.cluster.settle(400)
        self.assertEqual(self.job(number)[0], "error")
        self.assertEqual((self.where(), self.on_its_way), (("node2", ["node2"]), False))

    def test_the_master_dies_and_another_one_takes_over(self) -> None:
        self.add()
        self.begin()
        self.one.kill()
        self.cluster.use("node2")
        self.done("gnt-cluster", "master-failover", "--no-voting", "--yes-do-it")
        self.cluster.settle(30)
        self.assertEqual(self.where(), ("node2", ["node3"]))
        self.found("node3")

    def test_the_master_begins_anew(self) -> None:
        self.add()
        self.begin()
        self.cluster.restart("node1")
        self.cluster.settle(30)
        self.found("node3")

    def test_the_target_dies_once_it_has_arrived_and_nobody_knows(self) -> None:
        self.add()
        number = self.begin()
        self.cluster.call("cancel", {"id": number, "kill": True})
        self.cluster.settle(20)
        self.three.hypervisor.lose_power()
        self.three.kill()
        done = self.migrate("--cleanup", "web1")
        self.assertEqual(done.code, 1, done)
        self.assertIn("nobody can say whether web1.example runs on node3", done.err)
        self.assertTrue(self.on_its_way)
        self.done("gnt-node", "modify", "-O", "yes", "-f", "node3")
        done = self.migrate("--cleanup", "web1")
        self.assertIn("runs neither on node2 nor on node3", done.err)
        self.assertFalse(self.on_its_way)
        self.done("gnt-instance", "startup", "web1")
        self.assertEqual(self.where(), ("node2", ["node2"]))

    def test_the_node_it_may_be_on_cannot_leave_the_cluster(self) -> None:
        self.add()
        number = self.begin()
        self.cluster.call("cancel", {"id": number, "kill": True})
        self.cluster.settle(20)
        refused = self.cluster.run("gnt-node", "remove", "node3")
        self.assertEqual(refused.code, 1, refused)
        self.assertIn("still holds instances: web1.example", refused.err)


class CleanupTests(MigrationCase):
    def test_without_a_migration_the_other_node_must_be_named(self) -> None:
        self.add()
        self.refused("--cleanup", "web1", word="no node given")
        self.refused("--cleanup", "-n", "node2", "web1", word="node2 is the primary node")
        self.assertEqual(self.migrate("--cleanup", "-n", "node3", "web1").code, 0)
        self.assertEqual(self.where(), ("node2", ["node2"]))

    def test_a_guest_on_the_wrong_node_is_found(self) -> None:
        self.add()
        self.three.hypervisor.guests[WEB] = self.two.hypervisor.guests.pop(WEB)
        self.assertEqual(self.migrate("--cleanup", "-n", "node3", "web1").code, 0)
        self.assertEqual(self.where(), ("node3", ["node3"]))

    def test_a_guest_on_both_nodes_is_left_to_a_human(self) -> None:
        self.add()
        self.three.hypervisor.guests[WEB] = self.two.hypervisor.guests[WEB]
        self.refused("--cleanup", "-n", "node3", "web1", word="runs on node2 and on node3")

    def test_a_guest_on_no_node(self) -> None:
        self.add("--no-start")
        self.refused("--cleanup", "-n", "node3", "web1", word="runs neither on node2 nor on node3")

    def test_only_where_it_was_going(self) -> None:
        self.add()
        number = self.begin()
        self.cluster.call("cancel", {"id": number, "kill": True})
        self.cluster.settle(20)
        self.refused("--cleanup", "-n", "node1", "web1", word="was on its way to node3")
        self.assertEqual(self.migrate("--cleanup", "-n", "node3", "web1").code, 0)
