"""Who is master: failover by command, the vote at the start, masters that were succeeded."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import Cancelled, DriverError, GanetiError, NoMajority, NoMember, NotMaster, WrongState
from ganeti_tw.ledger.memory import MemoryStore
from ganeti_tw.protocol.ledger import Change, GetChanges, Position
from ganeti_tw.protocol.node import GetHostState
from ganeti_tw.testing.cluster import Cluster
from ganeti_tw.testing.host import SimulatedHost


def tag(text: str) -> dict[str, Any]:
    return {"OP_ID": "OP_TAGS_SET", "kind": "cluster", "tags": [text]}


class MastershipCase(SynchronousTestCase):
    nodes = 3

    def setUp(self) -> None:
        self.cluster = Cluster(nodes=self.nodes)
        self.hosts = self.cluster.hosts

    def kill(self, *names: str) -> None:
        for name in names:
            self.hosts[name].kill()

    def isolate(self, name: str) -> None:
        for other in self.hosts:
            if other != name:
                self.cluster.network.cut(name, other, notice=30.0)

    def rejoin(self, name: str) -> None:
        for other in self.hosts:
            if other != name:
                self.cluster.network.mend(name, other)

    def fail_over(self, name: str, **terms: Any) -> dict[str, Any]:
        taken: dict[str, Any] = self.cluster.call_on(name, "master_failover", **terms)
        return taken

    def add_tag(self, text: str) -> int:
        """A change that is acknowledged."""
        job: int = self.cluster.call("submit", {"ops": [tag(text)]})
        for _ in range(200):
            query = {"what": "job", "fields": ["status"], "filter": ["=", "id", job]}
            if self.cluster.call("query", query)["data"] == [[[0, "success"]]]:
                return job
            self.cluster.settle(0.1)
        raise AssertionError(f"{text} was not set")

    def roles(self) -> dict[str, str]:
        return {name: host.process.role() for name, host in self.hosts.items() if host.alive}

    def tags(self) -> set[str]:
        return set(self.cluster.config.cluster.tags)


class FailoverTests(MastershipCase):
    def test_a_candidate_takes_the_place_of_a_dead_master(self) -> None:
        self.add_tag("before")
        self.kill("node1")
        begin = self.cluster.clock.seconds()
        taken = self.fail_over("node2")
        self.add_tag("after")
        self.assertLess(self.cluster.clock.seconds() - begin, 5)
        self.assertEqual((taken["old_master"], list(taken["silent"])), ("node1", ["node1"]))
        self.assertEqual(taken["accepted"], ("node2", "node3"))
        self.assertEqual((self.tags(), self.cluster.config.master.name), ({"before", "after"}, "node2"))
        self.cluster.settle(2)
        self.assertEqual(self.hosts["node3"].record.master, "node2")
        self.assertEqual(self.hosts["node3"].ssconf["master_node"], "node2\n")

    def test_the_dead_master_comes_back_as_a_candidate_and_is_brought_up_to_date(self) -> None:
        self.kill("node1")
        self.fail_over("node2")
        self.add_tag("after")
        self.hosts["node1"].boot()
        self.cluster.settle(60)
        self.assertEqual(self.roles(), {"node1": "candidate", "node2": "master", "node3": "candidate"})
        with self.assertRaises(NotMaster) as caught:
            self.cluster.result(self.hosts["node1"].process.handle("submit", {"ops": [tag("x")]}))
        self.assertIn("node2 is", caught.exception.text)
        config = self.hosts["node1"].process.config
        assert config is not None
        self.assertEqual(config.cluster.tags, ("after",))

    def test_the_dead_master_takes_the_address_off_that_its_death_left_there(self) -> None:
        self.kill("node1")
        self.fail_over("node2")
        self.assertEqual([len(host.master_ip.up) for host in self.hosts.values()], [1, 0, 0])
        self.hosts["node1"].boot()
        self.cluster.settle(60)
        self.assertEqual([len(host.master_ip.up) for host in self.hosts.values()], [0, 1, 0])
        self.assertEqual([m.up for m in self.hosts["node1"].master_ip.asked], [True, False])

    def test_one_that_was_told_of_its_successor_while_it_looked_for_votes_takes_it_off_too(self) -> None:
        self.kill("node1")
        self.fail_over("node2")
        self.kill("node3")
        self.isolate("node1")
        self.hosts["node1"].boot()
        self.cluster.settle(5)
        self.rejoin("node1")
        self.cluster.settle(60)
        self.assertEqual(self.roles(), {"node1": "candidate", "node2": "master"})
        self.assertEqual([m.up for m in self.hosts["node1"].master_ip.asked], [True, False])

    def test_one_that_waits_for_votes_and_obeys_another_takes_it_off_too(self) -> None:
        self.kill("node1")
        self.isolate("node1")
        self.hosts["node1"].boot()
        self.cluster.settle(5)
        self.assertIsNone(self.hosts["node1"].process.master)
        self.rejoin("node1")
        taken = self.fail_over("node2")
        self.assertEqual(taken["accepted"], ("node1", "node2", "node3"))
        self.cluster.settle(10)
        self.assertEqual([len(host.master_ip.up) for host in self.hosts.values()], [0, 1, 0])
        self.assertEqual([m.up for m in self.hosts["node1"].master_ip.asked], [True, False])

    def test_one_that_dies_before_it_could_take_it_off_does_so_when_it_starts_again(self) -> None:
        node1 = self.hosts["node1"]
        node1.master_ip.broken = "the power fails"
        self.fail_over("node2")
        self.cluster.settle(5)
        self.kill("node1")
        self.assertEqual(len(node1.master_ip.up), 1)
        node1.master_ip.broken = ""
        node1.boot()
        self.cluster.settle(20)
        self.assertEqual([len(host.master_ip.up) for host in self.hosts.values()], [0, 1, 0])
        before = len(node1.master_ip.asked)
        self.kill("node1")
        node1.boot()
        self.cluster.settle(20)
        self.assertEqual(len(node1.master_ip.asked), before, "it was off already")

    def test_one_that_gets_no_votes_takes_it_off_until_it_does(self) -> None:
        node1 = self.hosts["node1"]
        for name in self.hosts:
            self.kill(name)
        node1.boot()
        self.cluster.settle(20)
        self.assertEqual((self.roles(), len(node1.master_ip.up)), ({"node1": "candidate"}, 0))
        for name in ("node2", "node3"):
            self.hosts[name].boot()
        self.cluster.settle(60)
        self.assertEqual(self.roles()["node1"], "master")
        self.assertEqual([len(host.master_ip.up) for host in self.hosts.values()], [1, 0, 0])

    def test_who_follows_a_job_is_told_where_to_look(self) -> None:
        job = self.cluster.call("submit", {"ops": [{"OP_ID": "OP_TEST_DELAY", "duration": 300}]})
        self.cluster.settle(1)
        following = {"id": job, "fields": ["status"]}
        previous, _ = self.cluster.call("wait", following)
        waiting = self.cluster.begin("wait", {**following, "previous": previous, "log_serial": 99})
        self.fail_over("node3")
        with self.assertRaises(GanetiError) as caught:
            self.cluster.result(waiting)
        self.assertIn(f"'gnt-job info {job}' on the next one", caught.exception.text)

    def test_a_living_master_gives_way_at_once(self) -> None:
        self.add_tag("before")
        self.fail_over("node3")
        self.assertEqual(self.roles(), {"node1": "candidate", "node2": "candidate", "node3": "master"})
        self.add_tag("after")
        self.cluster.settle(30)
        self.assertEqual(self.tags(), {"before", "after"})
        self.assertEqual([len(host.master_ip.up) for host in self.hosts.values()], [0, 0, 1])
        self.fail_over("node1")
        self.add_tag("back")
        self.assertEqual(self.roles()["node1"], "master")

    def test_a_master_that_is_cut_off_acknowledges_nothing_more(self) -> None:
        self.add_tag("before")
        self.isolate("node1")
        lost = self.hosts["node1"].process.handle("submit", {"ops": [tag("lost")]})
        lost.addErrback(lambda failure: failure.type.__name__)
        begin = self.cluster.clock.seconds()
        self.fail_over("node2")
        self.add_tag("after")
        self.assertLess(self.cluster.clock.seconds() - begin, 5)
        self.cluster.settle(20)
        self.assertEqual(self.cluster.result(lost), "OutcomeUnknown")
        with self.assertRaises(NoMajority):
            self.cluster.result(self.hosts["node1"].process.handle("submit", {"ops": [tag("refused")]}))
        self.rejoin("node1")
        self.cluster.settle(60)
        self.assertEqual(self.roles(), {"node1": "candidate", "node2": "master", "node3": "candidate"})
        self.assertEqual(self.tags(), {"before", "after"})
        self.assertEqual([len(host.master_ip.up) for host in self.hosts.values()], [0, 1, 0])

    def test_a_dry_run_changes_nothing(self) -> None:
        epoch = self.hosts["node2"].record.epoch
        taken = self.fail_over("node2", dry_run=True)
        self.assertEqual((taken["old_master"], taken["source"]), ("node1", "node2"))
        self.assertEqual((self.roles()["node1"], self.hosts["node2"].record.epoch), ("master", epoch))
        self.add_tag("still")

    def test_no_majority(self) -> None:
        self.kill("node1", "node3")
        with self.assertRaises(NoMajority) as caught:
            self.fail_over("node2")
        self.assertIn("only 1 of 3 nodes answer", caught.exception.text)
        self.assertIn("node3: ", caught.exception.text)
        self.assertEqual(self.hosts["node2"].process.role(), "candidate")
        self.fail_over("node2", voting=False)
        self.assertEqual(self.hosts["node2"].process.role(), "master")
        self.add_tag("alone")
        self.assertEqual(self.tags(), {"alone"})

    def test_the_master_itself_and_a_regular_node(self) -> None:
        with self.assertRaises(WrongState) as caught:
            self.fail_over("node1")
        self.assertIn("is the master already", caught.exception.text)
        self.assertEqual(self.cluster.run("gnt-node", "modify", "-C", "no", "--auto-promote", "-f", "node3").code, 0)
        self.cluster.settle(5)
        with self.assertRaises(WrongState) as caught:
            self.fail_over("node3")
        self.assertIn("the candidates are node1, node2", caught.exception.text)

    def test_nodes_marked_offline_count_unless_told_otherwise(self) -> None:
        self.assertEqual(self.cluster.run("gnt-node", "modify", "-O", "yes", "--auto-promote", "node3").code, 0)
        self.kill("node1")
        with self.assertRaises(NoMajority):
            self.fail_over("node2")  # one of two
        self.hosts["node1"].boot()
        self.cluster.settle(5)
        with self.assertRaises(NoMajority):
            self.kill("node1")
            self.fail_over("node2", ignore_offline=False)  # one of three
        self.hosts["node1"].boot()
        self.cluster.settle(5)
        self.fail_over("node2", ignore_offline=False)  # two of three
        self.assertEqual(self.roles()["node2"], "master")

    def test_a_deposed_master_says_so_once_whatever_it_had_to_do(self) -> None:
        for _ in range(5):
            self.cluster.call("submit", {"ops": [{"OP_ID": "OP_TEST_DELAY", "duration": 300.0}]})
        self.cluster.settle(1)
        warnings: list[str] = []

        def note(event: LogEvent) -> None:
            if event["log_level"] >= LogLevel.warn:
                warnings.append(formatEvent(event))

        globalLogPublisher.addObserver(note)
        self.addCleanup(globalLogPublisher.removeObserver, note)
        self.fail_over("node2")
        self.cluster.settle(60)
        self.assertEqual(self.roles()["node1"], "candidate")
        self.assertEqual(len([text for text in warnings if text.startswith("node1 is the master no longer")]), 1)
        self.assertEqual([text for text in warnings if text.startswith("job/")], [])

    def test_why_a_node_cannot_note_who_is_in_sync_is_told_once(self) -> None:
        said: list[str | None] = []
        globalLogPublisher.addObserver(note := lambda event: said.append(formatEvent(event)))
        self.addCleanup(globalLogPublisher.removeObserver, note)
        self.hosts["node2"].record_failures = 3
        self.kill("node3")
        self.cluster.settle(30)
        self.add_tag("later")
        told = [line for line in said if line and "cannot note" in line]
        self.assertEqual(told, ["node2 cannot note who is in sync: simulated disk: the record cannot be written"])

    def test_when_their_disks_are_to_blame_nobody_is_sent_looking_for_another_master(self) -> None:
        self.hosts["node2"].record_failures = 10**6
        self.kill("node3")
        waiting = self.cluster.begin("submit", {"ops": [tag("x")]})
        waiting.addErrback(lambda failure: failure.value.text)
        self.cluster.settle(30)
        with self.assertRaises(DriverError) as caught:
            self.cluster.call("submit", {"ops": [tag("y")]})
        text = caught.exception.text
        self.assertIn("1 of 3 cannot write to their disk (node2: simulated disk: the record cannot be written)", text)
        self.assertIn(text, self.cluster.result(waiting))
        self.hosts["node2"].record_failures = 0
        self.cluster.settle(30)
        self.add_tag("later")

    def test_what_only_a_dead_host_has_is_not_given_up_silently(self) -> None:
        """Both others fell behind before the master died."""
        cluster = self.cluster
        cluster.network.cut("node1", "node2")
        self.add_tag("without-node2")
        self.kill("node3")
        cluster.network.mend("node1", "node2")
        self.kill("node1")
        self.hosts["node2"].kill()
        self.hosts["node2"].boot()
        self.hosts["node3"].boot()
        cluster.settle(2)
        self.fail_over("node2")
        self.assertEqual(self.tags(), {"without-node2"})

    def test_the_last_in_sync_host_is_needed(self) -> None:
        cluster = self.cluster
        cluster.network.cut("node1", "node2")
        self.add_tag("1")
        cluster.network.cut("node1", "node3")
        cluster.network.mend("node1", "node2")
        cluster.settle(60)
        self.add_tag("2")  # node3 is out, node2 in again
        cluster.network.cut("node1", "node2", notice=60.0)
        waiting = cluster.begin("submit", {"ops": [tag("3")]})
        waiting.addErrback(lambda failure: failure.type.__name__)
        cluster.settle(3)
        self.kill("node1")
        self.kill("node2")
        self.hosts["node2"].boot()
        cluster.settle(1)
        taken = self.fail_over("node3")
        self.assertEqual(taken["source"], "node2")
        self.assertTrue({"1", "2"} <= self.tags())

    def test_a_failed_attempt_deposes_nobody(self) -> None:
        self.cluster.network.cut("node2", "node1")
        self.cluster.network.cut("node2", "node3")
        with self.assertRaises(NoMajority):
            self.fail_over("node2")
        self.add_tag("still")
        self.assertEqual(self.roles()["node1"], "master")

    def test_two_at_once(self) -> None:
        self.kill("node1")
        both = [self.hosts[n].process.handle("master_failover", {}) for n in ("node2", "node3")]
        for waiting in both:
            self.cluster.result(waiting.addBoth(lambda r: None))
        self.cluster.settle(30)
        self.assertEqual(sorted(self.roles().values()).count("master"), 1)
        self.add_tag("after")

    def test_by_the_command(self) -> None:
        self.kill("node1")
        self.cluster.use("node2")
        done = self.cluster.run("gnt-cluster", "master-failover", "--dry-run")
        self.assertEqual((done.code, done.out), (0, "node2 could become master in the place of node1\n"))
        done = self.cluster.run("gnt-cluster", "master-failover")
        self.assertEqual((done.code, done.out), (0, "node2 is the master now, in the place of node1\n"), done)
        self.assertIn("node1 does not know of the new master yet", done.err)
        self.assertEqual(self.cluster.run("gnt-cluster", "getmaster").out, "node2\n")
        done = self.cluster.run("gnt-cluster", "master-failover")
        self.assertEqual((done.code, "is the master already" in done.err), (1, True))


class NewcomerTests(MastershipCase):
    def setUp(self) -> None:
        self.cluster = Cluster(nodes=3, spare=1)
        self.hosts = self.cluster.hosts

    def test_a_host_that_joined_a_moment_ago_obeys_the_next_master(self) -> None:
        """The master dies before it tells the newcomer of the candidates."""
        add = {"OP_ID": "OP_NODE_ADD", "node_name": "node4", "token": "token of node4"}
        self.cluster.call("submit", {"ops": [add]})
        while self.cluster.config.find_node("node4") is None:
            self.cluster.clock.step(self.cluster.clock.seconds() + 5)
        self.assertEqual(self.hosts["node4"].record.serial, 0)
        self.kill("node1")
        self.fail_over("node2")
        self.cluster.settle(5)
        self.assertEqual(self.hosts["node4"].record.master, "node2")
        self.add_tag("after")


class StartingCandidateTests(MastershipCase):
    def test_what_is_acknowledged_while_it_collects_promises_is_in_its_reign(self) -> None:
        """node2 has just started and knows its configuration from the disk only; node3 does not answer it."""
        self.kill("node2")
        self.cluster.settle(2)
        self.cluster.network.cut("node2", "node3", notice=30.0)
        node2 = self.hosts["node2"]
        node2.boot()
        taken = node2.process.handle("master_failover", {})
        self.assertIsNone(node2.process.config)
        self.cluster.settle(0.5)
        job = self.add_tag("meanwhile")
        self.assertEqual((self.roles()["node1"], self.cluster.result(taken)["source"]), ("master", "node2"))
        self.assertEqual((self.tags(), self.cluster.config.master.name), ({"meanwhile"}, "node2"))
        self.assertGreater(self.add_tag("after"), job)


class StartTests(MastershipCase):
    def test_a_master_without_a_majority_does_not_act_and_says_why(self) -> None:
        self.kill("node1", "node2", "node3")
        self.hosts["node1"].boot()
        self.cluster.settle(30)
        self.assertEqual(self.hosts["node1"].process.role(), "candidate")
        with self.assertRaises(NotMaster) as caught:
            self.cluster.result(self.hosts["node1"].process.handle("submit", {"ops": [tag("x")]}))
        self.assertIn("only 1 of 3 nodes follow node1", caught.exception.text)
        self.assertIn("master-failover --no-voting", caught.exception.text)
        self.hosts["node3"].boot()
        self.cluster.settle(15)
        self.assertEqual(self.hosts["node1"].process.role(), "master")
        self.add_tag("on")

    def test_or_acts_when_told_to(self) -> None:
        self.kill("node1", "node2", "node3")
        self.hosts["node1"].boot()
        self.cluster.settle(3)
        self.fail_over("node1", voting=False)
        self.add_tag("alone")

    def test_two_masters_that_both_died(self) -> None:
        self.kill("node1")
        self.fail_over("node2")
        self.add_tag("second")
        self.kill("node2", "node3")
        for name in ("node1", "node2", "node3"):
            self.hosts[name].boot()
        self.cluster.settle(60)
        self.assertEqual(self.roles(), {"node1": "candidate", "node2": "master", "node3": "candidate"})
        self.assertEqual(self.tags(), {"second"})

    def test_each_start_is_an_epoch(self) -> None:
        epochs = []
        for _ in range(3):
            self.cluster.restart("node1")
            epochs.append(self.hosts["node1"].record.epoch)
            self.add_tag(f"e{epochs[-1]}")
        self.assertEqual(epochs, sorted(set(epochs)))


class SlowReads(SimulatedHost):
    """``slow``: seconds until the store gives changes to another candidate."""

    slow = 0.0

    def make_store(self) -> MemoryStore:
        host = self

        class Store(MemoryStore):
            async def _slowly(self, after: int, size: int | None) -> tuple[Change, ...] | None:
                await deferLater(host.clock, host.slow)
                return await super().tail(after, size)

            def tail(self, after: int, size: int | None = None) -> Deferred[tuple[Change, ...] | None]:
                return Deferred.fromCoroutine(self._slowly(after, size))

        return Store(self.disk)


class OverlapTests(MastershipCase):
    """Attempts that are interrupted half way."""

    def setUp(self) -> None:
        self.cluster = Cluster(nodes=3, make_host=SlowReads)
        self.hosts = self.cluster.hosts

    def interrupted(self) -> list[Failure]:
        """node2 wants to be master, and while its follower still stops it obeys node3."""
        self.kill("node1")
        self.cluster.settle(1)
        self.hosts["node2"].slow = 1.5  # type: ignore[attr-defined]
        follower = self.hosts["node3"].process.directory.ref("node2", "follower")
        follower.ask(GetChanges(Position(1, 1)), 5.0).addErrback(lambda failure: None)
        self.cluster.settle(0.1)
        failed: list[Failure] = []
        self.hosts["node2"].process.handle("master_failover", {}).addBoth(failed.append)
        self.cluster.settle(0.1)
        self.assertEqual((failed, self.hosts["node3"].record.promised), ([], "node2"))
        self.fail_over("node3")
        self.assertEqual([f.type for f in failed], [Cancelled])
        return failed

    def test_a_candidate_whose_attempt_another_one_ends_follows_that_one(self) -> None:
        self.interrupted()
        self.add_tag("after")
        self.cluster.settle(20)
        self.assertEqual(self.roles(), {"node2": "candidate", "node3": "master"})
        config = self.hosts["node2"].process.config
        assert config is not None
        self.assertEqual(config.cluster.tags, ("after",))
        # It has everything, so it can take over.
        self.kill("node3")
        self.hosts["node1"].boot()
        self.cluster.settle(2)
        self.fail_over("node2")
        self.assertEqual(self.tags(), {"after"})

    def test_a_process_that_dies_while_it_steps_down(self) -> None:
        self.interrupted()
        self.kill("node2")
        self.cluster.settle(10)
        self.hosts["node2"].boot()
        self.cluster.settle(20)
        self.assertEqual(self.roles(), {"node2": "candidate", "node3": "master"})
        self.assertEqual(self.cluster.fatal, [])

    def test_told_twice_to_become_master_while_it_waits_for_votes(self) -> None:
        self.kill("node1", "node2", "node3")
        self.hosts["node1"].boot()
        self.cluster.settle(5)
        ends: list[Any] = []
        for _ in range(2):
            self.hosts["node1"].process.handle("master_failover", {}).addBoth(ends.append)
        self.cluster.settle(10)
        self.assertEqual([end.type for end in ends], [Cancelled, NoMajority])
        epoch = self.hosts["node1"].record.epoch
        self.hosts["node2"].boot()
        self.hosts["node3"].boot()
        self.cluster.settle(30)
        self.assertEqual(self.roles()["node1"], "master")
        # It tried in one place only.
        self.assertEqual(self.hosts["node1"].record.epoch, epoch + 1)
        self.assertEqual(self.cluster.fatal, [])
        self.add_tag("on")


class RunningJobTests(MastershipCase):
    def test_what_ran_on_the_old_master_is_examined(self) -> None:
        self.hosts["node3"].hypervisor.delay = 20
        create = {
            "OP_ID": "OP_INSTANCE_CREATE",
            "instance_name": "web1.example",
            "mode": "create",
            "disk_template": "diskless",
            "disks": [],
            "nics": [],
            "os_type": "noop",
            "pnode": "node3",
            "hypervisor": "fake",
            "name_check": False,
            "ip_check": False,
        }
        job = self.cluster.call("submit", {"ops": [create]})
        self.cluster.settle(3)
        self.fail_over("node2")
        self.cluster.settle(60)
        rows = self.cluster.call("query", {"what": "job", "fields": ["id", "status"]})["data"]
        self.assertEqual([[cell[1] for cell in row] for row in rows], [[job, "error"]])
        locks = self.cluster.call("query", {"what": "lock", "fields": ["name", "owner"]})["data"]
        self.assertEqual([row for row in locks if row[1][1]], [])


class ElectorateTests(MastershipCase):
    def test_those_who_promise_are_most_by_the_latest_configuration_too(self) -> None:
        """By the one that node3 has node2 is a node like others; node1 alone knows what it did without both."""
        self.kill("node3")
        done = self.cluster.run("gnt-node", "modify", "-f", "--offline", "yes", "node2")
        self.assertEqual(done.code, 0, done)
        self.add_tag("acknowledged")
        self.kill("node1")
        self.hosts["node3"].boot()
        self.cluster.settle(1)
        with self.assertRaises(NoMajority):
            self.fail_over("node3")
        self.hosts["node1"].boot()
        self.cluster.settle(30)
        self.assertEqual(self.tags(), {"acknowledged"})


class AwayTests(MastershipCase):
    """node3 was away while node4 joined and became master; the candidates that node3 knows are so no longer."""

    remedy = "'gnt-node token --leave' on node3, then 'gnt-node add --readd node3' on the master"

    def setUp(self) -> None:
        self.cluster = Cluster(nodes=3, spare=1)
        self.hosts = self.cluster.hosts

    def run_it(self, *argv: str, code: int = 0) -> str:
        done = self.cluster.run(*argv)
        self.assertEqual(done.code, code, done)
        return done.out + done.err

    def replace_candidates(self) -> None:
        self.run_it("gnt-cluster", "modify", "--candidate-pool-size=1")
        self.run_it("gnt-node", "add", "--token", "token of node4", "node4")
        self.run_it("gnt-node", "modify", "-C", "yes", "-f", "node4")
        self.cluster.settle(2)
        self.fail_over("node4")
        for name in ("node1", "node2"):
            self.run_it("gnt-node", "modify", "-C", "no", "-f", name)

    def remove_those_it_knows(self) -> None:
        for name in ("node1", "node2"):
            self.run_it("gnt-node", "remove", name)

    def test_it_asks_those_it_knows_who_is_master(self) -> None:
        self.kill("node3")
        self.replace_candidates()
        self.hosts["node3"].boot()
        self.cluster.settle(40)
        self.assertEqual(self.hosts["node3"].record.master, "node4")
        self.assertEqual(self.hosts["node3"].record.candidates, ("node3", "node4"))
        self.assertEqual(self.hosts["node3"].record.epoch, self.hosts["node4"].record.epoch)
        self.run_it("gnt-cluster", "verify")

    def test_one_that_was_master_itself_does_so_too(self) -> None:
        self.fail_over("node3")
        self.kill("node3")
        self.fail_over("node1")
        self.replace_candidates()
        self.hosts["node3"].boot()
        self.cluster.settle(40)
        self.assertEqual((self.hosts["node3"].record.master, self.roles()["node3"]), ("node4", "candidate"))
        self.assertEqual(self.hosts["node3"].process.position(), self.cluster.config.serial)

    def test_one_that_is_cut_off_as_master_steps_down(self) -> None:
        self.fail_over("node3")
        self.isolate("node3")
        self.fail_over("node1")
        self.replace_candidates()
        self.cluster.network.mend("node3", "node4")
        self.cluster.settle(40)
        self.assertEqual(self.roles()["node3"], "master")  # on the word of node4 alone it does not
        self.rejoin("node3")
        self.cluster.settle(60)
        self.assertEqual((self.hosts["node3"].record.master, self.roles()["node3"]), ("node4", "candidate"))
        self.assertEqual(self.hosts["node3"].process.position(), self.cluster.config.serial)

    def test_one_of_two_that_it_knows_is_not_enough(self) -> None:
        self.kill("node3")
        self.replace_candidates()
        self.kill("node2")
        before = self.hosts["node3"].record
        self.hosts["node3"].boot()
        self.cluster.settle(60)
        self.assertEqual(self.hosts["node3"].record, before)
        self.hosts["node2"].boot()
        self.cluster.settle(60)
        self.assertEqual(self.hosts["node3"].record.master, "node4")

    def test_a_stranger_is_not_believed_whatever_it_says(self) -> None:
        """node4, a regular node, says that it is master of an epoch to come; node3 does not know it."""
        self.kill("node3")
        self.run_it("gnt-cluster", "modify", "--candidate-pool-size=1")
        self.run_it("gnt-node", "add", "--token", "token of node4", "node4")
        self.cluster.network.cut("node3", "node1", notice=0.1)
        self.hosts["node3"].boot()
        before = self.hosts["node3"].record
        liar = self.hosts["node4"].process
        liar.keep(evolve(self.hosts["node4"].record, epoch=99, master="node4"))
        refused: list[Failure] = []
        for _ in range(3):
            liar.directory.ref("node3", "host").ask(GetHostState(), 5.0).addErrback(refused.append)
            self.cluster.settle(5)
        self.assertEqual([failure.type for failure in refused], [NoMember] * 3)
        self.assertEqual(self.hosts["node3"].record, before)

    def test_however_many_times_it_is_told_it_asks_once_a_second(self) -> None:
        self.kill("node3")
        self.run_it("gnt-node", "add", "--token", "token of node4", "node4")
        self.cluster.network.cut("node3", "node1", notice=0.1)
        self.hosts["node3"].boot()
        self.hosts["node2"].heard.clear()
        stranger = self.hosts["node4"].process.directory.ref("node3", "host")
        for _ in range(100):
            stranger.ask(GetHostState(), 5.0).addErrback(lambda failure: None)
            self.cluster.settle(0.05)
        self.assertLessEqual(self.hosts["node2"].heard.count("host.get_standing/1"), 6)

    def test_marked_offline_it_is_online_again_by_the_command_alone(self) -> None:
        self.run_it("gnt-node", "modify", "-O", "yes", "node3")
        self.replace_candidates()
        self.run_it("gnt-node", "modify", "-f", "-O", "no", "node3")
        self.cluster.settle(5)
        self.assertEqual(self.hosts["node3"].record.master, "node4")
        self.run_it("gnt-cluster", "verify")

    def test_when_those_it_knows_are_gone_it_stays_offline_and_the_command_says_what_to_do(self) -> None:
        self.run_it("gnt-node", "modify", "-O", "yes", "node3")
        self.replace_candidates()
        self.remove_those_it_knows()
        self.assertIn(self.remedy, self.run_it("gnt-node", "modify", "-f", "-O", "no", "node3", code=1))
        self.cluster.result(self.hosts["node3"].process.handle("forget_cluster", {}))
        self.run_it("gnt-node", "add", "--readd", "--token", "token of node3", "node3")
        self.cluster.settle(5)
        self.assertEqual(self.hosts["node3"].record.master, "node4")
        self.run_it("gnt-cluster", "verify")

    def test_where_only_the_master_is_another_one_it_is_told_first(self) -> None:
        self.run_it("gnt-node", "modify", "-O", "yes", "node3")
        self.fail_over("node2")
        said = self.run_it("gnt-node", "modify", "-f", "-O", "no", "node3")
        self.assertEqual(self.hosts["node3"].record.master, "node2")
        self.assertNotIn("did not take the files", said)
        self.assertNotIn("no answer about its hooks", said)

    def test_when_those_it_knows_are_gone_jobs_and_verify_say_what_to_do(self) -> None:
        self.kill("node3")
        self.replace_candidates()
        self.remove_those_it_knows()
        self.hosts["node3"].boot()
        self.cluster.settle(10)
        add = ("gnt-instance", "add", "-t", "diskless", "-o", "noop", "--no-name-check", "--no-ip-check", "-n", "node3")
        self.assertIn(self.remedy, self.run_it(*add, "a.example", code=1))
        self.assertIn(self.remedy, self.run_it("gnt-cluster", "verify", code=1))


class ErrorsAreForeseen(MastershipCase):
    def test_all_of_them_are_named(self) -> None:
        with self.assertRaises(GanetiError):
            self.fail_over("node2", voting="perhaps")
