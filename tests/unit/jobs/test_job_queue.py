"""The queue: ids, slots, priorities, what is left after a restart, jobs that ended."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred

from ganeti_tw.errors import BadRequest, DriverError, NotFound, OutcomeUnknown, TryLater
from ganeti_tw.jobs import queue as queue_room
from ganeti_tw.jobs.perform import Advance
from ganeti_tw.jobs.record import JobRecord, OpRecord
from ganeti_tw.jobs.status import Status
from ganeti_tw.operations.registry import input_of, parse
from ganeti_tw.protocol.jobs import (
    ArchiveJob,
    ArchiveOld,
    Behind,
    CancelJob,
    ChangePriority,
    GetJobFigures,
    ListJobs,
    SubmitJob,
    WaitForChange,
    WhyJobsWait,
)
from ganeti_tw.protocol.locks import ListLocks
from job_case import TOLD, JobCase


def delay(duration: float = 10.0, **more: Any) -> dict[str, Any]:
    return {"OP_ID": "OP_TEST_DELAY", "duration": duration, **more}


def left(job_id: int, *statuses: Status, opcode: dict[str, Any] | None = None) -> JobRecord:
    """A job as a former process stored it."""
    whole = input_of(*parse(opcode or delay()))
    return JobRecord(job_id, [OpRecord(whole, status) for status in statuses], (900, 0))


class SmallQueue(queue_room.Queue):
    """With limits that tests reach."""

    largest = 2
    remembered = 2
    decoded_at_once = 10


class Forgetful(queue_room.Queue):
    """Has to look into the ledger for what ended."""

    remembered = 1


class QueueCase(JobCase):
    def submit(self, *ops: dict[str, Any]) -> Deferred[Any]:
        return self.queue_ref.ask(SubmitJob(list(ops)), 70)

    def submitted(self, *ops: dict[str, Any]) -> int:
        job_id: int = self.result(self.submit(*ops))
        return job_id

    def wait(self, job_id: int, previous: Any = None, seconds: float = 60.0) -> Deferred[Any]:  # type: ignore[override]
        return self.queue_ref.ask(WaitForChange(job_id, TOLD, previous, None, seconds), seconds)

    def listed(self, *ids: int) -> dict[int, str]:
        found = self.result(self.queue_ref.ask(ListJobs(ids or None), 10))
        return {record.id: record.status.value for record in found}

    def recover(self, *records: JobRecord, **settings: Any) -> None:
        for record in records:
            self.ledger.rows["job", str(record.id)] = record.encode()
            self.ledger.rows["live", str(record.id)] = b"true"
        self.open_queue(max((r.id for r in records), default=0), list(records), **settings)


class FigureTests(QueueCase):
    def figures(self) -> Any:
        return self.result(self.queue_ref.ask(GetJobFigures(), 10))

    def test_jobs_are_counted_while_they_live_and_when_they_ended(self) -> None:
        self.open_queue()
        self.submitted(delay())
        self.assertEqual((self.figures().now[Status.RUNNING], sum(self.figures().ended.values())), (1, 0))
        self.turn(10)
        found = self.figures()
        self.assertEqual((sum(found.now.values()), found.ended[Status.SUCCESS]), (0, 1))
        self.assertEqual(found.starts.buckets[-1][1], 1)
        self.assertEqual(list(found.runs), ["OP_TEST_DELAY"])
        self.assertAlmostEqual(found.runs["OP_TEST_DELAY"].sum, 10, 0)


class SubmitTests(QueueCase):
    def test_ids_go_up_and_are_remembered(self) -> None:
        self.open_queue(41)
        asked = [self.submit(delay()) for _ in range(3)]
        self.assertEqual([self.result(a) for a in asked], [42, 43, 44])
        self.assertEqual(self.ledger.rows["queue", "serial"], b"44")

    def test_acknowledged_only_when_stored(self) -> None:
        self.open_queue()
        self.ledger.held = True
        answer = self.submit(delay())
        self.turn()
        self.assertNoResult(answer)
        self.assertEqual(self.listed(), {})
        self.ledger.go_on()
        self.assertEqual(self.result(answer), 1)
        self.assertIn(("live", "1"), self.ledger.rows)

    def test_a_job_that_cannot_be_stored_is_refused(self) -> None:
        self.open_queue()
        self.ledger.error = DriverError("disk full")
        answer = self.submit(delay())
        self.turn()
        self.failureResultOf(answer, DriverError)
        self.ledger.error = None
        self.assertEqual(self.submitted(delay()), 2)
        self.assertEqual(self.listed(), {2: "running"})

    def test_a_job_of_which_nobody_knows_whether_it_is_stored_is_told_by_its_number(self) -> None:
        self.open_queue(max_running_jobs=1)
        self.ledger.error = OutcomeUnknown("no answer")
        answers = [self.submit(delay()), self.submit(delay())]
        self.turn()
        for number, answer in enumerate(answers, 1):
            self.assertIn(f"gnt-job info {number}", self.failureResultOf(answer, OutcomeUnknown).getErrorMessage())
        self.ledger.error = None
        self.turn(5)
        self.assertEqual(self.listed(), {1: "running", 2: "queued"})
        self.turn(10)
        self.assertEqual(self.listed(), {1: "success", 2: "running"})

    def test_one_bad_opcode_refuses_the_job(self) -> None:
        self.open_queue()
        answer = self.submit(delay(), delay(nonsense=1))
        self.turn()
        self.failureResultOf(answer, BadRequest)
        self.assertEqual(self.ledger.commits, [])

    def test_a_full_queue(self) -> None:
        self.open_queue(kind=SmallQueue)
        asked = [self.submit(delay()) for _ in range(3)]
        self.turn()
        self.assertEqual([self.successResultOf(a) for a in asked[:2]], [1, 2])
        self.failureResultOf(asked[2], TryLater)
        self.turn(10)
        self.assertEqual(self.submitted(delay()), 3)

    def test_a_job_without_opcodes_has_ended_well(self) -> None:
        self.open_queue()
        self.assertEqual(self.submitted(), 1)
        self.assertEqual(self.result(self.wait(1)), (["success", [], []], []))
        self.assertNotIn(("live", "1"), self.ledger.rows)

    def test_the_reason_trail_grows(self) -> None:
        self.open_queue()
        self.submitted(delay(reason=[["gnt:user", "why", 1]]))
        trail = self.ledger.job(1).ops[0].input["reason"]
        self.assertEqual([r[:2] for r in trail], [["gnt:user", "why"], ["gnt:opcode:test_delay", "job=1;index=0"]])

    def test_private_values_are_not_stored(self) -> None:
        self.open_queue()
        self.submitted({"OP_ID": "OP_NODE_ADD", "node_name": "n2", "token": "gtw1.secret"})
        self.assertFalse(any(b"gtw1.secret" in row for row in self.ledger.rows.values()))

    def test_the_last_id_does_not_go_back(self) -> None:
        """Though a job that waits for locks is stored after one that came later and does not."""
        self.open_queue()
        self.take(**{f"node__{self.published.config.master.uuid}": 1})
        asked = [self.submit(delay(on_nodes=["n1"], no_locks=False)), self.submit(delay())]
        self.assertEqual([self.result(a) for a in asked], [1, 2])
        self.assertEqual(self.listed(), {1: "waiting", 2: "running"})
        self.assertEqual(self.ledger.rows["queue", "serial"], b"2")

    def test_a_refused_job_leaves_no_trace(self) -> None:
        self.open_queue()
        self.ledger.error = DriverError("disk full")
        refused = [self.submit(delay()), self.submit()]
        self.turn()
        for answer in refused:
            self.failureResultOf(answer, DriverError)
        self.ledger.error = None
        self.turn(100)
        self.assertEqual((self.listed(), self.held(), self.ledger.commits), ({}, {}, []))
        self.assertEqual([s.path for s in self.system.list() if s.path.startswith("job/")], [])


class SlotTests(QueueCase):
    def test_no_more_run_than_there_are_slots(self) -> None:
        self.open_queue(max_running_jobs=2)
        for _ in range(4):
            self.submitted(delay())
        self.assertEqual(list(self.listed().values()), ["running", "running", "queued", "queued"])
        self.turn(10)
        self.assertEqual(list(self.listed().values()), ["success", "success", "running", "running"])

    def test_the_urgent_first_then_the_oldest(self) -> None:
        self.open_queue(max_running_jobs=1)
        for priority in (0, 10, 0, -10, -10):
            self.submitted(delay(priority=priority))
        order = []
        for _ in range(5):
            order += [i for i, status in self.listed().items() if status == "running"]
            self.turn(10)
        self.assertEqual(order, [1, 4, 5, 3, 2])

    def test_a_change_of_priority(self) -> None:
        self.open_queue(max_running_jobs=1)
        for _ in range(4):
            self.submitted(delay())
        for job_id, priority in ((3, -1), (2, 19)):
            self.assertTrue(self.result(self.queue_ref.ask(ChangePriority(job_id, priority), 1))[0])
        self.assertEqual((self.ledger.job(3).priority, self.ledger.job(3).ops[0].input["priority"]), (-1, 0))
        order = []
        for _ in range(4):
            order += [i for i, status in self.listed().items() if status == "running"]
            self.turn(10)
        self.assertEqual(order, [1, 3, 4, 2])
        self.assertFalse(self.result(self.queue_ref.ask(ChangePriority(3, 0), 1))[0])

    def test_a_change_of_priority_of_one_that_waits_for_locks(self) -> None:
        self.open_queue()
        self.take(**{f"node__{self.published.config.master.uuid}": 1})
        for _ in range(3):
            self.submit(delay(on_nodes=["n1"], no_locks=False))
        self.turn()
        self.result(self.queue_ref.ask(ChangePriority(2, -5), 1))
        pending = {lock.name: lock.pending for lock in self.result(self.locks.ask(ListLocks(), 1))}
        waiting = [owner for _, owner in pending[f"node/{self.published.config.master.uuid}"]]
        self.assertEqual(waiting, ["job/2/0", "job/1/0", "job/3/0"])

    def test_a_changed_priority_survives_a_restart(self) -> None:
        urgent = left(4, Status.QUEUED)
        urgent.ops = [evolve(urgent.ops[0], priority=-20)]
        self.recover(left(3, Status.QUEUED), urgent, max_running_jobs=1)
        self.assertEqual(self.listed(), {3: "queued", 4: "running"})

    def test_a_cancelled_job_takes_no_slot(self) -> None:
        self.open_queue(max_running_jobs=1)
        for _ in range(3):
            self.submitted(delay())
        self.assertTrue(self.result(self.queue_ref.ask(CancelJob(2), 1))[0])
        self.turn(10)
        self.assertEqual(self.listed(), {1: "success", 2: "canceled", 3: "running"})

    def test_unknown_and_ended_jobs_cannot_be_cancelled(self) -> None:
        self.open_queue()
        self.submitted(delay(0))
        self.turn()
        for job_id in (1, 99):
            self.assertFalse(self.result(self.queue_ref.ask(CancelJob(job_id), 1))[0])


class DependencyTests(QueueCase):
    def after(self, *depends: Any, **more: Any) -> dict[str, Any]:
        return delay(depends=[list(d) for d in depends], **more)

    def test_waits_without_a_slot_until_all_have_ended(self) -> None:
        self.open_queue(max_running_jobs=2)
        self.submitted(delay(10))
        self.submitted(delay(20))
        self.submitted(self.after((1, ["success"])), self.after((2, [])))
        self.turn(10)
        self.assertEqual(self.listed(), {1: "success", 2: "running", 3: "queued"})
        self.assertEqual(self.result(self.queue_ref.ask(WhyJobsWait((1, 2, 3)), 1)), {3: Behind([2])})
        self.assertEqual(self.submitted(delay()), 4)
        self.assertEqual(self.listed()[4], "running")
        self.turn(10)
        self.assertEqual(self.listed(), {1: "success", 2: "success", 3: "running", 4: "success"})

    def test_ids_count_back_from_the_own_one(self) -> None:
        self.open_queue(4)
        self.submitted(delay())
        self.submitted(delay())
        self.submitted(self.after((-1, []), (-2, ["error"])))
        self.assertEqual(self.ledger.job(7).ops[0].input["depends"], [[6, []], [5, ["error"]]])
        answer = self.submit(self.after((-8, [])))
        self.turn()
        self.failureResultOf(answer, BadRequest)

    def test_ids_count_back_through_those_submitted_together(self) -> None:
        self.open_queue(4)
        earlier: list[int | None] = []
        jobs = [delay()], [delay(bad=1)], [self.after((-2, []))], [self.after((-2, []))], [self.after((-5, []))]
        asked = [self.queue_ref.ask(SubmitJob(ops, earlier), 70) for ops in jobs]
        self.turn()
        for refused in (1, 3):
            self.failureResultOf(asked[refused], BadRequest)
        self.assertEqual(earlier, [5, None, 6, None, 7])
        self.assertEqual(self.ledger.job(6).ops[0].input["depends"], [[5, []]])
        self.assertEqual(self.ledger.job(7).ops[0].input["depends"], [[4, []]])

    def test_how_the_other_has_to_end(self) -> None:
        self.open_queue(max_running_jobs=1)
        self.submitted(delay(10))
        self.submitted(delay(10))
        self.result(self.queue_ref.ask(CancelJob(2), 1))
        for wanted in ([], ["error"], ["canceled"], ["success", "error"]):
            self.submitted(self.after((2, wanted), duration=0))
        self.submitted(self.after((1, ["error"]), duration=0))
        self.submitted(self.after((99, []), duration=0))
        self.submitted(self.after((9, []), duration=0))  # itself
        self.submitted(self.after((1, []), duration=0), self.after((7, ["error"]), duration=0))
        self.turn(11)
        ended = ["success", "canceled", "canceled", "canceled", "success", "canceled", "error", "error", "error"]
        self.assertEqual(list(self.listed().values()), [*ended, "success"])
        self.assertIn("does not exist", str(self.ledger.job(8).ops[0].result))
        self.assertIn("job 1 ended in success", str(self.ledger.job(7).ops[0].result))

    def test_the_end_is_passed_on_along_a_chain(self) -> None:
        self.open_queue(kind=Forgetful)
        self.submitted(delay())
        for _ in range(20):
            self.submitted(self.after((-1, ["success"])))
        self.result(self.queue_ref.ask(CancelJob(11), 1))
        for _ in range(12):
            self.turn(10)
        self.assertEqual(list(self.listed().values()), ["success"] * 10 + ["canceled"] * 11)

    def test_after_a_restart(self) -> None:
        later = delay(depends=[[3, ["success"]], [4, ["error"]]])
        self.recover(left(3, Status.QUEUED), left(4, Status.RUNNING), left(5, Status.QUEUED, opcode=later))
        self.assertEqual(self.listed(), {3: "running", 4: "error", 5: "queued"})
        self.turn(10)
        self.assertEqual(self.listed()[5], "running")


class ArchiveTests(QueueCase):
    def done(self, *, age: float, seconds: float = 10) -> Any:
        return self.result(self.queue_ref.ask(ArchiveOld(age, seconds), 60))

    def archived(self) -> list[str]:
        return sorted(key for kind, key in self.ledger.rows if kind == "archived_job")

    def test_one_that_has_ended(self) -> None:
        self.open_queue(max_running_jobs=1)
        self.submitted(delay(1))
        self.submitted(delay())
        self.turn(1)
        said = [self.result(self.queue_ref.ask(ArchiveJob(i), 60)) for i in (1, 2, 3, 1)]
        self.assertEqual(said, [True, False, False, False])
        self.assertEqual((self.listed(), self.archived()), ({2: "running"}, ["1"]))
        (found,) = self.result(self.queue_ref.ask(ListJobs((1,)), 10))
        self.assertEqual((found.id, found.archived), (1, True))
        self.assertEqual(len(self.result(self.queue_ref.ask(ListJobs(None, True), 10))), 2)
        self.assertEqual(self.result(self.wait(1))[0][0], "success")

    def test_others_may_depend_on_it(self) -> None:
        self.open_queue()
        self.submitted(delay(0))
        self.assertTrue(self.result(self.queue_ref.ask(ArchiveJob(1), 60)))
        self.submitted(delay(0, depends=[[1, ["success"]]]))
        self.assertEqual(self.listed(2), {2: "success"})

    def test_the_old_ones(self) -> None:
        for number in range(1, 251):
            record = left(number, Status.SUCCESS)
            record.end_timestamp = (1000 - number, 0)
            self.ledger.rows["job", str(number)] = record.encode()
        self.open_queue(250)
        self.submitted(delay())
        self.assertEqual(self.done(age=200), (50, 0))
        self.assertEqual(self.archived()[0], "201")
        self.assertEqual(self.done(age=-1, seconds=-1), (0, 201))
        self.assertEqual(self.done(age=-1), (200, 0))
        self.assertEqual(self.listed(), {251: "running"})


class ClockTests(QueueCase):
    def test_a_clock_that_is_set_back_gives_no_more_time(self) -> None:
        for number in range(1, 501):
            self.ledger.rows["job", str(number)] = left(number, Status.SUCCESS).encode()
        self.open_queue(500)
        self.assertEqual(self.result(self.queue_ref.ask(ArchiveOld(-1, 10), 60)), (300, 200))

    def paused(self) -> None:
        self.clock.rightNow += 4.0
        self.started_at -= 3600.0


class EndTests(QueueCase):
    def test_waiters_hear_of_the_end_whenever_they_come(self) -> None:
        """Also those whose question is on its way when the job ends."""
        self.open_queue()
        self.submitted(delay())
        running = ["running", ["running"], [None]]
        final = ["success", ["success"], [None]]
        asked = [self.wait(1, running)]
        self.clock.advance(10)
        for _ in range(30):  # turns of the reactor around the end
            asked += [self.wait(1, running), self.wait(1, final)]
            self.clock.advance(0)
        self.assertEqual([self.result(a)[0] for a in asked], [final] * 61)
        self.assertIsNone(self.system.find("job/1"))

    def test_ended_jobs_are_read_from_the_ledger_when_forgotten(self) -> None:
        self.open_queue(kind=SmallQueue)
        for _ in range(4):
            self.submitted(delay(0))
            self.turn()
        self.assertEqual(self.result(self.wait(1))[0], ["success", ["success"], [None]])
        self.assertEqual(self.listed(1, 4, 9), {1: "success", 4: "success"})

    def test_a_job_that_never_was(self) -> None:
        self.open_queue()
        answer = self.wait(99)
        self.turn()
        self.failureResultOf(answer, NotFound)

    def test_waiting_with_a_time_limit_leaves_nothing(self) -> None:
        self.open_queue()
        self.submitted(delay(100))
        answer = self.wait(1, ["running", ["running"], [None]], seconds=2)
        self.turn(3)
        self.failureResultOf(answer)
        queue: Any = self.system._cells["queue"]
        self.assertFalse(queue._open)

    def test_long_lists_let_others_work(self) -> None:
        for number in range(1, 101):
            self.ledger.rows["job", str(number)] = left(number, Status.SUCCESS).encode()
        self.open_queue(100, kind=SmallQueue)
        self.assertEqual(len(self.listed()), 100)
        self.assertEqual(self.pauses, 10)


class CrashTests(QueueCase):
    def test_a_crashed_job_is_an_error_and_its_slot_and_locks_are_free(self) -> None:
        self.open_queue(max_running_jobs=1)
        self.submitted(delay())
        self.submitted(delay())
        job = self.system.find("job/1")
        assert job is not None
        listing = self.queue_ref.ask(ListJobs(), 10)
        job.tell(Advance(99, Status.RUNNING))  # a bug
        self.turn()
        self.successResultOf(listing)
        self.assertEqual(self.listed(), {1: "error", 2: "running"})
        self.assertIn("internal error", str(self.ledger.job(1).ops[0].result))
        self.assertNotIn(("live", "1"), self.ledger.rows)
        self.assertEqual({o for owners in self.held().values() for o in owners}, {"job/2/0"})
        self.assertEqual(self.result(self.wait(1))[0][0], "error")

    def crash(self, job_id: int) -> None:
        job = self.system.find(f"job/{job_id}")
        assert job is not None
        job.tell(Advance(99, Status.RUNNING))  # a bug
        self.turn()

    def test_while_the_ledger_refuses_to_tell_it_is_asked_again(self) -> None:
        self.open_queue()
        self.submitted(delay())
        self.submitted(delay(depends=[[1, ["error"]]]))
        self.ledger.error = DriverError("disk full")
        self.crash(1)
        asked = self.wait(1)
        self.turn(20)
        self.assertNoResult(asked)
        self.assertEqual(self.listed(2), {2: "queued"})
        self.ledger.error = None
        self.turn(5)
        self.assertEqual(self.result(asked)[0][0], "error")
        self.assertEqual(self.listed(), {1: "error", 2: "running"})
        self.assertNotIn(("live", "1"), self.ledger.rows)

    def test_one_that_crashes_on_its_way_to_the_ledger(self) -> None:
        self.open_queue()
        self.ledger.held = True
        answer = self.submit(delay())
        self.turn()
        self.crash(1)
        self.failureResultOf(answer, OutcomeUnknown)
        self.ledger.go_on()
        self.turn()
        self.assertEqual(self.listed(), {1: "error"})
        self.assertNotIn(("live", "1"), self.ledger.rows)

    def test_one_whose_end_was_on_its_way_to_the_ledger_has_that_end(self) -> None:
        self.open_queue()
        self.submitted(delay(1))
        self.submitted(delay(depends=[[1, ["success"]]]))
        self.ledger.held = True
        self.turn(1)
        self.crash(1)
        later = self.submit(delay(depends=[[1, ["success"]]]))
        self.ledger.go_on()
        self.assertEqual(self.result(later), 3)
        self.assertEqual(self.listed(), {1: "success", 2: "running", 3: "running"})

    def test_one_that_was_never_stored_is_no_job(self) -> None:
        self.open_queue(41)
        self.ledger.error = OutcomeUnknown("no answer")
        answer = self.submit(delay())
        self.turn()
        self.failureResultOf(answer, OutcomeUnknown)
        self.crash(42)
        asked = self.wait(42)
        self.ledger.error = None
        self.turn(5)
        self.failureResultOf(asked, NotFound)
        self.assertEqual(self.listed(), {})
        self.assertEqual(self.submitted(delay()), 43)


class RecoveryTests(QueueCase):
    Q, R, OK = Status.QUEUED, Status.RUNNING, Status.SUCCESS

    def test_jobs_nobody_began_go_on_in_order(self) -> None:
        self.recover(left(3, self.Q), left(4, self.Q), left(5, self.Q), max_running_jobs=2)
        self.assertEqual(self.listed(), {3: "running", 4: "running", 5: "queued"})
        self.turn(10)
        self.turn(10)
        self.assertEqual(set(self.listed().values()), {"success"})
        self.assertEqual(self.submitted(delay()), 6)

    def test_running_ones_were_interrupted(self) -> None:
        self.recover(left(3, self.OK, self.R, self.Q))
        record = self.ledger.job(3)
        self.assertEqual(self.statuses(record), ["success", "error", "error"])
        self.assertIn("interrupted", str(record.ops[1].result))
        self.assertIn("not begun", str(record.ops[2].result))
        self.assertEqual(record.end_timestamp, (1000, 0))
        self.assertNotIn(("live", "3"), self.ledger.rows)
        self.assertEqual(self.result(self.wait(3))[0][0], "error")

    def test_those_that_waited_for_locks_go_on(self) -> None:
        self.recover(left(3, Status.WAITING, self.Q))
        self.assertEqual(self.listed(), {3: "running"})
        self.assertIsNotNone(self.ledger.job(3).ops[0].start_timestamp)

    def test_between_two_opcodes(self) -> None:
        self.recover(left(3, self.OK, self.Q))
        self.assertEqual(self.statuses(self.ledger.job(3)), ["success", "error"])

    def test_without_its_private_values_a_job_cannot_go_on(self) -> None:
        add = {"OP_ID": "OP_NODE_ADD", "node_name": "n2", "token": "gtw1.secret"}
        self.recover(left(3, self.Q, opcode=add))
        self.assertIn("submit it again", str(self.ledger.job(3).ops[0].result))

    def test_what_this_version_does_not_know_is_an_error_and_the_others_go_on(self) -> None:
        strange = [left(n, self.Q) for n in (3, 4, 5)]
        strange[0].ops[0].input["OP_ID"] = "OP_FROM_ANOTHER_VERSION"
        strange[1].ops[0].input["colour"] = "red"
        self.recover(*strange)
        self.assertEqual(self.listed(), {3: "error", 4: "error", 5: "running"})
        self.assertIn("OP_FROM_ANOTHER_VERSION", str(self.ledger.job(3).ops[0].result))

    def test_interrupted_ones_are_shown_so_and_stored_when_the_ledger_can(self) -> None:
        self.ledger.error = DriverError("disk full")
        self.recover(left(3, self.R))
        self.assertEqual((self.listed(), self.ledger.job(3).status.value), ({3: "error"}, "running"))
        self.assertEqual(self.result(self.wait(3))[0][0], "error")
        self.ledger.error = None
        self.turn(queue_room.PAUSE)
        self.assertEqual(self.ledger.job(3).status.value, "error")
