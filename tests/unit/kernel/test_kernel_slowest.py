from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.kernel import Actor, ActorSystem, receive


@attrs.frozen
class Work:
    """Takes so many seconds, in which nothing else happens."""

    seconds: float


class Worker(Actor):
    rank = 20

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @receive(Work)
    def work(self, m: Work) -> None:
        # As if the handler itself had taken the time: no timer is run.
        self._clock.rightNow += m.seconds


class SlowestTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.system = ActorSystem(self.clock)
        self.workers: dict[str, Any] = {
            name: self.system.spawn(name, lambda: Worker(self.clock)) for name in ("quick", "slow", "idle")
        }
        self.clock.advance(0)

    def test_it_is_the_one_that_took_longest_until_it_is_asked_for(self) -> None:
        self.workers["quick"].tell(Work(0.125))
        self.workers["slow"].tell(Work(0.25))
        self.workers["quick"].tell(Work(0.0625))
        self.clock.pump([0] * 5)
        self.assertEqual(self.system.slowest(), ("slow", 0.25))
        self.assertEqual(self.system.slowest(), ("", 0.0))
        self.workers["quick"].tell(Work(0.125))
        self.clock.advance(0)
        self.assertEqual(self.system.slowest(), ("quick", 0.125))
