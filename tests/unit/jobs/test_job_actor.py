"""A job from its start to its end: locks, statuses, what is stored when, what others see."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from ganeti_tw.errors import BadRequest, DriverError, GanetiError, NotFound, OutcomeUnknown, ResolverError
from ganeti_tw.jobs import job as job_room
from ganeti_tw.jobs.job import PAUSE, Hold, Job, Start
from ganeti_tw.jobs.record import JobRecord, OpRecord
from ganeti_tw.model.rows import Put
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.registry import Common, Opportunistic
from ganeti_tw.protocol.jobs import CancelJob
from ganeti_tw.protocol.locks import Acquire, ListLocks
from job_case import FakeQueue, JobCase, step

S, X = 0, 1


class Work:
    """An operation's work, ended by the test."""

    def __init__(self) -> None:
        self.begun = 0
        self.end: Deferred[Any] = Deferred()

    async def __call__(self, context: Context) -> Any:
        self.begun += 1
        context.say("working")
        return await self.end


class LifeTests(JobCase):
    def test_statuses_on_the_way(self) -> None:
        work = Work()
        self.start(step(work), begin=False)
        self.assertEqual(self.shown.status.value, "queued")
        self.job.tell(Start())
        self.turn()
        self.assertEqual((self.statuses(self.shown), self.statuses(self.stored)), (["running"], ["running"]))
        work.end.callback(["n1"])
        self.turn()
        self.assertEqual((self.stored.status.value, self.stored.ops[0].result), ("success", ["n1"]))
        self.assertEqual(self.queue.ended, [7])
        self.assertNotIn(("live", "7"), self.ledger.rows)

    def test_times(self) -> None:
        work = Work()
        self.take(cluster__BGL=X)
        self.start(step(work))
        self.turn(5)
        self.give_back()
        self.turn(5)
        work.end.callback(None)
        self.turn()
        op = self.stored.ops[0]
        self.assertEqual(
            [t and t[0] for t in (op.start_timestamp, op.exec_timestamp, op.end_timestamp)], [1000, 1005, 1010]
        )
        self.assertEqual((self.stored.start_timestamp, self.stored.end_timestamp), ((1000, 0), (1010, 0)))

    def test_work_begins_only_when_running_is_stored(self) -> None:
        work = Work()
        self.ledger.held = True
        self.start(step(work))
        self.assertEqual(
            (work.begun, self.statuses(self.stored), self.statuses(self.shown)), (0, ["queued"], ["waiting"])
        )
        self.ledger.go_on()
        self.turn()
        self.assertEqual((work.begun, self.statuses(self.stored)), (1, ["running"]))

    def test_the_end_is_shown_only_when_it_is_stored(self) -> None:
        work = Work()
        self.start(step(work))
        waiting = self.wait(["running", ["running"], [None]], 1)
        self.ledger.held = True
        work.end.callback(5)
        self.turn()
        self.assertNoResult(waiting)
        late = self.wait(["running", ["running"], [None]], 1)
        self.turn()
        self.assertNoResult(late)
        self.assertEqual((self.statuses(self.shown), self.queue.ended), (["running"], []))
        self.ledger.go_on()
        for waiter in (waiting, late):
            self.assertEqual(self.result(waiter), (["success", ["success"], [5]], []))

    def test_opcodes_one_after_the_other(self) -> None:
        one, two = Work(), Work()
        self.start(step(one), step(two))
        self.assertEqual((one.begun, two.begun, self.statuses(self.shown)), (1, 0, ["running", "queued"]))
        one.end.callback(None)
        self.turn()
        self.assertEqual((two.begun, self.statuses(self.stored)), (1, ["success", "running"]))
        two.end.callback(None)
        self.turn()
        self.assertEqual(self.stored.status.value, "success")

    def test_after_one_that_fails_the_others_fail_in_one_write(self) -> None:
        work = Work()
        self.start(step(), step(work), step(), step())
        before = len(self.ledger.commits)
        work.end.errback(DriverError("broken"))
        self.turn()
        self.assertEqual(len(self.ledger.commits), before + 1)
        self.assertEqual(self.statuses(self.stored), ["success", "error", "error", "error"])
        self.assertEqual({str(op.result) for op in self.stored.ops[1:]}, {"['OpExecError', ['broken']]"})
        self.assertEqual(self.queue.ended, [7])

    def test_a_refusal_is_a_failure_before_the_work(self) -> None:
        work = Work()

        def check(config: Any) -> None:
            raise BadRequest("no")

        self.start(step(work, check=check))
        self.assertEqual((work.begun, self.stored.ops[0].result), (0, ["OpPrereqError", ["no", "wrong_input"]]))
        self.assertIsNone(self.stored.ops[0].exec_timestamp)

    def test_a_refusal_in_the_work_is_one_too(self) -> None:
        work = Work()
        self.start(step(work))
        work.end.errback(ResolverError("no web1"))
        self.turn()
        self.assertEqual(self.stored.ops[0].result, ["OpPrereqError", ["no web1", "resolver_error"]])

    def test_after_a_change_it_is_a_failure_of_the_work(self) -> None:
        async def run(context: Any) -> None:
            context._hands.changed = True
            raise NotFound("no disk")

        self.start(step(run))
        self.assertEqual(self.stored.ops[0].result, ["OpExecError", ["no disk"]])

    def test_locks_that_cannot_be_named(self) -> None:
        def locks(config: Any) -> Any:
            raise NotFound("no web1")

        self.start(step(locks=locks))
        self.assertEqual(self.stored.ops[0].result, ["OpPrereqError", ["no web1", "unknown_entity"]])

    def test_dry_run(self) -> None:
        work = Work()
        self.start(step(work, common=Common(dry_run=True), dry_run_result=lambda config: ["n1"]))
        self.assertEqual((work.begun, self.stored.status.value, self.stored.ops[0].result), (0, "success", ["n1"]))

    def test_a_bug_is_reported_and_the_locks_are_free(self) -> None:
        work = Work()
        self.start(step(work, locks=lambda config: {"instance/a": X}))
        work.end.errback(ZeroDivisionError("oops"))
        self.turn()
        self.assertIn("internal error, please report it: ZeroDivisionError: oops", str(self.stored.ops[0].result))
        self.assertEqual((self.held(), self.queue.ended), ({}, [7]))
        self.assertEqual(len(self.log("critical")), 1)

    def test_lines_are_seen_at_once_and_stored_with_the_end(self) -> None:
        work = Work()
        self.start(step(work))
        _, entries = self.result(self.wait(["running", ["running"], [None]], None))
        self.assertEqual([(e[0], e[2], e[3]) for e in entries], [(1, "message", "working")])
        work.end.callback(None)
        self.turn()
        self.assertEqual([e[3] for e in self.stored.ops[0].log], ["working"])


