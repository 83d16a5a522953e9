"""Messages, answers and their order."""

from __future__ import annotations

import gc

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import LogLevel, capturedLogs

from ganeti_tw.errors import ActorStopped, BadRequest, Exists, Expired, NotFound, WrongWay
from ganeti_tw.kernel import Actor, Outcome, Rank, Ref, current_actor, receive
from kernel_case import Foreseen, KernelCase, Note, Notebook, Notes


class TellTests(KernelCase):
    def test_nothing_is_handled_in_the_senders_turn(self):
        book = []
        self.system.spawn("a", lambda: Notebook(book)).tell(Note("x"))
        self.assertEqual(book, [])
        self.turn()
        self.assertEqual(book, ["x"])

    def test_messages_of_one_sender_keep_their_order(self):
        book = []
        ref = self.system.spawn("a", lambda: Notebook(book))
        expected = [str(i) for i in range(500)]
        for text in expected:
            ref.tell(Note(text))
        self.turn()
        self.assertEqual(book, expected)

    def test_actors_take_turns(self):
        book = []
        one, two = (self.system.spawn(p, lambda: Notebook(book)) for p in ("one", "two"))
        for _ in range(200):
            one.tell(Note("one"))
        two.tell(Note("two"))
        self.turn()
        self.assertLess(book.index("two"), 100)

    def test_a_turn_ends_with_its_budget(self):
        book = []
        clock = self.clock

        class Slow(Actor):
            @receive(Note)
            def note(self, m):
                clock.rightNow += 0.006
                book.append(m)

        ref = self.system.spawn("a", Slow)
        for _ in range(5):
            ref.tell(Note("x"))
        self.clock.calls.pop(0).func()
        self.assertEqual(len(book), 2)
        self.turn()
        self.assertEqual(len(book), 5)

    def test_foreseen_error_of_a_tell_is_logged_with_path_and_message(self):
        ref = self.system.spawn("a", Notebook)
        ref.tell(Foreseen(NotFound("no such thing")))
        self.turn()
        self.assertEqual(self.log("warn"), ["a could not do Foreseen: no such thing"])
        self.assertEqual(self.state("a").failed, 1)

    def test_unknown_message_is_no_crash(self):
        ref = self.system.spawn("a", Notebook)
        answer = ref.ask(object(), 5)
        self.turn()
        self.assertEqual(str(self.failure(answer, BadRequest)), "a does not understand object")
        self.assertEqual(self.state("a").restarts, 0)
        self.assertIsNotNone(self.system.find("a"))

    def test_a_taken_path_is_refused(self):
        self.system.spawn("a", Notebook)
        self.assertRaises(Exists, self.system.spawn, "a", Notebook)

    def test_an_actor_that_cannot_be_built_leaves_nothing(self):
        self.assertRaises(ZeroDivisionError, self.system.spawn, "a", lambda: 1 / 0)
        self.assertIsNone(self.system.find("a"))

    def test_log_knows_whose_code_runs_even_in_coroutines(self):
        seen = []
        gate = Deferred()

        class Looking(Actor):
            @receive(Note)
            async def note(self, m):
                seen.append(current_actor.get())
                await gate
                seen.append(current_actor.get())

        self.system.spawn("a", Looking).tell(Note("x"))
        self.turn()
        gate.callback(None)
        self.assertEqual(seen, ["a", "a"])
        self.assertEqual(current_actor.get(), "")


