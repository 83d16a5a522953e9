from __future__ import annotations

from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import DriverError
from ganeti_tw.mond.complaints import MOST, QUIET, Complaints


class ComplaintsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.told: list[str] = []
        self.complaints = Complaints("lv", self.clock.seconds, self.told.append)

    def fail_with(self, *reasons: str) -> None:
        for reason in reasons:
            self.complaints.failed(Failure(DriverError(reason)))
            self.clock.advance(5)

    def test_a_reason_is_told_once_and_that_it_works_again(self) -> None:
        self.fail_with("no lvs", "no lvs", "no lvs")
        self.complaints.worked()
        self.complaints.worked()
        self.assertEqual(self.told, ["collector lv fails: DriverError: no lvs", "collector lv works again"])

    def test_another_reason_is_told(self) -> None:
        self.fail_with("no lvs", "a lock", "no lvs")
        self.assertEqual([line.rpartition(": ")[2] for line in self.told], ["no lvs", "a lock"])

    def test_what_comes_and_goes_is_told_once_in_an_hour(self) -> None:
        for _ in range(int(2 * QUIET / 5)):
            self.fail_with("no lvs")
            self.complaints.worked()
        self.assertEqual(len(self.told), 4)

    def test_a_reason_that_is_another_each_time_is_no_flood(self) -> None:
        self.fail_with(*(f"process {number}" for number in range(100)))
        self.assertEqual(len(self.told), MOST)

    def test_a_bug_is_told_and_logged_with_its_traceback(self) -> None:
        try:
            raise ZeroDivisionError("x")
        except ZeroDivisionError:
            self.complaints.failed(Failure())
        self.assertEqual(self.told, ["collector lv fails: ZeroDivisionError: x"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
