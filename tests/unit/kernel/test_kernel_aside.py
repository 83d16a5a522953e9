"""Work aside and messages for later."""

from __future__ import annotations

import attrs
from twisted.internet.defer import CancelledError, Deferred

from ganeti_tw.errors import ActorCrashed, ActorStopped, NotFound
from ganeti_tw.kernel import Outcome, Overflow, receive
from kernel_case import Crash, KernelCase, Note, Notebook


@attrs.frozen
class Work:
    """Starts work aside."""


@attrs.frozen
class Cancel:
    """Cancels it."""


@attrs.frozen
class Later:
    """Sends itself a note later."""


@attrs.frozen
class Ended:
    outcome: Outcome


class Worker(Notebook):
    restarts = 3
    capacity = 3
    overflow = Overflow.REFUSE

    def __init__(self, gate, ends, book=None):
        super().__init__(book)
        self.gate, self.ends = gate, ends

    @receive(Work)
    def work(self, m):
        self.task = self.aside(long_work(self.gate, self.ends), then=Ended)

    @receive(Cancel)
    def cancel(self, m):
        self.task.cancel()

    @receive(Later)
    def send_later(self, m):
        self.timer = self.later(10, Note("later"))

    @receive(str)
    def stop_timer(self, m):
        self.timer.cancel()

    @receive(Ended)
    def ended(self, m):
        self.book.append(m.outcome)


async def long_work(gate, ends):
    try:
        return await gate
    except CancelledError:
        ends.append("interrupted")
        raise


class WorkCase(KernelCase):
    def setUp(self):
        super().setUp()
        self.gate, self.ends, self.book = Deferred(), [], []
        self.ref = self.system.spawn("a", lambda: Worker(self.gate, self.ends, self.book))

    def begin(self):
        self.ref.tell(Work())
        self.turn()


class AsideTests(WorkCase):
    def test_the_mailbox_is_open_meanwhile_and_the_end_is_a_message(self):
        self.begin()
        self.ref.tell(Note("x"))
        self.turn()
        self.gate.callback("done")
        self.turn()
        self.assertEqual(self.book, ["x", Outcome("done")])

    def test_work_that_ends_at_once(self):
        self.gate.callback("done")
        self.begin()
        self.assertEqual(self.book, [Outcome("done")])

    def test_a_deferred_is_work_too(self):
        class Other(Worker):
            @receive(Work)
            def work(self, m):
                self.aside(self.gate, then=Ended)

        self.system.spawn("b", lambda: Other(self.gate, [], self.book)).tell(Work())
        self.turn()
        self.gate.callback(5)
        self.turn()
        self.assertEqual(self.book, [Outcome(5)])

    def test_outcomes_bypass_a_full_mailbox(self):
        self.begin()
        for text in "abc":
            self.ref.tell(Note(text))
        self.gate.callback("done")
        self.turn()
        self.assertEqual(self.book, ["a", "b", "c", Outcome("done")])

    def test_foreseen_failure_is_an_outcome_without_a_word(self):
        self.begin()
        self.gate.errback(NotFound("none"))
        self.turn()
        self.assertRaises(NotFound, self.book[0].result)
        self.assertEqual(self.events, [])

    def test_a_bug_aside_is_logged_and_is_an_outcome(self):
        self.begin()
        self.gate.errback(ZeroDivisionError())
        self.turn()
        self.assertRaises(ZeroDivisionError, self.book[0].result)
        self.assertEqual(self.log("critical"), ["a: work aside failed"])
        self.assertEqual(self.state("a").restarts, 0)

    def test_cancelled_work_still_tells_its_end(self):
        self.begin()
        self.ref.tell(Cancel())
        self.turn()
        self.assertEqual(self.ends, ["interrupted"])
        self.assertTrue(self.book[0].cancelled)
        self.assertEqual(self.events, [])

    def test_cancelling_what_has_ended_does_nothing(self):
        self.begin()
        self.gate.callback("done")
        self.ref.tell(Cancel())
        self.turn()
        self.assertEqual(self.book, [Outcome("done")])

    def test_a_crash_cancels_and_nothing_arrives(self):
        self.begin()
        self.ref.tell(Crash())
        self.turn()
        self.assertEqual((self.ends, self.book), (["interrupted"], []))

    def test_an_end_that_waits_is_not_for_the_next_incarnation(self):
        self.begin()
        self.ref.tell(Crash())
        self.gate.callback("done")
        self.turn()
        self.assertEqual(self.book, [])
        self.assertEqual(self.state("a").restarts, 1)

    def test_stop_cancels(self):
        self.begin()
        self.ref.stop()
        self.turn()
        self.assertEqual((self.ends, self.book), (["interrupted"], []))

    def test_a_dead_incarnation_starts_nothing(self):
        made = []

        def make():
            made.append(Worker(self.gate, self.ends, self.book))
            return made[-1]

        ref = self.system.spawn("b", make)
        ref.tell(Crash())
        self.turn()
        self.assertRaises(ActorStopped, made[0].aside, long_work(self.gate, []), Ended)
        self.assertRaises(ActorStopped, made[0].later, 5, Note("x"))

    def test_a_then_that_fails_is_a_crash(self):
        class Odd(Worker):
            @receive(Work)
            def work(self, m):
                self.aside(self.gate, then=lambda outcome: 1 / 0)

            @receive(int)
            def wait(self, m):
                return Deferred()

        ref = self.system.spawn("b", lambda: Odd(self.gate, []))
        ref.tell(Work())
        answer = ref.ask(1, 50)
        self.turn()
        self.gate.callback(None)
        self.turn()
        self.failure(answer, ActorCrashed)


class LaterTests(WorkCase):
    def test_it_arrives_in_time(self):
        self.ref.tell(Later())
        self.turn()
        self.turn(9.9)
        self.assertEqual(self.book, [])
        self.turn(0.1)
        self.turn()
        self.assertEqual(self.book, ["later"])

    def test_it_can_be_cancelled(self):
        self.ref.tell(Later())
        self.ref.tell("cancel")
        self.turn()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_it_does_not_outlive_its_incarnation(self):
        self.ref.tell(Later())
        self.ref.tell(Crash())
        self.turn()
        self.assertEqual(self.clock.getDelayedCalls(), [])