class AskTests(KernelCase):
    def test_answer_is_what_the_handler_returns(self):
        ref = self.system.spawn("a", Notebook)
        answers = [ref.ask(Note("x"), 5), ref.ask(Note("y"), 5), ref.ask(Notes(), 5)]
        self.turn()
        self.assertEqual([self.successResultOf(d) for d in answers], [1, 2, ["x", "y"]])

    def test_foreseen_error_is_an_answer_and_the_actor_lives_on(self):
        ref = self.system.spawn("a", Notebook)
        answer = ref.ask(Foreseen(NotFound("none")), 5)
        self.turn()
        self.assertEqual(str(self.failure(answer, NotFound)), "none")
        self.assertEqual(self.events, [])
        later = ref.ask(Note("x"), 5)
        self.turn()
        self.assertEqual(self.successResultOf(later), 1)

    def test_an_outcome_as_answer_stands_for_what_it_holds(self):
        class Teller(Actor):
            @receive(Outcome)
            def outcome(self, m):
                return m

        ref = self.system.spawn("a", Teller)
        good = ref.ask(Outcome(5), 5)
        bad = ref.ask(Outcome(failure=self._failure(NotFound("none"))), 5)
        self.turn()
        self.assertEqual(self.successResultOf(good), 5)
        self.failure(bad, NotFound)

    def _failure(self, error):
        d = Deferred()
        d.errback(error)
        return self.failureResultOf(d)

    def test_many_round_trips_need_one_turn(self):
        ref = self.system.spawn("a", Notebook)

        async def run():
            for _ in range(300):
                await ref.ask(Note("x"), 5)

        done = Deferred.fromCoroutine(run())
        self.turn()
        self.successResultOf(done)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_foreseen_error_nobody_waits_for_is_no_unhandled_error(self):
        with capturedLogs() as events:
            ref = self.system.spawn("a", Notebook)
            ref.ask(Foreseen(NotFound("none")), 5)
            ref.ask(Note("x"), 0)
            ref.ask(Note("x"), 5).cancel()
            self.turn()
            gc.collect()
        self.assertEqual({e["log_level"] for e in events}, {LogLevel.debug})

    def test_a_bug_in_a_callback_of_the_asker_is_an_unhandled_error(self):
        ref = self.system.spawn("a", Notebook)
        ref.ask(Foreseen(NotFound("none")), 5).addErrback(lambda f: 1 / 0)
        self.turn()
        gc.collect()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_an_error_that_came_before_anyone_awaited_is_not_swallowed(self):
        ref = self.system.spawn("a", Notebook)
        answer = ref.ask(Foreseen(NotFound("none")), 5)
        self.turn()

        async def wait():
            return await answer

        self.failure(Deferred.fromCoroutine(wait()), NotFound)


class DeadlineTests(KernelCase):
    def holding(self, book):
        gate = Deferred()

        class Holding(Notebook):
            @receive(str)
            async def hold(self, m):
                await gate

        ref = self.system.spawn("a", lambda: Holding(book))
        ref.tell("hold")
        self.turn()
        return ref, gate

    def test_expired_at_the_deadline_not_before(self):
        ref, _gate = self.holding([])
        self.turn(0.1)
        answer = ref.ask(Note("x"), 0.7)
        self.turn(0.6)
        self.assertNoResult(answer)
        self.turn(0.1)
        self.assertEqual(str(self.failure(answer, Expired)), "a was asked to note and did not answer within 0.7 s")

    def test_an_ask_past_its_deadline_is_never_handled(self):
        book = []
        ref, gate = self.holding(book)
        answer = ref.ask(Note("late"), 1)
        self.turn(2)
        self.failure(answer, Expired)
        self.assertEqual(self.state("a").depth, 0)
        gate.callback(None)
        self.turn()
        self.assertEqual(book, [])
        self.assertEqual(self.state("a").depth, 0)

    def test_an_ask_whose_deadline_passed_before_the_turn_is_not_handled(self):
        book = []
        answer = self.system.spawn("a", lambda: Notebook(book)).ask(Note("x"), 1)
        self.turn(2)
        self.failure(answer, Expired)
        self.assertEqual(book, [])

    def test_late_answers_are_dropped(self):
        late = Deferred()

        class Later(Actor):
            @receive(Note)
            def note(self, m):
                return late

        answer = self.system.spawn("b", Later).ask(Note("x"), 1)
        self.turn()
        self.turn(1)
        self.failure(answer, Expired)
        late.callback("too late")
        self.assertEqual(self.state("b").handled, 1)

    def test_a_settled_ask_leaves_no_timer(self):
        ref = self.system.spawn("a", Notebook)
        answer = ref.ask(Note("x"), 60)
        self.assertEqual(len(self.clock.getDelayedCalls()), 2)
        self.turn()
        self.successResultOf(answer)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_all_asks_share_one_timer(self):
        ref, gate = self.holding([])
        answers = [ref.ask(Note("x"), 1 + i % 7) for i in range(100)]
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.turn(1)
        self.assertEqual(sum(a.called for a in answers), 15)
        for second in range(2, 8):
            self.turn(1)
            self.assertEqual(sum(a.called for a in answers), sum(1 for i in range(100) if i % 7 < second))
        for answer in answers:
            self.failure(answer, Expired)
        gate.callback(None)

    def test_a_cancelled_ask_that_waits_is_withdrawn(self):
        book = []
        ref, gate = self.holding(book)
        answer = ref.ask(Note("x"), 9)
        answer.cancel()
        self.failure(answer, CancelledError)
        gate.callback(None)
        self.turn()
        self.assertEqual(book, [])

    def test_settled_asks_are_swept_from_the_heap(self):
        ref, gate = self.holding([])
        for _ in range(1000):
            ref.ask(Note("x"), 9).cancel()
        self.assertLess(len(self.system.deadlines._heap), 200)
        gate.callback(None)