class UndoTests(JobCase):
    def undoing(self, work: Work, error: Exception | None = None) -> Any:
        self.undone: list[str] = []

        async def run(context: Context) -> None:
            for name in ("a", "b"):

                async def back(name: str = name) -> None:
                    self.undone.append(name)

                context.undo(name, back)
            await work(context)

        return run

    def test_done_in_reverse_order_before_the_locks_are_free(self) -> None:
        work = Work()
        self.start(step(self.undoing(work), locks=lambda config: {"instance/a": X}))
        work.end.errback(DriverError("x"))
        self.turn()
        self.assertEqual((self.undone, self.held()), (["b", "a"], {}))
        self.assertEqual([e[3] for e in self.stored.ops[0].log][1:], [" - INFO: undoing: b", " - INFO: undoing: a"])

    def test_not_after_success_nor_at_the_end_of_the_process(self) -> None:
        work = Work()
        self.start(step(self.undoing(work)))
        self.job.stop()
        self.turn()
        self.assertEqual((self.undone, self.statuses(self.stored)), ([], ["running"]))


class LockTests(JobCase):
    def test_the_big_lock_is_shared_or_not(self) -> None:
        for big, mode in ((False, "SHARED"), (True, "EXCLUSIVE")):
            work = Work()
            self.start(step(work, big_lock=big, locks=lambda config: {"instance/a": X}))
            self.assertEqual(sorted(self.held()), ["cluster/BGL", "instance/a"])
            locks = {lock.name: lock.mode.name for lock in self.result(self.locks.ask(ListLocks(), 1))}
            self.assertEqual(locks["cluster/BGL"], mode)
            work.end.callback(None)
            self.turn()
            for path in ("job/7", "queue"):
                ref = self.system.find(path)
                assert ref is not None
                ref.stop()
            self.turn()

    def test_waits_for_all(self) -> None:
        work = Work()
        self.take(instance__a=X)
        self.start(step(work, locks=lambda config: {"instance/a": X, "node/b": S}))
        self.assertEqual((work.begun, self.statuses(self.shown), "node/b" in self.held()), (0, ["waiting"], False))
        self.give_back()
        self.assertEqual(work.begun, 1)

    def test_free_after_every_end(self) -> None:
        wanted = {"locks": lambda config: {"instance/a": X}}

        def no(config: Any) -> None:
            raise BadRequest("no")

        async def broken(context: Context) -> None:
            raise DriverError("x")

        for parts in ({}, {"check": no}, {"run": broken}, {"common": Common(dry_run=True)}):
            self.start(step(**{**wanted, **parts}))
            self.assertEqual(self.held(), {}, parts)
            self.assertTrue(self.stored.status.final)
            for path in ("job/7", "queue"):
                ref = self.system.find(path)
                assert ref is not None
                ref.stop()
            self.turn()

    def test_looked_up_again_once_held(self) -> None:
        work = Work()
        self.take(instance__a=X)
        self.start(step(work, locks=lambda config: {f"instance/{config.cluster.default_iallocator}": X}))
        self.assertEqual((work.begun, "instance/hail" in self.held()), (1, True))  # the name is not "a"
        work.end.callback(None)

    def test_starts_over_when_they_changed_while_it_waited(self) -> None:
        work, named = Work(), ["a"]
        self.take(instance__a=X)
        self.start(step(work, locks=lambda config: {f"instance/{named[0]}": X}))
        named[0] = "b"
        self.give_back()
        self.assertEqual((work.begun, sorted(self.held())), (1, ["cluster/BGL", "instance/b"]))

    def test_gives_up_when_they_change_each_time(self) -> None:
        numbers = iter(range(1000))
        self.start(step(locks=lambda config: {f"instance/a{next(numbers)}": X}))
        self.assertIn("again and again", str(self.stored.ops[0].result))
        self.assertEqual(self.held(), {})

    def test_what_is_free_of_some(self) -> None:
        got: list[str] = []

        async def run(context: Context) -> None:
            got.extend(sorted(context.locks))

        one = step(run)
        one.op.opportunistic = lambda config: Opportunistic(({"node/a": X}, {"node/b": X}))  # type: ignore[attr-defined]
        self.take(node__a=X)
        self.start(one)
        self.assertEqual((got, self.statuses(self.stored)), (["cluster/BGL", "node/b"], ["success"]))

    def test_no_lock_manager_to_give_them_back_to(self) -> None:
        work = Work()
        self.start(step(work))
        self.locks.stop()
        work.end.callback(3)
        self.turn()
        self.assertEqual((self.stored.status.value, self.stored.ops[0].result), ("success", 3))

    def test_those_of_a_job_that_is_stopped_are_free(self) -> None:
        self.start(step(Work(), locks=lambda config: {"instance/a": X}))
        self.job.stop()
        self.turn()
        self.assertEqual(self.held(), {})


