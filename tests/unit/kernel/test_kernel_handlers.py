"""Handlers that take their time, and what can be seen of them."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail

from ganeti_tw.errors import ActorStopped, NotFound
from ganeti_tw.kernel import receive
from kernel_case import KernelCase, Note, Notebook


class Slow(Notebook):
    """A str holds the mailbox until its gate opens, an int leaves it open."""

    def __init__(self, gates, book=None):
        super().__init__(book)
        self.gates = gates

    def gate(self):
        self.gates.append(Deferred())
        return self.gates[-1]

    @receive(str)
    async def hold(self, m):
        return await self.gate()

    @receive(int)
    def open(self, m):
        return self.gate()


class SlowCase(KernelCase):
    def setUp(self):
        super().setUp()
        self.gates = []
        self.ref = self.system.spawn("a", lambda: Slow(self.gates))


class HeldTests(SlowCase):
    def test_async_handlers_keep_others_waiting(self):
        held, queued = self.ref.ask("x", 60), self.ref.ask(Note("x"), 60)
        self.turn()
        self.assertNoResult(queued)
        self.gates[0].callback("done")
        self.assertEqual(self.successResultOf(held), "done")
        self.turn()
        self.assertEqual(self.successResultOf(queued), 1)

    def test_no_word_within_five_seconds(self):
        self.ref.tell("x")
        self.turn()
        self.turn(4.9)
        self.gates[0].callback(None)
        self.turn(10)
        self.assertEqual(self.events, [])

    def test_held_too_long_is_logged_once_with_path_and_message(self):
        answer = self.ref.ask("x", 60)
        self.turn()
        self.turn(5)
        self.turn(20)
        self.assertEqual(self.log(), ["a: str holds the mailbox for more than 5 s"])
        self.gates[0].callback("done")
        self.assertEqual(self.successResultOf(answer), "done")

    def test_foreseen_error_of_a_coroutine_is_the_answer(self):
        answer = self.ref.ask("x", 5)
        self.turn()
        self.gates[0].errback(NotFound("none"))
        self.failure(answer, NotFound)
        self.assertEqual(self.state("a").failed, 1)

    def test_a_coroutine_that_never_waits_answers_in_its_turn(self):
        class Quick(Notebook):
            @receive(str)
            async def quick(self, m):
                return m

        ref = self.system.spawn("q", Quick)
        answers = [ref.ask("x", 5), ref.ask(Note("y"), 5)]
        self.turn()
        self.assertEqual([self.successResultOf(a) for a in answers], ["x", 1])


class OpenTests(SlowCase):
    def test_a_deferred_answer_keeps_the_mailbox_open(self):
        answer, other = self.ref.ask(1, 60), self.ref.ask(Note("x"), 60)
        self.turn()
        self.assertEqual(self.successResultOf(other), 1)
        self.gates[0].callback("done")
        self.assertEqual(self.successResultOf(answer), "done")

    def test_one_deferred_may_answer_several(self):
        shared = Deferred()

        class Sharing(Notebook):
            @receive(str)
            def share(self, m):
                return shared

        ref = self.system.spawn("s", Sharing)
        answers = [ref.ask("x", 5), ref.ask("y", 5)]
        self.turn()
        shared.errback(NotFound("none"))
        for answer in answers:
            self.failure(answer, NotFound)

    def test_one_that_had_failed_before_is_an_answer_like_others(self):
        class Failed(Notebook):
            @receive(str)
            def refuse(self, m):
                return fail(NotFound("none"))

        answer = self.system.spawn("s", Failed).ask("x", 5)
        self.turn()
        self.failure(answer, NotFound)  # and trial finds no error that nobody handled

    def test_stop_answers_them(self):
        answer = self.ref.ask(1, 60)
        self.turn()
        self.ref.stop()
        self.turn()
        self.failure(answer, ActorStopped)
        self.gates[0].callback("late")


class StateTests(SlowCase):
    def test_everything_an_administrator_asks(self):
        self.ref.tell(Note("x"))
        self.turn()
        self.ref.tell("x")
        self.turn()
        self.ref.tell(Note("y"))
        self.turn(3)
        state = self.state("a")
        self.assertEqual((state.actor, state.rank, state.phase), ("Slow", 20, "running"))
        self.assertEqual((state.depth, state.message, state.age), (1, "str", 3.0))
        self.assertEqual((state.handled, state.failed, state.restarts, state.dropped), (1, 0, 0, 0))

    def test_an_open_answer_shows_its_age(self):
        self.ref.tell(1)
        self.turn()
        self.turn(2)
        self.assertEqual((self.state("a").message, self.state("a").age), ("int", 2.0))
        self.gates[0].callback(None)
        self.assertEqual((self.state("a").message, self.state("a").age), ("", 0.0))

    def test_listed_by_path(self):
        for path in "zbc":
            self.system.spawn(path, Notebook)
        self.assertEqual([s.path for s in self.system.list()], ["a", "b", "c", "z"])