class RankTests(KernelCase):
    def ask(self, upper, lower):
        class Lower(Notebook):
            rank = lower

        below = self.system.spawn("lower", Lower)

        class Upper(Actor):
            rank = upper

            @receive(Note)
            def note(self, m):
                return self.ask(below, m, 5)

        answer = self.system.spawn("upper", Upper).ask(Note("x"), 5)
        self.turn()
        return answer

    def test_the_higher_may_ask_the_lower(self):
        self.assertEqual(self.successResultOf(self.ask(Rank.JOB, Rank.LOCKS)), 1)

    def test_peers_may_not_ask_each_other(self):
        error = self.failure(self.ask(Rank.JOB, Rank.JOB), WrongWay)
        self.assertEqual(str(error), "upper (rank 40) may not ask lower (rank 40); tell it instead")

    def test_the_lower_may_not_ask_the_higher(self):
        self.failure(self.ask(Rank.NODE, Rank.QUEUE), WrongWay)

    def test_those_outside_ask_anyone(self):
        self.assertIsInstance(self.system.spawn("q", Notebook), Ref)
        answer = self.system.find("q").ask(Note("x"), 5)
        self.turn()
        self.assertEqual(self.successResultOf(answer), 1)


class HandlerTableTests(KernelCase):
    def test_a_subclass_overrides_by_name(self):
        class Loud(Notebook):
            def note(self, m):
                return m.text.upper()

        answer = self.system.spawn("a", Loud).ask(Note("x"), 5)
        self.turn()
        self.assertEqual(self.successResultOf(answer), "X")

    def test_two_handlers_of_one_message_are_refused(self):
        with self.assertRaises(TypeError):

            class Twice(Actor):
                @receive(Note)
                def one(self, m): ...

                @receive(Note)
                def two(self, m): ...

    def test_one_handler_may_take_several_messages(self):
        class Both(Actor):
            @receive(Note, Notes)
            def both(self, m):
                return type(m).__name__

        ref = self.system.spawn("a", Both)
        answers = [ref.ask(Note("x"), 5), ref.ask(Notes(), 5)]
        self.turn()
        self.assertEqual([self.successResultOf(a) for a in answers], ["Note", "Notes"])

    def test_ask_to_a_stopped_actor_fails_and_does_not_raise(self):
        ref = self.system.spawn("a", Notebook)
        ref.stop()
        self.failure(ref.ask(Note("x"), 5), ActorStopped)
        self.assertRaises(ActorStopped, ref.tell, Note("x"))