class CancelTests(JobCase):
    def cancel(self) -> tuple[bool, str]:
        done: tuple[bool, str] = self.result(self.job.ask(CancelJob(7), 1))
        return done

    def test_before_it_starts(self) -> None:
        work = Work()
        self.start(step(work), begin=False)
        self.assertEqual(self.cancel(), (True, "Job 7 canceled"))
        self.assertEqual((self.statuses(self.stored), self.queue.ended), (["canceled"], [7]))
        self.job.tell(Start())
        self.turn()
        self.assertEqual(work.begun, 0)

    def test_while_it_waits_for_locks(self) -> None:
        work = Work()
        self.take(instance__a=X)
        self.start(step(work, locks=lambda config: {"instance/a": X}), step())
        self.assertTrue(self.cancel()[0])
        self.assertEqual((self.statuses(self.stored), self.queue.ended), (["canceled", "canceled"], [7]))
        self.give_back()
        self.assertEqual((work.begun, self.held()), (0, {}))

    def test_twice_at_once(self) -> None:
        self.take(instance__a=X)
        self.start(step(locks=lambda config: {"instance/a": X}))
        answers = [self.job.ask(CancelJob(7), 1) for _ in range(3)]
        self.assertEqual([self.result(a)[0] for a in answers], [True, True, True])
        self.assertEqual(self.statuses(self.stored), ["canceled"])

    def test_not_when_it_has_ended(self) -> None:
        self.start(step())
        self.assertEqual(self.cancel(), (False, "Job 7 is success and cannot be canceled any more"))
        self.assertEqual(self.stored.status.value, "success")

    def test_while_running_is_being_stored(self) -> None:
        work = Work()
        self.ledger.held = True
        self.start(step(work))
        self.assertTrue(self.cancel()[0])
        self.assertEqual(self.statuses(self.shown), ["waiting"])
        self.ledger.go_on()
        self.turn()
        self.assertEqual((work.begun, self.statuses(self.stored)), (0, ["canceled"]))

    def test_between_two_opcodes(self) -> None:
        one, two = Work(), Work()
        self.start(step(one), step(two), step())
        for _ in range(2):
            self.assertTrue(self.cancel()[0])
        self.assertEqual(self.statuses(self.shown), ["canceling", "queued", "queued"])
        self.assertEqual(self.shown.status.value, "canceling")
        one.end.callback("done")
        self.turn()
        self.assertEqual((two.begun, self.statuses(self.stored)), (0, ["success", "canceled", "canceled"]))
        self.assertEqual((self.stored.ops[0].result, self.held(), self.queue.ended), ("done", {}, [7]))

    def test_one_that_was_at_its_end_has_succeeded(self) -> None:
        work = Work()
        self.start(step(work))
        self.cancel()
        work.end.callback(None)
        self.turn()
        self.assertEqual((self.statuses(self.stored), self.queue.ended), (["success"], [7]))


