"""What a follower stores, and what it does not."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import DriverError, StaleEpoch, WrongState
from ganeti_tw.ledger.messages import Applied, Installed
from ganeti_tw.ledger.seam import Snapshot
from ganeti_tw.protocol.ledger import (
    Append,
    Change,
    CopyPart,
    GetChanges,
    GetCopy,
    GetPosition,
    Install,
    Position,
    Put,
)
from ledger_cluster import Host, Wire

NOTHING = Position(0, 0)


def change(serial: int, epoch: int = 1) -> Change:
    return Change(serial, epoch, (Put("thing", str(serial), b"1"),))


class FollowerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.host = Host(self.clock, "c1")
        self.host.follow()
        self.wire = Wire(self.clock, self.host, "follower")

    def ask(self, message: Any, error: type[Exception] | None = None) -> Any:
        answer = self.wire.ask(message, 5)
        for _ in range(30):
            self.clock.advance(0.001)
        return self.successResultOf(answer) if error is None else self.failureResultOf(answer, error).value

    def append(self, *changes: Change, previous: Position = NOTHING, epoch: int = 1) -> Any:
        return self.ask(Append(epoch, previous, changes))

    def test_changes_are_stored_and_told(self) -> None:
        self.assertEqual(self.append(change(1), change(2)), Position(2, 1))
        self.assertEqual(self.ask(GetPosition()), Position(2, 1))
        self.assertEqual(self.host.news, [Applied((change(1), change(2)))])

    def test_it_answers_only_when_they_are_on_disk(self) -> None:
        self.host.disk.delay = 1.0
        answer = self.wire.ask(Append(1, NOTHING, (change(1),)), 5)
        for _ in range(900):
            self.clock.advance(0.001)
        self.assertNoResult(answer)
        self.assertEqual(self.host.news, [])

    def test_a_gap_is_answered_with_where_it_is(self) -> None:
        self.append(change(1))
        self.assertEqual(self.append(change(3), previous=Position(2, 1)), Position(1, 1))

    def test_what_it_has_already_changes_nothing(self) -> None:
        self.append(change(1), change(2))
        self.assertEqual(self.append(change(1), change(2)), Position(2, 1))
        self.assertEqual(self.append(change(2), previous=Position(1, 1)), Position(2, 1))
        self.assertEqual(len(self.host.news), 1)

    def test_another_history_is_not_continued(self) -> None:
        self.append(change(1, 1), change(2, 1))
        self.assertEqual(self.append(change(3, 2), previous=Position(2, 2), epoch=2), Position(2, 1))

    def test_a_dead_reign_is_refused(self) -> None:
        self.append(change(1, 3), epoch=3)
        self.ask(Append(2, Position(1, 3), (change(2, 2),)), StaleEpoch)
        self.ask(Install(9, 2, ()), StaleEpoch)
        self.host.seen = 7
        error = self.ask(Append(6, Position(1, 3), (change(2, 6),)), StaleEpoch)
        self.assertIn("7", str(error))
        self.assertEqual(self.ask(GetPosition()), Position(1, 3))

    def test_a_copy_replaces_everything(self) -> None:
        self.append(change(1), change(2))
        self.assertEqual(self.ask(Install(1, 2, (Put("thing", "x", b"2"),))), Position(1, 2))
        self.assertEqual(self.host.news[-1], Installed(Snapshot(1, 2, {("thing", "x"): b"2"})))

    def test_a_late_copy_changes_nothing(self) -> None:
        self.append(change(1), change(2))
        self.assertEqual(self.ask(Install(1, 1, ())), Position(2, 1))
        self.assertEqual(len(self.host.news), 1)

    def test_a_copy_comes_in_parts(self) -> None:
        a, b = Put("thing", "a", b"1"), Put("thing", "b", b"2")
        self.assertEqual(self.ask(Install(5, 1, (a,), 0, False)), NOTHING)
        self.assertEqual(self.ask(Install(5, 1, (b,), 1, True)), Position(5, 1))
        self.assertEqual(len(self.host.news[0].snapshot.rows), 2)

    def test_a_copy_that_lacks_a_part_is_refused(self) -> None:
        a = Put("thing", "a", b"1")
        self.ask(Install(5, 1, (a,), 1, True), WrongState)
        self.ask(Install(5, 1, (a,), 0, False))
        self.ask(Install(5, 1, (a,), 2, True), WrongState)
        self.ask(Install(6, 1, (a,), 1, True), WrongState)
        self.assertEqual(self.ask(GetPosition()), NOTHING)

    def test_a_failing_disk_is_told_and_survived(self) -> None:
        self.host.disk.fail_early = 1
        self.ask(Append(1, NOTHING, (change(1),)), DriverError)
        self.assertEqual(self.append(change(1)), Position(1, 1))

    def test_a_write_that_only_seemed_to_fail_is_found(self) -> None:
        self.host.disk.fail_late = 1
        self.ask(Append(1, NOTHING, (change(1),)), DriverError)
        self.assertEqual(self.append(change(1)), Position(1, 1))

    def test_changes_for_a_new_master(self) -> None:
        self.append(change(1), change(2))
        self.assertEqual(self.ask(GetChanges(Position(1, 1))), (change(2),))
        self.assertEqual(self.ask(GetChanges(Position(2, 1))), ())
        self.assertIsNone(self.ask(GetChanges(Position(1, 5))))
        self.assertIsNone(self.ask(GetChanges(Position(8, 1))))

    def test_a_copy_for_a_new_master(self) -> None:
        self.append(change(1))
        self.assertEqual(self.ask(GetCopy()), CopyPart(1, 1, (Put("thing", "1", b"1"),), True))
        self.ask(GetCopy(1, 1), WrongState)
