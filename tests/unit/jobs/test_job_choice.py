"""What an operation leaves open is chosen while it holds all the locks it may need, and then only some of them."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from ganeti_tw.errors import BadRequest, GanetiError, NoRoom, TryLater
from ganeti_tw.jobs.perform import CHOICE_PAUSE, TRIES
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.registry import Common
from ganeti_tw.protocol.jobs import CancelJob
from job_case import JobCase, Op, step

S, X = 0, 1
ALL = {"node/a": X, "node/b": X, "nodegroup/g": S}


class ChoiceTests(JobCase):
    def setUp(self) -> None:
        super().setUp()
        self.end: Deferred[Any] = Deferred()
        self.made = 0
        self.seen: dict[str, tuple[str, ...]] = {}

    async def choose(self, context: Context) -> Any:
        self.made += 1
        self.seen = dict.fromkeys(context.locks)
        return await self.end

    def begin(self, **common: Any) -> None:
        self.start(step(locks=lambda config: ALL, choose=self.choose, common=Common(**common)))

    def chosen(self, **parts: Any) -> Op:
        async def run(context: Context) -> Any:
            return sorted(context.locks)

        return Op(run, **{"locks": lambda config: {"node/b": X}, **parts})

    def error(self) -> Any:
        return self.stored.ops[0].result[1][0]

    def test_it_has_all_its_locks_while_it_chooses_and_has_not_begun(self) -> None:
        self.begin()
        self.assertEqual((set(self.held()), set(self.seen)), ({"cluster/BGL", *ALL}, {"cluster/BGL", *ALL}))
        self.assertEqual(self.statuses(self.shown), ["waiting"])

    def test_what_it_chose_is_done_with_the_locks_of_that(self) -> None:
        self.begin()
        self.end.callback(self.chosen())
        self.turn()
        self.assertEqual(self.stored.ops[0].result, ["cluster/BGL", "node/b"])
        self.assertEqual(self.held(), {})

    def test_others_get_the_rest_at_once(self) -> None:
        self.begin()
        work: Deferred[Any] = Deferred()

        async def run(context: Context) -> Any:
            return await work

        self.end.callback(Op(run, locks=lambda config: {"node/b": X}))
        self.turn()
        self.take(node__a=X)
        work.callback(None)
        self.turn()
        self.assertEqual(self.statuses(self.stored), ["success"])
        self.give_back()

    def test_what_it_chose_is_checked(self) -> None:
        def check(config: Any) -> None:
            raise BadRequest("not this one")

        self.begin()
        self.end.callback(self.chosen(check=check))
        self.turn()
        self.assertEqual((self.statuses(self.stored), self.error()), (["error"], "not this one"))
        self.assertEqual(self.held(), {})

    def test_what_it_has_no_locks_for_is_not_done(self) -> None:
        self.begin()
        self.end.callback(self.chosen(locks=lambda config: {"node/c": S}))
        self.turn()
        self.assertEqual(self.statuses(self.stored), ["error"])
        self.assertIn("not held", self.error())

    def test_nor_what_needs_a_stronger_lock(self) -> None:
        self.begin()
        self.end.callback(self.chosen(locks=lambda config: {"nodegroup/g": X}))
        self.turn()
        self.assertIn("not held", self.error())

    def test_a_dry_run_chooses(self) -> None:
        self.begin(dry_run=True)
        self.end.callback(self.chosen(dry_run_result=lambda config: ["b"]))
        self.turn()
        self.assertEqual((self.stored.ops[0].result, self.held()), (["b"], {}))

    def test_no_choice_is_a_prerequisite_that_fails(self) -> None:
        self.begin()
        self.end.errback(NoRoom("nowhere"))
        self.turn()
        self.assertEqual(self.stored.ops[0].result, ["OpPrereqError", ["nowhere", "insufficient_resources"]])

    def test_cancelling_ends_the_choice(self) -> None:
        ended: list[Any] = []
        self.end = Deferred(ended.append)
        self.begin()
        self.assertTrue(self.result(self.job.ask(CancelJob(7), 1))[0])
        self.turn()
        self.assertEqual((len(ended), self.statuses(self.stored), self.held()), (1, ["canceled"], {}))


class LaterTests(JobCase):
    def begin(self, *outcomes: Any) -> None:
        left = list(outcomes)
        self.tries = 0

        async def choose(context: Context) -> Any:
            self.tries += 1
            outcome = left.pop(0)
            if isinstance(outcome, GanetiError):
                raise outcome
            return outcome

        self.start(step(locks=lambda config: ALL, choose=choose))

    def test_it_tries_again_and_holds_nothing_meanwhile(self) -> None:
        self.begin(TryLater("all are busy"), Op(locks=lambda config: {}))
        self.assertEqual((self.tries, self.held(), self.statuses(self.shown)), (1, {}, ["waiting"]))
        self.assertIn("all are busy", self.shown.ops[0].log[0][3])
        self.turn(CHOICE_PAUSE)
        self.assertEqual((self.tries, self.statuses(self.stored)), (2, ["success"]))

    def test_it_can_be_cancelled_meanwhile(self) -> None:
        self.begin(TryLater("all are busy"))
        self.result(self.job.ask(CancelJob(7), 1))
        self.turn()
        self.assertEqual(self.statuses(self.stored), ["canceled"])

    def test_not_for_ever(self) -> None:
        self.begin(*[TryLater("all are busy")] * TRIES)
        for _ in range(TRIES):
            self.turn(CHOICE_PAUSE)
        self.assertEqual((self.tries, self.statuses(self.stored)), (TRIES, ["error"]))
        self.assertEqual(self.stored.ops[0].result[1], ["all are busy", "temp_insufficient_resources"])
