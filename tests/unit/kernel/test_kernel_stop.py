"""Ends: watching, stopping, the whole system."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred

from ganeti_tw.errors import ActorStopped, MailboxFull
from ganeti_tw.kernel import Gone, Ref, receive
from kernel_case import Crash, KernelCase, Note, Notebook


class Holding(Notebook):
    def __init__(self, gate, ends):
        super().__init__()
        self.gate, self.ends = gate, ends

    @receive(str)
    async def hold(self, m):
        try:
            return await self.gate
        except CancelledError:
            self.ends.append("interrupted")
            raise

    def stopped(self):
        self.ends.append("stopped")


class WatchTests(KernelCase):
    def setUp(self):
        super().setUp()
        self.news = []
        self.watcher = self.system.spawn("w", lambda: Notebook(self.news))
        self.ref = self.system.spawn("a", Notebook)

    def test_a_stop_is_told_without_failure(self):
        self.ref.watch(self.watcher)
        self.ref.stop()
        self.turn()
        self.assertEqual(self.news, [Gone("a", None)])

    def test_watching_twice_tells_once(self):
        self.ref.watch(self.watcher)
        self.ref.watch(self.watcher)
        self.ref.stop()
        self.turn()
        self.assertEqual(len(self.news), 1)

    def test_the_dead_are_announced_at_once(self):
        self.ref.stop()
        self.turn()
        self.ref.watch(self.watcher)
        self.turn()
        self.assertEqual(self.news, [Gone("a", None)])

    def test_a_restart_is_no_end(self):
        class Sturdy(Notebook):
            restarts = 1

        ref = self.system.spawn("b", Sturdy)
        ref.watch(self.watcher)
        ref.tell(Crash())
        self.turn()
        self.assertEqual(self.news, [])
        ref.tell(Crash())
        self.turn()
        self.assertEqual([n.path for n in self.news], ["b"])

    def test_the_news_finds_its_way_into_a_full_mailbox(self):
        class Tiny(Notebook):
            capacity = 1

        news = []
        watcher = self.system.spawn("tiny", lambda: Tiny(news))
        self.ref.watch(watcher)
        self.ref.stop()
        watcher.tell(Note("x"))
        self.turn()
        self.assertEqual(news, ["x", Gone("a", None)])

    def test_watchers_that_ended_are_forgotten(self):
        self.ref.watch(self.watcher)
        self.watcher.stop()
        self.turn()
        self.assertEqual(self.ref._watchers, {})

    def test_a_watcher_elsewhere_is_told_and_may_refuse(self):
        told = []

        class Elsewhere(Ref):
            path, rank = "far/away", 20

            def tell(self, message):
                told.append(message)
                raise MailboxFull("full")

            def ask(self, message, timeout): ...
            def watch(self, watcher): ...
            def stop(self): ...

        self.ref.watch(Elsewhere())
        self.ref.stop()
        self.turn()
        self.assertEqual(told, [Gone("a", None)])
        self.assertEqual(self.log(), ["a is gone; far/away was not told: full"])


class RetireTests(KernelCase):
    def test_the_idle_end_at_once_and_are_announced(self):
        news = []
        watcher = self.system.spawn("w", lambda: Notebook(news))
        self.system.spawn("a", Notebook).watch(watcher)
        self.turn()
        self.assertTrue(self.system.retire("a"))
        self.system.spawn("a", Notebook)
        self.turn()
        self.assertEqual(news, [Gone("a", None)])

    def test_a_path_that_is_free(self):
        self.assertTrue(self.system.retire("a"))

    def test_not_before_what_waits_is_done(self):
        ref = self.system.spawn("a", Notebook)
        self.turn()
        answer = ref.ask(Note("x"), 5)
        self.assertFalse(self.system.retire("a"))
        self.turn()
        self.assertEqual(self.successResultOf(answer), 1)
        self.assertTrue(self.system.retire("a"))

    def test_not_while_an_answer_is_owed_or_work_goes_on(self):
        gates = {"hold": Deferred(), "owe": Deferred(), "aside": Deferred()}

        class Busy(Notebook):
            @receive(str)
            def begin(self, m):
                if m == "owe":
                    return gates[m]
                if m == "aside":
                    self.aside(gates[m], then=lambda outcome: Note(m))
                return wait(gates[m]) if m == "hold" else None

        async def wait(gate):
            await gate

        for name, gate in gates.items():
            self.system.spawn(name, Busy).tell(name)
            self.turn()
            self.assertFalse(self.system.retire(name), name)
            gate.callback(None)
            self.turn()
            self.assertTrue(self.system.retire(name), name)

    def test_not_while_a_message_to_itself_is_to_come(self):
        class Clocked(Notebook):
            def started(self):
                self.later(5, Note("now"))

        self.system.spawn("a", Clocked)
        self.turn()
        self.assertFalse(self.system.retire("a"))
        self.turn(5)
        self.assertTrue(self.system.retire("a"))


class StopTests(KernelCase):
    def setUp(self):
        super().setUp()
        self.gate, self.ends = Deferred(), []
        self.ref = self.system.spawn("a", lambda: Holding(self.gate, self.ends))

    def test_all_who_wait_get_actor_stopped(self):
        queued = [self.ref.ask(Note("x"), 5) for _ in range(3)]
        self.ref.stop()
        self.turn()
        for answer in queued:
            self.failure(answer, ActorStopped)

    def test_the_message_in_progress_is_done_before(self):
        held = self.ref.ask("x", 60)
        self.turn()
        queued = self.ref.ask(Note("x"), 60)
        self.ref.stop()
        self.turn()
        self.failure(queued, ActorStopped)
        self.assertEqual(self.ends, [])
        self.gate.callback("done")
        self.turn()
        self.assertEqual(self.successResultOf(held), "done")
        self.assertEqual(self.ends, ["stopped"])

    def test_patience_with_it_ends_after_five_seconds(self):
        held = self.ref.ask("x", 60)
        self.turn()
        self.ref.stop()
        self.turn(5)
        self.turn()
        self.failure(held, ActorStopped)
        self.assertEqual(self.ends, ["interrupted", "stopped"])

    def test_one_overdue_already_is_interrupted_at_once(self):
        held = self.ref.ask("x", 60)
        self.turn()
        self.turn(6)
        self.ref.stop()
        self.turn()
        self.failure(held, ActorStopped)

    def test_an_actor_may_stop_itself(self):
        class Mayfly(Notebook):
            @receive(str)
            def end(self, m):
                self.me.stop()
                return "bye"

        ref = self.system.spawn("m", Mayfly)
        answer, queued = ref.ask("x", 5), ref.ask(Note("x"), 5)
        self.turn()
        self.assertEqual(self.successResultOf(answer), "bye")
        self.failure(queued, ActorStopped)
        self.assertIsNone(self.system.find("m"))

    def test_the_path_is_free_afterwards(self):
        self.ref.stop()
        self.turn()
        again = self.system.spawn("a", Notebook)
        answer = again.ask(Note("x"), 5)
        self.turn()
        self.assertEqual(self.successResultOf(answer), 1)

    def test_vacated_waits_for_those_that_are_being_stopped_and_stops_none(self):
        self.system.spawn("b", Notebook)
        self.ref.ask("x", 60)
        self.turn()
        self.successResultOf(self.system.vacated("a", "b", "c"))
        self.ref.stop()
        vacated = self.system.vacated("a", "b", "c")
        self.turn()
        self.assertNoResult(vacated)
        self.gate.callback("done")
        self.turn()
        self.successResultOf(vacated)
        self.assertIsNone(self.system.find("a"))
        self.assertIsNotNone(self.system.find("b"))

    def test_stopping_twice_is_stopping(self):
        self.turn()
        self.ref.stop()
        self.ref.stop()
        self.turn()
        self.ref.stop()
        self.turn()
        self.assertEqual(self.ends, ["stopped"])


class SystemStopTests(KernelCase):
    def test_higher_ranks_first_and_no_timer_left(self):
        ends = []

        def make(number):
            class Tidy(Notebook):
                rank = number

                @receive(str)
                def wait(self, m):
                    self.later(100, Note("x"))
                    return Deferred()

                def stopped(self):
                    ends.append(number)

            return Tidy

        answers = [self.system.spawn(f"r{n}", make(n)).ask("x", 60) for n in (10, 50, 20)]
        self.turn()
        done = self.system.stop()
        self.assertNoResult(done)
        self.turn()
        self.successResultOf(done)
        self.assertEqual(ends, [50, 20, 10])
        for answer in answers:
            self.failure(answer, ActorStopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.successResultOf(self.system.stop())

    def test_it_waits_for_a_held_mailbox(self):
        gate = Deferred()
        self.system.spawn("a", lambda: Holding(gate, [])).tell("x")
        self.turn()
        done, too = self.system.stop(), self.system.stop()
        self.turn()
        self.assertNoResult(done)
        gate.callback(None)
        self.turn()
        self.successResultOf(done)
        self.successResultOf(too)

    def test_nothing_is_spawned_any_more(self):
        self.system.stop()
        self.assertRaises(ActorStopped, self.system.spawn, "a", Notebook)

    def test_an_empty_system_stops_at_once(self):
        self.successResultOf(self.system.stop())


class VanishTests(KernelCase):
    def test_as_when_the_power_fails(self):
        ends = []
        ref = self.system.spawn("a", lambda: Holding(Deferred(), ends))
        held, queued = ref.ask("x", 60), ref.ask(Note("x"), 60)
        self.turn()
        self.system.vanish()
        self.turn(100)
        self.assertNoResult(held)
        self.assertNoResult(queued)
        self.assertEqual(ends, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertRaises(ActorStopped, ref.tell, Note("x"))
        queued.cancel()
        self.failure(queued, CancelledError)
        self.failure(ref.ask(Note("x"), 5), ActorStopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_before_the_first_turn(self):
        book = []
        self.system.spawn("a", lambda: Notebook(book)).tell(Note("x"))
        self.system.vanish()
        self.turn()
        self.assertEqual(book, [])

    def test_in_the_middle_of_a_message(self):
        system = self.system

        class Fatal(Notebook):
            @receive(str)
            def power(self, m):
                system.vanish()

        book = []
        ref = system.spawn("a", lambda: Fatal(book))
        ref.tell("fails")
        ref.tell(Note("x"))
        self.turn()
        self.assertEqual(book, [])
