"""Bugs: what is answered, what is restarted, what ends."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred

from ganeti_tw.errors import ActorCrashed, ActorStopped, NotFound
from ganeti_tw.kernel import Actor, Gone, receive
from kernel_case import Crash, KernelCase, Note, Notebook, Notes


class Sturdy(Notebook):
    restarts = 3


class CrashTests(KernelCase):
    def test_the_asker_is_told_and_the_log_has_it_once(self):
        ref = self.system.spawn("a", Notebook)
        answer = ref.ask(Crash("oops"), 5)
        self.turn()
        error = self.failure(answer, ActorCrashed)
        self.assertEqual(str(error), "a crashed on Crash: ZeroDivisionError: oops (a bug, please report it)")
        self.assertEqual(self.log(), ["a crashed on Crash"])
        self.assertEqual(self.log("critical"), ["a crashed on Crash"])
        self.assertIn("in crash", self.events[0]["log_failure"].getTraceback())

    def test_queued_messages_survive_a_restart(self):
        book = []
        ref = self.system.spawn("a", lambda: Sturdy(book))
        ref.tell(Note("before"))
        ref.tell(Crash())
        ref.tell(Note("after"))
        answer = ref.ask(Notes(), 5)
        self.turn()
        self.assertEqual(self.successResultOf(answer), ["before", "after"])
        self.assertEqual(self.state("a").restarts, 1)

    def test_the_message_that_crashed_is_never_handled_again(self):
        tries = []

        class Poisoned(Actor):
            restarts = 3

            @receive(Crash)
            def crash(self, m):
                tries.append(m)
                raise ZeroDivisionError

        ref = self.system.spawn("a", Poisoned)
        ref.tell(Crash())
        self.turn()
        self.turn(100)
        self.assertEqual(len(tries), 1)
        self.assertEqual(self.state("a").phase, "running")

    def test_queued_asks_get_actor_stopped_at_the_end(self):
        ref = self.system.spawn("a", Notebook)
        crash, queued = ref.ask(Crash(), 5), ref.ask(Note("x"), 5)
        self.turn()
        self.failure(crash, ActorCrashed)
        self.failure(queued, ActorStopped)

    def test_make_builds_each_incarnation(self):
        made = []

        def make():
            made.append(Sturdy())
            return made[-1]

        ref = self.system.spawn("a", make)
        ref.tell(Note("x"))
        ref.tell(Crash())
        answer = ref.ask(Notes(), 5)
        self.turn()
        self.assertEqual(self.successResultOf(answer), [])
        self.assertEqual(len(made), 2)
        self.assertIs(made[1].me, ref)

    def test_budget_is_counted_per_minute(self):
        ref = self.system.spawn("a", Sturdy)
        for _ in range(10):
            ref.tell(Crash())
            self.turn()
            self.turn(20.1)
        self.assertEqual(self.state("a").restarts, 10)

    def test_beyond_the_budget_the_watcher_is_told_why(self):
        news = []
        watcher = self.system.spawn("w", lambda: Notebook(news))
        ref = self.system.spawn("a", Sturdy)
        ref.watch(watcher)
        for _ in range(4):
            ref.tell(Crash())
        self.turn()
        self.assertEqual([(type(n), n.path) for n in news], [(Gone, "a")])
        self.assertIsInstance(news[0].failure.value, ZeroDivisionError)
        self.assertIsNone(self.system.find("a"))

    def test_open_answers_of_a_crashed_actor(self):
        class Opening(Sturdy):
            @receive(str)
            def open(self, m):
                return Deferred()

        ref = self.system.spawn("a", Opening)
        answers = [ref.ask("one", 50), ref.ask("two", 50)]
        self.turn()
        ref.tell(Crash())
        self.turn()
        for answer in answers:
            self.failure(answer, ActorCrashed)

    def test_a_bug_in_a_deferred_answer_crashes_the_actor_and_answers_all(self):
        waiting = []

        class Opening(Sturdy):
            @receive(str)
            def open(self, m):
                waiting.append(Deferred())
                return waiting[-1]

        ref = self.system.spawn("a", Opening)
        answers = [ref.ask("one", 50), ref.ask("two", 50)]
        self.turn()
        waiting[0].errback(ZeroDivisionError())
        self.turn()
        for answer in answers:
            self.failure(answer, ActorCrashed)
        self.assertEqual(self.log(), ["a crashed on str"])
        self.assertEqual(self.state("a").restarts, 1)
        waiting[1].errback(NotFound("late"))

    def test_a_bug_in_a_deferred_answer_also_ends_the_handler_that_holds_the_mailbox(self):
        waiting, gate, ends = [], Deferred(), []

        class Both(Sturdy):
            @receive(str)
            def open(self, m):
                waiting.append(Deferred())
                return waiting[-1]

            @receive(int)
            async def hold(self, m):
                try:
                    await gate
                except CancelledError:
                    ends.append("interrupted")
                    raise

        ref = self.system.spawn("a", Both)
        answers = [ref.ask("open", 50), ref.ask(1, 50)]
        self.turn()
        queued = ref.ask(Note("x"), 50)
        waiting[0].errback(ZeroDivisionError())
        self.turn()
        for answer in answers:
            self.failure(answer, ActorCrashed)
        self.assertEqual(ends, ["interrupted"])
        self.assertEqual(self.successResultOf(queued), 1)

    def test_a_bug_in_a_coroutine_crashes(self):
        gate = Deferred()

        class Holding(Sturdy):
            @receive(str)
            async def hold(self, m):
                await gate
                raise ZeroDivisionError

        ref = self.system.spawn("a", Holding)
        answer, queued = ref.ask("x", 5), ref.ask(Note("x"), 5)
        self.turn()
        gate.callback(None)
        self.turn()
        self.failure(answer, ActorCrashed)
        self.assertEqual(self.successResultOf(queued), 1)

    def test_the_crash_of_a_settled_ask_is_still_a_crash(self):
        gate = Deferred()

        class Holding(Sturdy):
            @receive(str)
            async def hold(self, m):
                await gate
                raise ZeroDivisionError

        ref = self.system.spawn("a", Holding)
        ref.ask("x", 1)
        self.turn(0)
        self.turn(1)
        gate.callback(None)
        self.turn()
        self.assertEqual(self.state("a").restarts, 1)


class StartingTests(KernelCase):
    def test_a_crash_in_started_counts(self):
        starts = []

        class Bad(Notebook):
            restarts = 2

            def started(self):
                starts.append(self)
                raise ZeroDivisionError

        answer = self.system.spawn("a", Bad).ask(Note("x"), 5)
        self.turn()
        self.assertEqual(len(starts), 3)
        self.failure(answer, ActorStopped)
        self.assertEqual(self.log(), ["a crashed on Starting"] * 3)

    def test_a_foreseen_error_in_started_counts_too(self):
        class Bad(Notebook):
            async def started(self):
                raise NotFound("world")

        news = []
        ref = self.system.spawn("a", Bad)
        ref.watch(self.system.spawn("w", lambda: Notebook(news)))
        self.turn()
        self.assertIsInstance(news[0].failure.value, NotFound)

    def test_messages_wait_for_an_async_start(self):
        gate = Deferred()

        class Slow(Notebook):
            async def started(self):
                self.book.append(await gate)

        answer = self.system.spawn("a", Slow).ask(Notes(), 5)
        self.turn()
        self.assertNoResult(answer)
        self.assertEqual(self.state("a").message, "Starting")
        gate.callback("world")
        self.turn()
        self.assertEqual(self.successResultOf(answer), ["world"])

    def test_a_make_that_fails_at_a_restart_is_a_crash(self):
        made = []

        def make():
            if made:
                raise NotFound("no more")
            made.append(Sturdy())
            return made[0]

        ref = self.system.spawn("a", make)
        ref.tell(Crash())
        self.turn()
        self.assertIsNone(self.system.find("a"))
        self.assertEqual(len(self.log("critical")), 4)

    def test_stopped_is_called_for_each_incarnation_that_began(self):
        ends = []

        class Tidy(Sturdy):
            def stopped(self):
                ends.append(self)
                raise ZeroDivisionError

        ref = self.system.spawn("a", Tidy)
        ref.tell(Crash())
        self.turn()
        ref.stop()
        self.turn()
        self.assertEqual(len(ends), 2)
        self.assertIsNot(ends[0], ends[1])
        self.assertEqual(self.log("critical").count("a failed to clean up"), 2)

    def test_stopped_is_not_called_when_started_never_was(self):
        ends = []

        class Tidy(Notebook):
            def stopped(self):
                ends.append(self)

        self.system.spawn("a", Tidy).stop()
        self.turn()
        self.assertEqual(ends, [])
