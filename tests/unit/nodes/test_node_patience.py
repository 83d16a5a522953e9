"""How long nodes are waited for that may be gone."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import DriverError, Expired, GanetiError, NotSent
from ganeti_tw.nodes.patience import PATIENCE, SIGN, SIGN_OF_SILENT, Patience
from ganeti_tw.protocol.node import ListOses, Ping


class Node:
    """An actor elsewhere that answers when it is told to, and signs of life when it is ``there``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.there = True
        self.asked: list[Deferred[Any]] = []
        self.signs = 0

    def ask(self, message: Any, timeout: float) -> Deferred[Any]:
        answer: Deferred[Any] = Deferred()
        late = self._clock.callLater(timeout, lambda: answer.errback(Expired("too late")))
        answer.addBoth(lambda result: (late.active() and late.cancel(), result)[1])
        if not isinstance(message, Ping):
            self.asked.append(answer)
            return answer
        self.signs += 1
        if self.there:
            answer.callback("")
        return answer


class PatienceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.nodes = {name: Node(self.clock) for name in ("node1", "node2")}
        self.node = self.nodes["node1"]
        self.patience = Patience(self, self.clock)  # type: ignore[arg-type]
        self.addCleanup(lambda: self.assertEqual(self.clock.getDelayedCalls(), []))

    def ref(self, name: str) -> Any:
        return self.nodes[name]

    def ask(self, name: str = "node1") -> Deferred[Any]:
        return self.patience.ask(name, ListOses(), 10.0)

    def fall_silent(self) -> None:
        self.node.there = False
        asked = self.ask()
        self.clock.advance(PATIENCE)
        self.clock.advance(SIGN)
        self.failureResultOf(asked, Expired)

    def test_one_that_answers_is_not_asked_for_a_sign_of_life(self) -> None:
        asked = self.ask()
        self.node.asked[0].callback("x")
        self.assertEqual((self.successResultOf(asked), self.node.signs), ("x", 0))

    def test_one_that_is_there_but_busy_has_all_its_time(self) -> None:
        first, second = self.ask(), self.ask()
        self.clock.pump([PATIENCE, 9.0])
        self.node.asked[0].callback("x")
        self.assertEqual((self.successResultOf(first), self.node.signs), ("x", 2))
        self.clock.advance(1.0)
        self.assertIn("too late", str(self.failureResultOf(second, Expired)))

    def test_one_without_a_sign_of_life_is_not_waited_for(self) -> None:
        self.node.there = False
        asked = self.ask()
        self.clock.pump([PATIENCE, SIGN - 0.01])
        self.assertNoResult(asked)
        self.clock.advance(0.01)
        self.assertIn("no sign of life", str(self.failureResultOf(asked, Expired)))

    def test_one_that_was_silent_is_waited_for_even_less_and_others_are_not(self) -> None:
        self.fall_silent()
        asked, other = self.ask(), self.ask("node2")
        self.clock.advance(0)
        self.clock.advance(SIGN_OF_SILENT)
        self.failureResultOf(asked, Expired)
        self.assertNoResult(other)
        self.nodes["node2"].asked[0].callback(None)
        self.successResultOf(other)

    def test_one_that_is_back_is_waited_for_again_even_if_it_says_no(self) -> None:
        for error, signs in ((DriverError("no"), 0), (NotSent("no"), 1)):
            self.fall_silent()
            self.node.there = True
            asked = self.ask()
            self.clock.advance(0)
            self.node.asked[-1].errback(error)
            self.failureResultOf(asked, GanetiError)
            self.node.signs = 0
            asked = self.ask()
            self.clock.advance(0)
            self.assertEqual(self.node.signs, signs)
            self.node.asked[-1].callback("x")
            self.assertEqual(self.successResultOf(asked), "x")

    def test_an_answer_that_comes_just_in_time_counts(self) -> None:
        self.node.there = False
        asked = self.ask()
        self.clock.advance(PATIENCE)
        self.node.asked[0].callback("x")
        self.assertEqual(self.successResultOf(asked), "x")

    def test_who_does_not_want_to_know_any_more_leaves_nothing_behind(self) -> None:
        for seconds in (0.0, PATIENCE):
            self.node.there = False
            asked = self.ask()
            asked.addErrback(lambda _: None)
            self.clock.advance(seconds)
            asked.cancel()
            self.successResultOf(asked)
        self.node.there = True
        self.assertNoResult(again := self.ask())
        self.clock.advance(0)
        self.assertEqual(self.node.signs, 1)  # that of the question given up
        self.node.asked[-1].callback(None)
        self.successResultOf(again)
