"""Who is waited for, who leaves and returns, and how those who are behind catch up."""

from __future__ import annotations

import json

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import OutcomeUnknown, StaleEpoch
from ganeti_tw.ledger.history import fetch_missing
from ganeti_tw.ledger.messages import Installed, SetFollowers
from ganeti_tw.ledger.replicator import Pace
from ganeti_tw.protocol.ledger import Append, Install, Position
from ledger_cluster import DISK, ROUND, Host, LedgerCluster, Wire


class InSyncTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = LedgerCluster(2)
        self.cluster.ready()
        self.master, self.c1, self.c2 = self.cluster.master, self.cluster.hosts["c1"], self.cluster.hosts["c2"]
        self.w1, self.w2 = self.cluster.wires["c1"], self.cluster.wires["c2"]

    def test_a_commit_waits_for_all_in_sync(self) -> None:
        self.w2.round = 0.5
        answer = self.cluster.commit("a")
        self.cluster.settle(0.45)
        self.assertNoResult(answer)
        self.assertEqual(self.cluster.told(self.master), [])
        self.assertEqual(self.cluster.rows(self.master), {"a": b"1"})
        self.cluster.settle(0.1)
        self.successResultOf(answer)
        self.assertEqual(self.cluster.rows(self.c2), {"a": b"1"})

    def test_a_commit_waits_for_the_master_too(self) -> None:
        self.master.disk.delay = 0.5
        answer = self.cluster.commit("a")
        self.cluster.settle(0.4)
        self.assertNoResult(answer)
        self.assertEqual(self.cluster.rows(self.c1), {"a": b"1"})

    def test_disk_and_followers_work_at_the_same_time(self) -> None:
        answer = self.cluster.commit("a")
        taken = self.cluster.until(lambda: answer.called)
        self.assertLess(taken, DISK + ROUND + 0.0025)  # the test's clock ticks in milliseconds

    def test_commits_while_one_is_written_travel_together(self) -> None:
        first = self.cluster.commit("first")
        self.cluster.settle(0.001)
        more = [self.cluster.commit(str(n)) for n in range(50)]
        self.cluster.settle()
        for answer in (first, *more):
            self.successResultOf(answer)
        self.assertEqual([len(m.changes) for m in self.w1.sent], [1, 50])
        self.assertEqual([h.disk.writes for h in (self.master, self.c1, self.c2)], [2, 2, 2])

    def test_a_deaf_follower_leaves_within_the_deadline(self) -> None:
        self.w2.cut = True
        answer = self.cluster.commit("a")
        self.cluster.settle(4.9)
        self.assertNoResult(answer)
        self.cluster.settle(0.2)
        self.successResultOf(answer)
        self.assertEqual(self.cluster.in_sync(), ["c1"])

    def test_that_it_left_is_recorded_before_anything_is_acknowledged(self) -> None:
        self.w2.down = True
        answer = self.cluster.commit("a")
        self.cluster.until(lambda: answer.called)
        for host in (self.master, self.c1):
            row = json.loads(self.cluster.rows(host, "insync")["c2"])
            self.assertEqual((row["in_sync"], "no link" in row["reason"]), (False, True))
            self.assertGreater(row["since"], 1e9)

    def test_the_state_tells_what_is_wrong(self) -> None:
        self.w2.down = True
        self.cluster.commit("a")
        self.cluster.settle(1.0)
        one, two = self.cluster.state().followers
        self.assertEqual((one.in_sync, one.lag, one.last_error), (True, 0, ""))
        self.assertEqual((two.in_sync, two.lag), (False, 2))
        self.assertIn("no link to c2", two.last_error)
        self.assertGreater(two.last_contact or 0, 1.0)

    def test_two_may_fail_at_once(self) -> None:
        self.w1.cut = self.w2.cut = True
        answer = self.cluster.commit("a")
        self.cluster.settle(5.2)
        self.successResultOf(answer)
        self.assertEqual(self.cluster.in_sync(), [])

    def test_a_candidate_joins_after_the_disk_of_the_master_was_full(self) -> None:
        self.cluster.ledger.tell(SetFollowers({}))
        self.cluster.settle()
        self.master.disk.room = 0
        self.cluster.commit("a")
        self.cluster.settle()
        self.cluster.ledger.tell(SetFollowers(dict(self.cluster.wires)))
        self.cluster.settle(10)
        self.assertEqual(self.cluster.in_sync(), [])
        self.master.disk.room = None
        self.cluster.until(lambda: self.cluster.in_sync() == ["c1", "c2"], most=5)

    def test_a_follower_whose_disk_is_full_leaves_and_returns(self) -> None:
        self.c1.disk.room = 0
        answer = self.cluster.commit("a")
        self.cluster.settle()
        self.successResultOf(answer)
        self.assertEqual(self.cluster.in_sync(), ["c2"])
        self.c1.disk.room = None
        self.cluster.until(lambda: self.cluster.in_sync() == ["c1", "c2"])
        self.assertEqual(self.cluster.rows(self.c1), {"a": b"1"})

    def test_a_dead_follower_is_noticed_without_a_commit(self) -> None:
        self.c2.crash()
        self.cluster.until(lambda: self.cluster.in_sync() == ["c1"], most=20)
        answer = self.cluster.commit("a")
        self.cluster.settle(0.1)
        self.successResultOf(answer)

    def test_a_lost_answer_does_no_harm(self) -> None:
        self.w1.deaf = 1
        answer = self.cluster.commit("a")
        self.cluster.settle(5.2)
        self.successResultOf(answer)
        self.cluster.until(lambda: self.cluster.in_sync() == ["c1", "c2"])
        self.assertEqual([c.serial for c in self.cluster.told(self.c1)], [4, 5, 6])

    def test_a_follower_that_returns_catches_up_by_changes(self) -> None:
        self.w2.down = True
        for n in range(30):
            self.cluster.commit(str(n))
        self.cluster.settle(1.0)
        self.w2.down = False
        self.w2.sent.clear()
        self.cluster.until(lambda: self.cluster.in_sync() == ["c1", "c2"])
        self.assertEqual([m for m in self.w2.sent if isinstance(m, Install)], [])
        self.assertEqual(self.cluster.rows(self.c2), self.cluster.rows(self.master))
        row = json.loads(self.cluster.rows(self.c2, "insync")["c2"])
        self.assertTrue(row["in_sync"])

    def test_order_is_kept_across_failures(self) -> None:
        for n in range(60):
            self.w1.down = n % 7 == 3
            self.w2.deaf = 1 if n % 11 == 5 else 0
            self.cluster.commit(str(n))
            self.cluster.settle(0.5)
        self.w1.down = False
        self.cluster.until(lambda: self.cluster.in_sync() == ["c1", "c2"])
        self.cluster.settle(20)
        serials = [c.serial for c in self.cluster.told(self.master)]
        self.assertEqual(serials, list(range(serials[0], serials[-1] + 1)))
        for host in (self.c1, self.c2):
            self.assertEqual([c.serial for c in self.cluster.told(host)], serials)

    def test_a_follower_that_answers_slowly_stays_while_others_commit(self) -> None:
        self.w2.round = 0.2
        answers = [self.cluster.commit(str(n)) for n in range(20)]
        self.cluster.settle(1.0)
        for answer in answers:
            self.successResultOf(answer)
        self.assertEqual(self.cluster.in_sync(), ["c1", "c2"])

    def test_one_that_is_no_candidate_any_more_leaves(self) -> None:
        self.cluster.ledger.tell(SetFollowers({"c1": self.w1}))
        self.cluster.settle()
        self.assertEqual(sorted(self.cluster.rows(self.master, "insync")), ["c1"])
        self.assertEqual([f.name for f in self.cluster.state().followers], ["c1"])
        self.w2.down = True
        answer = self.cluster.commit("a")
        self.cluster.settle()
        self.successResultOf(answer)

    def test_one_that_is_named_again_returns(self) -> None:
        self.cluster.ledger.tell(SetFollowers({"c1": self.w1}))
        self.cluster.ledger.tell(SetFollowers(self.cluster.wires))
        self.cluster.settle()
        self.assertEqual(self.cluster.in_sync(), ["c1", "c2"])
        self.assertTrue(json.loads(self.cluster.rows(self.c1, "insync")["c2"])["in_sync"])

    def test_naming_the_same_ones_changes_nothing(self) -> None:
        self.cluster.ledger.tell(SetFollowers(dict(self.cluster.wires)))
        self.cluster.settle()
        self.assertEqual(self.master.disk.writes, 0)

    def test_a_later_master_ends_the_reign(self) -> None:
        self.c1.seen = 2
        answer = self.cluster.commit("a")
        self.cluster.settle()
        self.failureResultOf(answer, OutcomeUnknown)
        self.assertEqual([type(e) for e in self.cluster.ended], [StaleEpoch])
        answer = self.cluster.commit("b")
        self.cluster.settle()
        self.failureResultOf(answer, StaleEpoch)

    def test_a_replicator_that_crashes_is_replaced(self) -> None:
        self.w1.garbage = 1
        answer = self.cluster.commit("a")
        self.cluster.settle()
        self.flushLoggedErrors()
        self.successResultOf(answer)
        self.assertEqual(self.cluster.in_sync(), ["c2"])
        self.cluster.until(lambda: self.cluster.in_sync() == ["c1", "c2"])
        self.assertEqual(self.cluster.rows(self.c1), {"a": b"1"})


