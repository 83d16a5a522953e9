"""How long jobs that have ended are kept."""

from __future__ import annotations

from typing import Any

from ganeti_tw.errors import DriverError
from ganeti_tw.jobs import queue as queue_room
from ganeti_tw.jobs.record import JobRecord, OpRecord
from ganeti_tw.jobs.retention import Limits
from ganeti_tw.jobs.status import Status
from ganeti_tw.protocol.jobs import SubmitJob
from job_case import JobCase

HOUR = 3600


class Queue(queue_room.Queue):
    limits = Limits(most=10, fewest=8, archive_most=20)


class RetentionTests(JobCase):
    def stored_job(self, job_id: int, hours: float, kind: str = "job", status: Status = Status.SUCCESS) -> None:
        """One that ended that many hours ago."""
        record = JobRecord(job_id, [OpRecord({"OP_ID": "OP_TEST"}, status)], (1, 0))
        if status.final:
            record.end_timestamp = (round(1000 - hours * HOUR), 0)
        self.ledger.rows[kind, str(job_id)] = record.encode()

    def open(self, last_id: int, kind: Any = Queue) -> None:
        self.open_queue(last_id, kind=kind)
        self.turn(queue_room.FIRST_ROUND)

    def ids(self, wanted: str) -> list[int]:
        return sorted(int(key) for kind, key in self.ledger.rows if kind == wanted)

    def test_by_age(self) -> None:
        for job_id, hours in ((1, 7), (2, 5), (3, 0)):
            self.stored_job(job_id, hours)
        self.stored_job(4, 0, status=Status.RUNNING)
        self.open(4)
        self.assertEqual((self.ids("job"), self.ids("archived_job")), ([2, 3, 4], [1]))
        self.turn(HOUR + 1)
        self.assertEqual((self.ids("job"), self.ids("archived_job")), ([3, 4], [1, 2]))
        self.turn(5 * HOUR)
        self.assertEqual((self.ids("job"), self.ids("archived_job")), ([4], [1, 2, 3]))

    def test_by_number(self) -> None:
        for job_id in range(1, 10):
            self.stored_job(job_id, 1)
        self.open(9)
        self.assertEqual(len(self.ids("job")), 9)
        for _ in range(2):
            self.result(self.queue_ref.ask(SubmitJob([{"OP_ID": "OP_TEST_DELAY", "duration": 0}]), 70))
            self.turn()
        self.assertEqual((self.ids("job"), self.ids("archived_job")), ([4, 5, 6, 7, 8, 9, 10, 11], [1, 2, 3]))

    def test_the_archive_forgets(self) -> None:
        for job_id, days in ((1, 30), (3, 22), (4, 20), (5, 23)):
            self.stored_job(job_id, days * 24, "archived_job")
        self.stored_job(2, 0, status=Status.RUNNING)
        self.open(6)
        self.assertEqual(self.ids("archived_job"), [4])
        self.assertEqual(self.ledger.rows["queue", "oldest"], b"2")
        self.turn(7 * HOUR)
        self.assertEqual(self.ids("archived_job"), [4])

    def test_the_archive_forgets_the_oldest_of_too_many(self) -> None:
        for job_id in range(1, 1201):
            self.stored_job(job_id, 24, "archived_job")
        self.open(1200)
        self.assertEqual(self.ids("archived_job"), list(range(1181, 1201)))
        self.assertEqual(self.ledger.rows["queue", "oldest"], b"1181")

    def test_what_fails_is_tried_again(self) -> None:
        self.stored_job(1, 7)
        self.ledger.error = DriverError("disk full")
        self.open(1)
        self.ledger.error = None
        self.turn(queue_room.NEXT_TRY)
        self.assertEqual(self.ids("archived_job"), [1])
