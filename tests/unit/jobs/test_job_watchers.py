"""Who is to be told of the next change of a job."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.jobs.record import JobRecord, OpRecord
from ganeti_tw.jobs.status import Status
from ganeti_tw.jobs.watchers import Watchers
from ganeti_tw.protocol.jobs import WaitForChange


def job(status: Status = Status.QUEUED, *log: Any) -> JobRecord:
    return JobRecord(7, [OpRecord({}, status, log=tuple(log))])


class WatchersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.watchers = Watchers(self.clock)

    def ask(
        self, shown: JobRecord, previous: str = "queued", seconds: float = 60.0, log_serial: int | None = None
    ) -> Any:
        return self.watchers.ask(WaitForChange(7, ("status",), [previous], log_serial, seconds), shown)

    def test_told_at_once_when_it_differs(self) -> None:
        self.assertEqual(self.ask(job(Status.RUNNING)), (["running"], []))
        self.assertEqual(len(self.watchers), 0)

    def test_told_once_of_the_next_change_only(self) -> None:
        waiting: Deferred[Any] = self.ask(job())
        self.watchers.tell(job())
        self.assertNoResult(waiting)
        self.watchers.tell(job(Status.WAITING))
        self.watchers.tell(job(Status.RUNNING))
        self.assertEqual(self.successResultOf(waiting), (["waiting"], []))

    def test_a_new_line_of_the_log_is_a_change(self) -> None:
        first, second = (1, (5, 0), "message", "one"), (2, (6, 0), "message", "two")
        waiting: Deferred[Any] = self.ask(job(Status.QUEUED, first), log_serial=1)
        self.watchers.tell(job(Status.QUEUED, first, second))
        self.assertEqual(self.successResultOf(waiting), (["queued"], [[2, (6, 0), "message", "two"]]))

    def test_an_ended_job_keeps_nobody_waiting(self) -> None:
        self.assertEqual(self.ask(job(Status.ERROR), "error"), (["error"], []))
        self.assertEqual(len(self.watchers), 0)

    def test_those_that_gave_up_are_forgotten(self) -> None:
        for _ in range(50):
            self.ask(job(), seconds=1.0)
            self.clock.advance(1.5)
        self.assertEqual(len(self.watchers), 1)