class CatchingUpTests(SynchronousTestCase):
    def test_a_new_candidate_is_in_sync_at_once(self) -> None:
        cluster = LedgerCluster(1)
        cluster.start(name_followers=False)
        for n in range(10):
            cluster.commit(str(n))
        cluster.settle()
        cluster.ledger.tell(SetFollowers(cluster.wires))
        self.assertLess(cluster.until(lambda: cluster.in_sync() == ["c1"]), 0.05)

    def test_one_too_far_behind_gets_a_copy(self) -> None:
        cluster = LedgerCluster(1, tail_changes=10)
        cluster.start(name_followers=False)
        for n in range(50):
            cluster.commit(str(n))
            cluster.settle(0.01)
        cluster.ledger.tell(SetFollowers(cluster.wires))
        cluster.until(lambda: cluster.in_sync() == ["c1"])
        self.assertEqual(cluster.rows(cluster.hosts["c1"]), cluster.rows(cluster.master))
        self.assertIsInstance(cluster.hosts["c1"].news[0], Installed)
        self.assertEqual(len(cluster.hosts["c1"].news[0].snapshot.rows), 51)

    def test_a_large_copy_travels_in_parts(self) -> None:
        cluster = LedgerCluster(1, tail_changes=2)
        cluster.start(name_followers=False)
        for n in range(8):
            cluster.commit(str(n), b"x" * 400_000)
            cluster.settle(0.01)
        cluster.ledger.tell(SetFollowers(cluster.wires))
        cluster.until(lambda: cluster.in_sync() == ["c1"])
        parts = [m for m in cluster.wires["c1"].sent if isinstance(m, Install)]
        self.assertEqual([(m.part, m.last) for m in parts], [(0, False), (1, False), (2, False), (3, True)])
        self.assertEqual(cluster.rows(cluster.hosts["c1"]), cluster.rows(cluster.master))

    def test_much_to_send_is_cut_into_messages(self) -> None:
        cluster = LedgerCluster(1)
        cluster.start(name_followers=False)
        for n in range(8):
            cluster.commit(str(n), b"x" * 400_000)
        cluster.settle()
        cluster.ledger.tell(SetFollowers(cluster.wires))
        cluster.until(lambda: cluster.in_sync() == ["c1"])
        sizes = [len(m.changes) for m in cluster.wires["c1"].sent if isinstance(m, Append)]
        self.assertGreater(len(sizes), 4)
        self.assertLessEqual(max(sizes), 3)

    def test_what_does_not_fit_in_memory_is_read_from_the_store(self) -> None:
        cluster = LedgerCluster(1, pace=Pace(queue=1000))
        cluster.ready()
        cluster.wires["c1"].round = 0.3
        answers = [cluster.commit(str(n), b"x" * 300) for n in range(40)]
        cluster.settle(10)
        for answer in answers:
            self.successResultOf(answer)
        self.assertEqual(cluster.rows(cluster.hosts["c1"]), cluster.rows(cluster.master))

    def test_it_joins_while_commits_never_end(self) -> None:
        cluster = LedgerCluster(1)
        cluster.start(name_followers=False)
        cluster.settle(0.02)
        cluster.ledger.tell(SetFollowers(cluster.wires))
        for n in range(300):
            cluster.commit(str(n))
            cluster.settle(0.001)
        self.assertEqual(cluster.in_sync(), ["c1"])


