from __future__ import annotations

import attrs
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import WrongState
from ganeti_tw.kernel import Actor, ActorSystem, receive


@attrs.frozen
class Do:
    """Good or bad."""

    good: bool


class Doer(Actor):
    rank = 20

    @receive(Do)
    def do(self, m: Do) -> None:
        if not m.good:
            raise WrongState("bad")


class FigureTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.system = ActorSystem(self.clock)
        self.refs = [self.system.spawn(name, Doer) for name in "ab"]
        self.clock.advance(0)

    def test_waiting_messages(self) -> None:
        for ref, count in zip(self.refs, (3, 1), strict=True):
            for _ in range(count):
                ref.tell(Do(True))
        found = self.system.figures()["Doer"]
        self.assertEqual((found.actors, found.waiting, found.deepest), (2, 4, 3))

    def test_counts_never_go_back_when_actors_end(self) -> None:
        self.refs[0].tell(Do(True))
        self.ask_in_vain(Do(False))
        self.clock.advance(0)
        before = self.system.figures()["Doer"]
        self.refs[0].stop()
        self.clock.advance(0)
        after = self.system.figures()["Doer"]
        self.assertEqual((before.actors, after.actors), (2, 1))
        self.assertEqual((after.handled, after.failed), (before.handled, before.failed))
        self.assertEqual((after.handled, after.failed), (1, 1))

    def ask_in_vain(self, message: Do) -> None:
        self.refs[0].ask(message, 5).addErrback(lambda failure: failure.trap(WrongState))
