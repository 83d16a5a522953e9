"""When a commit is acknowledged, and what the disk of the master may do meanwhile."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest, Corrupt, DriverError, Expired, MailboxFull, OutcomeUnknown, WrongState
from ganeti_tw.ledger.messages import Commit
from ganeti_tw.ledger.pipeline import MOST_WAITING
from ganeti_tw.protocol.ledger import Append, Change, Delete, Position, Put
from ledger_cluster import DISK, LedgerCluster


class LonelyTests(SynchronousTestCase):
    """A ledger without followers."""

    def setUp(self) -> None:
        self.cluster = LedgerCluster()
        self.cluster.ready()

    def test_a_commit_is_answered_once_it_is_on_disk(self) -> None:
        answer = self.cluster.commit("a")
        self.cluster.settle(DISK - 0.001)
        self.assertNoResult(answer)
        self.assertEqual(self.cluster.rows(self.cluster.master), {})
        self.cluster.settle(0.002)
        self.assertEqual(self.successResultOf(answer), 2)
        self.assertEqual(self.cluster.rows(self.cluster.master), {"a": b"1"})

    def test_commits_during_a_write_go_into_the_next_one_together(self) -> None:
        answers = [self.cluster.commit("first")]
        self.cluster.settle(0.001)
        answers += [self.cluster.commit(str(n)) for n in range(100)]
        self.cluster.settle(0.02)
        self.assertEqual([self.successResultOf(a) for a in answers], list(range(2, 103)))
        self.assertEqual(self.cluster.master.disk.writes, 2)

    def test_listeners_hear_changes_in_order_and_only_when_durable(self) -> None:
        for n in range(5):
            self.cluster.commit(str(n))
        self.cluster.settle(DISK / 2)
        self.assertEqual(self.cluster.told(self.cluster.master), [])
        self.cluster.settle()
        self.assertEqual([c.serial for c in self.cluster.told(self.cluster.master)], [2, 3, 4, 5, 6])

    def test_deletes(self) -> None:
        self.cluster.commit("a")
        self.cluster.ledger.ask(Commit(deletes=(Delete("thing", "a"),)), 9)
        self.cluster.settle()
        self.assertEqual(self.cluster.rows(self.cluster.master), {})

    def test_malformed_commits_are_refused(self) -> None:
        a = Put("thing", "a", b"1")
        own = Put("insync", "c", b"1")
        for bad in (Commit(), Commit((a, a)), Commit((a,), (Delete("thing", "a"),)), Commit((own,))):
            answer = self.cluster.ledger.ask(bad, 9)
            self.cluster.settle(0.001)
            self.failureResultOf(answer, BadRequest)
        self.assertEqual(self.cluster.master.disk.writes, 0)

    def test_a_failed_write_is_answered_and_forgotten(self) -> None:
        self.cluster.master.disk.fail_early = 1
        answer = self.cluster.commit("a")
        self.cluster.settle()
        self.failureResultOf(answer, DriverError)
        answer = self.cluster.commit("b")
        self.cluster.settle()
        self.assertEqual(self.successResultOf(answer), 2)
        self.assertEqual(self.cluster.rows(self.cluster.master), {"b": b"1"})
        self.assertEqual([c.serial for c in self.cluster.told(self.cluster.master)], [2])

    def test_a_write_that_only_seemed_to_fail_is_a_success(self) -> None:
        self.cluster.master.disk.fail_late = 1
        answer = self.cluster.commit("a")
        self.cluster.settle()
        self.assertEqual(self.successResultOf(answer), 2)
        self.assertEqual(self.successResultOf(self.later("b")), 3)

    def later(self, key: str):  # type: ignore[no-untyped-def]
        answer = self.cluster.commit(key)
        self.cluster.settle()
        return answer

    def test_a_full_disk_refuses_until_there_is_room(self) -> None:
        self.cluster.master.disk.room = 0
        for n in range(3):
            self.failureResultOf(self.later(str(n)), DriverError)
        self.assertIn("full", self.cluster.state().problem)
        self.cluster.master.disk.room = None
        self.assertEqual(self.successResultOf(self.later("x")), 2)
        self.assertEqual(self.cluster.state().problem, "")
        self.assertEqual(self.cluster.rows(self.cluster.master), {"x": b"1"})

    def test_too_many_waiting_commits_are_refused(self) -> None:
        answers = [self.cluster.commit(str(n)) for n in range(MOST_WAITING + 5)]
        self.cluster.turn()
        refused = [a for a in answers if a.called]
        self.assertEqual(len(refused), 5)
        for answer in refused:
            self.failureResultOf(answer, MailboxFull)
        self.cluster.settle()
        self.assertEqual(self.successResultOf(self.later("again")), MOST_WAITING + 2)

    def test_someone_else_writing_ends_it(self) -> None:
        self.cluster.master.store.append([Change(2, 9, ())])
        answer = self.later("a")
        self.failureResultOf(answer, OutcomeUnknown)
        self.failureResultOf(self.later("b"), Corrupt)
        self.assertEqual(len(self.cluster.ended), 1)

    def test_a_commit_costs_one_write(self) -> None:
        for n in range(5):
            self.later(str(n))
        self.assertEqual(self.cluster.master.disk.writes, 5)


class HangingDiskTests(SynchronousTestCase):
    """The write fails, and the store does not say what it has."""

    def setUp(self) -> None:
        self.cluster = LedgerCluster(1)
        self.cluster.ready()
        self.cluster.master.store.mute = True

    def test_the_outcome_is_unknown_and_others_are_refused(self) -> None:
        self.cluster.master.disk.fail_early = 1
        first = self.cluster.commit("a")
        self.cluster.settle(0.001)
        second = self.cluster.commit("b")
        self.cluster.settle(2.2)
        self.assertIn("may have been stored", str(self.failureResultOf(first, OutcomeUnknown).value))
        self.failureResultOf(second, Expired)
        self.cluster.master.store.mute = False
        self.cluster.settle(5.0)
        for host in (self.cluster.master, self.cluster.hosts["c1"]):
            self.assertEqual(self.cluster.rows(host), {})
        answer = self.cluster.commit("c")
        self.cluster.settle()
        self.successResultOf(answer)

    def test_what_was_stored_is_found_later(self) -> None:
        self.cluster.master.disk.fail_late = 1
        answer = self.cluster.commit("a")
        self.cluster.settle(0.1)
        self.failureResultOf(answer, OutcomeUnknown)
        self.assertEqual(self.cluster.told(self.cluster.master), [])
        self.cluster.master.store.mute = False
        self.cluster.settle(5.0)
        self.assertEqual(len(self.cluster.told(self.cluster.master)), 1)
        self.assertEqual(self.cluster.rows(self.cluster.hosts["c1"]), {"a": b"1"})


class OpeningTests(SynchronousTestCase):
    def test_the_first_change_opens_the_reign(self) -> None:
        cluster = LedgerCluster()
        cluster.start(epoch=7)
        cluster.settle()
        self.assertEqual(cluster.state().position, Position(1, 7))
        self.assertIn(b'"epoch": 7', cluster.rows(cluster.master, "reign")["current"])

    def test_commits_before_it_wait(self) -> None:
        cluster = LedgerCluster()
        cluster.start()
        answer = cluster.commit("a")
        cluster.settle()
        self.assertEqual(self.successResultOf(answer), 2)

    def test_an_epoch_is_used_once(self) -> None:
        cluster = LedgerCluster()
        cluster.start(epoch=7)
        cluster.settle()
        for epoch in (6, 7):
            cluster.master.crash()
            cluster.master.boot()
            cluster.start(epoch)
            answer = cluster.commit("a")
            cluster.settle()
            self.failureResultOf(answer, WrongState)
        self.assertEqual([type(e) for e in cluster.ended], [WrongState, WrongState])

    def test_a_disk_that_is_full_at_the_start_is_tried_again(self) -> None:
        cluster = LedgerCluster()
        cluster.master.disk.room = 0
        cluster.start()
        answer = cluster.commit("a")
        cluster.settle()
        self.failureResultOf(answer, DriverError)
        cluster.master.disk.room = None
        cluster.until(lambda: not cluster.state().problem)
        answer = cluster.commit("a")
        cluster.settle()
        self.assertEqual(self.successResultOf(answer), 2)

    def test_an_opening_that_only_seemed_to_fail_is_found(self) -> None:
        cluster = LedgerCluster()
        cluster.master.disk.fail_late = 1
        cluster.start()
        cluster.settle(3.0)
        answer = cluster.commit("a")
        cluster.settle()
        self.assertEqual(self.successResultOf(answer), 2)


class FailingDiskWithFollowersTests(SynchronousTestCase):
    """Followers have what the master lost."""

    def setUp(self) -> None:
        self.cluster = LedgerCluster(2)
        self.cluster.ready()
        self.cluster.commit("a", b"old")
        self.cluster.settle()

    def test_a_lost_change_is_taken_back_everywhere(self) -> None:
        self.cluster.master.disk.fail_early = 1
        answer = self.cluster.commit("a", b"new")
        self.cluster.settle(0.05)
        self.failureResultOf(answer, DriverError)
        self.assertEqual(self.cluster.rows(self.cluster.hosts["c1"]), {"a": b"new"})
        self.assertEqual(self.cluster.rows(self.cluster.master), {"a": b"old"})
        self.cluster.settle(3.0)
        for host in (self.cluster.master, *self.cluster.hosts.values()):
            self.assertEqual(self.cluster.rows(host), {"a": b"old"})
        self.assertEqual(self.cluster.in_sync(), ["c1", "c2"])

    def test_the_next_commit_repairs_at_once(self) -> None:
        self.cluster.master.disk.fail_early = 1
        self.cluster.commit("a", b"new").addErrback(lambda f: None)
        self.cluster.settle(0.02)
        answer = self.cluster.commit("c")
        self.cluster.settle(0.02)
        self.successResultOf(answer)
        for host in (self.cluster.master, *self.cluster.hosts.values()):
            self.assertEqual(self.cluster.rows(host), {"a": b"old", "c": b"1"})

    def test_while_the_disk_fails_followers_are_not_bothered(self) -> None:
        self.cluster.master.disk.room = 0
        for n in range(5):
            self.cluster.commit(str(n)).addErrback(lambda f: None)
            self.cluster.settle(0.02)
        sent = [m for m in self.cluster.wires["c1"].sent if isinstance(m, Append)]
        self.assertEqual(len(sent), 2)  # the good one of setUp, and the first bad one
        self.cluster.master.disk.room = None
        self.cluster.settle(5.0)
        for host in (self.cluster.master, *self.cluster.hosts.values()):
            self.assertEqual(self.cluster.rows(host), {"a": b"old"})

    def test_listeners_hear_the_change_and_its_reversal(self) -> None:
        self.cluster.master.news.clear()
        self.cluster.master.disk.fail_early = 1
        self.cluster.commit("a", b"new").addErrback(lambda f: None)
        self.cluster.settle(3.0)
        values = [p.value for c in self.cluster.told(self.cluster.master) for p in c.puts]
        self.assertEqual(values, [b"new", b"old"])