class RestartTests(SynchronousTestCase):
    """The host of the master loses power."""

    def setUp(self) -> None:
        self.cluster = LedgerCluster(2)
        self.cluster.ready()

    def restart(self, epoch: int = 2, name_followers: bool = True) -> None:
        self.cluster.master.crash()
        self.cluster.master.boot()
        self.cluster.start(epoch, name_followers)

    def test_the_in_sync_set_is_remembered(self) -> None:
        self.restart()
        self.cluster.settle(0.005)
        answer = self.cluster.commit("a")
        self.cluster.wires["c2"].cut = True
        self.cluster.settle(1.0)
        self.assertNoResult(answer)
        self.assertEqual(self.cluster.in_sync(), ["c1", "c2"])
        self.cluster.settle(10.0)
        self.successResultOf(answer)
        self.assertEqual(self.cluster.in_sync(), ["c1"])

    def test_one_named_while_a_batch_is_written_gets_it_too(self) -> None:
        self.restart(name_followers=False)
        self.cluster.ledger.tell(SetFollowers({"c1": self.cluster.wires["c1"]}))
        self.cluster.settle(0.02)
        # c2 has left by now, and is level before it is named again.
        self.cluster.settle(5.0)
        self.cluster.master.disk.delay = 0.5
        answer = self.cluster.commit("a")
        self.cluster.settle(0.1)
        self.cluster.ledger.tell(SetFollowers(dict(self.cluster.wires)))
        self.cluster.settle(2.0)
        self.successResultOf(answer)
        self.assertEqual(self.cluster.rows(self.cluster.hosts["c2"]), {"a": b"1"})
        self.assertEqual(self.cluster.in_sync(), ["c1", "c2"])

    def test_one_in_sync_by_the_rows_and_named_while_a_batch_is_written_is_waited_for(self) -> None:
        self.restart(name_followers=False)
        self.cluster.settle(0.02)
        self.cluster.master.disk.delay = 0.5
        answer = self.cluster.commit("a")
        self.cluster.settle(0.1)
        self.cluster.ledger.tell(SetFollowers(dict(self.cluster.wires)))
        self.cluster.settle(0.6)
        self.successResultOf(answer)
        self.assertEqual(self.cluster.in_sync(), ["c1", "c2"])

    def test_one_that_nobody_names_is_not_waited_for_long(self) -> None:
        self.restart(name_followers=False)
        answer = self.cluster.commit("a")
        self.cluster.settle(4.9)
        self.assertNoResult(answer)
        self.cluster.settle(0.3)
        self.successResultOf(answer)

    def test_a_follower_with_changes_the_master_lost_is_reset(self) -> None:
        self.cluster.commit("kept")
        self.cluster.settle()
        self.cluster.master.disk.delay = 1.0
        lost = self.cluster.commit("lost")
        self.cluster.settle(0.1)
        self.assertNoResult(lost)
        self.assertIn("lost", self.cluster.rows(self.cluster.hosts["c1"]))
        self.cluster.master.disk.delay = DISK
        self.restart()
        answer = self.cluster.commit("other")
        self.cluster.settle(0.2)
        self.successResultOf(answer)
        for host in (self.cluster.master, *self.cluster.hosts.values()):
            self.assertEqual(sorted(self.cluster.rows(host)), ["kept", "other"])
        self.assertEqual(self.cluster.in_sync(), ["c1", "c2"])

    def test_a_follower_may_lead_and_the_old_master_follow(self) -> None:
        self.cluster.commit("kept")
        self.cluster.settle()
        self.cluster.wires["c1"].cut = self.cluster.wires["c2"].cut = True
        lost = self.cluster.commit("lost")
        self.cluster.settle(0.1)
        self.assertNoResult(lost)
        self.cluster.master.crash()
        self.cluster.master.boot()
        self.cluster.master.follow()
        old, new = self.cluster.master, self.cluster.hosts["c1"]
        new.crash()
        new.boot()
        self.cluster.master = new
        wire = Wire(self.cluster.clock, old, "follower")
        self.cluster.wires = {"c2": Wire(self.cluster.clock, self.cluster.hosts["c2"], "follower"), "m": wire}
        self.cluster.start(epoch=2)
        answer = self.cluster.commit("other")
        self.cluster.settle(6)
        self.successResultOf(answer)
        self.assertEqual(self.cluster.in_sync(), ["c2", "m"])
        for host in (old, new, self.cluster.hosts["c2"]):
            self.assertEqual(sorted(self.cluster.rows(host)), ["kept", "other"])


class TakingOverTests(SynchronousTestCase):
    """A candidate about to become master takes what another has."""

    def fetch(self, changes: int, tail_changes: int = 10_000) -> LedgerCluster:
        cluster = LedgerCluster(1, tail_changes=tail_changes)
        cluster.ready()
        for n in range(changes):
            cluster.commit(str(n), b"x" * 100_000)
            cluster.settle(0.01)
        cluster.settle()
        found: list[Position] = []
        self.other = Host(cluster.clock, "other")
        work = fetch_missing(Wire.ask, cluster.wires["c1"], self.other.store)
        Deferred.fromCoroutine(work).addCallback(found.append)
        cluster.settle()
        self.assertEqual(found, [cluster.state().position])
        return cluster

    def test_by_changes(self) -> None:
        cluster = self.fetch(30)
        self.assertEqual(cluster.rows(self.other), cluster.rows(cluster.master))

    def test_by_a_copy(self) -> None:
        cluster = self.fetch(30, tail_changes=5)
        self.assertEqual(cluster.rows(self.other), cluster.rows(cluster.master))