class StepTests(JobCase):
    """Cancelled between the steps of an operation."""

    def setUp(self) -> None:
        super().setUp()
        self.done: list[str] = []
        self.replies: list[Deferred[Any]] = []

    def hands(self, work: Any) -> Any:
        """Work with a context whose questions and changes are answered by the test."""

        async def run(context: Any) -> Any:
            def edit(change: Any) -> Deferred[Any]:
                self.done.append("edit")
                self.replies.append(Deferred())
                return self.replies[-1]

            context._hands.edit = edit
            return await work(context)

        return step(run)

    def undo(self, context: Context, name: str) -> None:
        async def back() -> None:
            await context.sleep(3)
            self.done.append(f"undo {name}")

        context.undo(name, back)

    def answer(self) -> None:
        self.replies.pop(0).callback(None)
        self.turn()

    def cancel(self) -> None:
        self.assertTrue(self.result(self.job.ask(CancelJob(7), 1))[0])

    def test_what_was_done_is_taken_back_newest_first(self) -> None:
        async def work(context: Any) -> None:
            for name in ("a", "b", "c"):
                self.undo(context, name)
                await context.edit(lambda config: config)

        self.start(self.hands(work), step())
        self.answer()
        self.cancel()
        self.assertEqual(self.done, ["edit", "edit"])  # never in the middle of one
        self.answer()
        self.turn(3)
        self.turn(3)
        self.turn(3)
        self.assertEqual(self.done, ["edit", "edit", "undo c", "undo b", "undo a"])
        self.assertEqual((self.statuses(self.stored), self.held()), (["canceled", "canceled"], {}))

    def test_not_when_it_is_too_far(self) -> None:
        async def forgets(context: Any) -> None:
            await context.edit(lambda config: config)
            await context.edit(lambda config: config)
            await context.sleep(5)

        async def keeps(context: Any) -> None:
            self.undo(context, "a")
            context.keep()
            await forgets(context)

        for work in (forgets, keeps):
            self.start(self.hands(work))
            self.cancel() if work is keeps else None
            self.answer()
            self.cancel()
            self.answer()
            self.turn(4)
            self.assertEqual(self.shown.status.value, "canceling")
            self.turn(1)
            self.assertEqual((self.done, self.statuses(self.stored)), (["edit", "edit"], ["success"]))
            self.done.clear()
            for path in ("job/7", "queue"):
                ref = self.system.find(path)
                assert ref is not None
                ref.stop()
            self.turn()

    def test_a_sleep_ends_at_once(self) -> None:
        async def work(context: Context) -> None:
            await context.sleep(1000)

        self.start(step(work))
        self.cancel()
        self.turn()
        self.assertEqual(self.statuses(self.stored), ["canceled"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_an_operation_that_answers_errors_does_not_answer_this(self) -> None:
        async def work(context: Context) -> str:
            try:
                await context.sleep(1)
            except GanetiError:
                return "fooled"
            return "too late"

        self.start(step(work))
        self.cancel()
        self.turn()
        self.assertEqual(self.stored.ops[0].result, "Job canceled by request")

    def test_killed_after_all(self) -> None:
        work = Work()
        self.start(step(work))
        self.cancel()
        self.assertIn("killed", self.result(self.job.ask(CancelJob(7, True), 1))[1])
        self.turn()
        self.assertEqual(self.statuses(self.stored), ["error"])


class UrgencyTests(JobCase):
    def pending(self) -> list[str]:
        locks = self.result(self.locks.ask(ListLocks(), 1))
        return [owner for lock in locks if lock.name == "instance/a" for _, owner in lock.pending]

    def test_who_waits_for_long_is_more_urgent(self) -> None:
        work = Work()
        self.take(instance__a=X)
        self.start(step(work, locks=lambda config: {"instance/a": X}))
        self.turn(job_room.URGENCY - 1)
        self.locks.ask(Acquire("late", {"instance/a": X}, self.locks, -1), 3 * job_room.URGENCY)
        self.assertEqual((self.shown.priority, self.pending()), (0, ["late", "job/7/0"]))
        self.turn(1)
        self.assertEqual((self.shown.priority, self.pending()), (-1, ["job/7/0", "late"]))
        self.turn(job_room.URGENCY)
        self.assertEqual((self.shown.priority, self.pending()), (-2, ["job/7/0", "late"]))
        self.give_back()
        self.assertEqual((work.begun, self.stored.ops[0].priority), (1, -2))
        self.turn(3 * job_room.URGENCY)
        self.assertEqual(self.shown.priority, -2)
        work.end.callback(None)

    def test_not_beyond_the_most_urgent(self) -> None:
        self.take(instance__a=X)
        self.start(step(locks=lambda config: {"instance/a": X}))
        for _ in range(25):
            self.turn(job_room.URGENCY)
        self.assertEqual(self.shown.priority, -20)
        self.job.stop()


class DoubtTests(JobCase):
    """Nobody can say whether a new job was stored."""

    def new(self, *steps: Any, begin: bool) -> None:
        self.queue = FakeQueue()
        queue = self.system.spawn("queue", lambda: self.queue)
        record = JobRecord(7, [OpRecord({"OP_ID": "OP_TEST"}) for _ in steps], (1000, 0))
        admission = lambda: (Put("queue", "serial", b"7"),)  # noqa: E731
        self.job = self.system.spawn("job/7", lambda: Job(record, list(steps), self.places, queue, admission))
        self.job.tell(Start() if begin else Hold())
        self.turn()

    def test_it_is_stored_until_it_is_certain_and_then_runs(self) -> None:
        for begin in (True, False):
            work = Work()
            self.ledger.error = OutcomeUnknown("no answer")
            self.new(step(work, locks=lambda config: {"instance/a": X}), begin=begin)
            self.assertEqual((self.queue.doubtful, self.queue.accepted, work.begun), ([7], [], 0))
            self.assertEqual((self.shown.status.value, self.held()), ("queued", {}))
            self.turn(3 * PAUSE)
            self.ledger.error = DriverError("disk full")
            self.turn(PAUSE)
            self.assertEqual((self.queue.doubtful, self.queue.accepted, work.begun), ([7], [], 0))
            self.job.tell(Start())
            self.turn()
            self.ledger.error = None
            self.turn(PAUSE)
            self.assertEqual((self.queue.accepted, work.begun), ([7], 1))
            self.assertEqual(self.ledger.rows["live", "7"], b"true")
            work.end.callback(None)
            self.turn()
            self.assertEqual((self.statuses(self.stored), self.queue.ended), (["success"], [7]))
            self.assertNotIn(("live", "7"), self.ledger.rows)
            for path in ("job/7", "queue"):
                ref = self.system.find(path)
                assert ref is not None
                ref.stop()
            self.turn()

    def test_it_can_be_cancelled(self) -> None:
        work = Work()
        self.ledger.error = OutcomeUnknown("no answer")
        self.new(step(work), begin=True)
        self.ledger.rows["live", "7"] = b"true"  # it had been stored
        self.ledger.error = None
        self.assertTrue(self.result(self.job.ask(CancelJob(7), 1))[0])
        self.turn(2 * PAUSE)
        self.assertEqual((self.statuses(self.stored), self.queue.ended, work.begun), (["canceled"], [7], 0))
        self.assertNotIn(("live", "7"), self.ledger.rows)

    def test_a_refusal_is_no_doubt(self) -> None:
        self.ledger.error = DriverError("disk full")
        self.new(step(), begin=False)
        self.assertEqual((self.queue.doubtful, self.queue.accepted), ([], [7]))
        self.turn(3 * PAUSE)
        self.assertEqual(self.ledger.commits, [])


class WaiterTests(JobCase):
    def test_told_at_once_when_it_differs(self) -> None:
        self.start(step(), begin=False)
        self.assertEqual(self.result(self.wait()), (["queued", ["queued"], [None]], []))

    def test_an_ended_job_answers_at_once(self) -> None:
        self.start(step())
        final = ["success", ["success"], [None]]
        self.assertEqual(self.result(self.wait(final)), (final, []))


class FaultyLedgerTests(JobCase):
    def test_running_that_cannot_be_stored_means_no_work(self) -> None:
        work = Work()
        self.ledger.error = DriverError("disk full")
        self.start(step(work))
        self.assertEqual((work.begun, self.queue.ended, self.held()), (0, [], {}))
        self.ledger.error = None
        self.turn(PAUSE)
        self.assertIn("disk full", str(self.stored.ops[0].result))
        self.assertEqual((self.statuses(self.stored), self.queue.ended), (["error"], [7]))

    def test_a_success_that_cannot_be_stored_is_stored_later(self) -> None:
        work = Work()
        self.start(step(work))
        self.ledger.error = DriverError("disk full")
        work.end.callback("done")
        self.turn(3 * PAUSE)
        self.assertEqual((self.statuses(self.shown), self.queue.ended), (["running"], []))
        self.assertEqual(len(self.log("error")), 0)  # the job's own log, told once
        self.ledger.error = None
        self.turn(PAUSE)
        self.assertEqual(
            (self.stored.ops[0].result, self.stored.status.value, self.queue.ended), ("done", "success", [7])
        )

    def test_a_cancellation_that_cannot_be_stored_is_stored_later(self) -> None:
        self.start(step(), begin=False)
        self.ledger.error = DriverError("disk full")
        self.result(self.job.ask(CancelJob(7), 1))
        self.assertEqual(self.queue.ended, [])
        self.ledger.error = None
        self.turn(PAUSE)
        self.assertEqual((self.statuses(self.stored), self.queue.ended), (["canceled"], [7]))
