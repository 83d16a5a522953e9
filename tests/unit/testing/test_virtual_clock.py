"""Time that jumps from event to event."""

from __future__ import annotations

from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.testing.clock import VirtualClock


class VirtualClockTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = VirtualClock()
        self.calls: list[tuple[float, str]] = []

    def note(self, name: str) -> None:
        self.calls.append((self.clock.seconds(), name))

    def test_each_call_is_made_at_its_own_time(self) -> None:
        self.clock.callLater(2.0, self.note, "b")
        self.clock.callLater(1.0, self.note, "a")
        self.clock.callLater(2.0, self.note, "c")
        self.clock.advance(5.0)
        self.assertEqual(self.calls, [(1.0, "a"), (2.0, "b"), (2.0, "c")])
        self.assertEqual((self.clock.seconds(), self.clock.events), (5.0, 3))

    def test_calls_made_by_calls(self) -> None:
        self.clock.callLater(1.0, lambda: self.clock.callLater(0.5, self.note, "later"))
        self.clock.advance(1.2)
        self.assertEqual(self.calls, [])
        self.assertTrue(self.clock.step(10.0))
        self.assertEqual(self.calls, [(1.5, "later")])
        self.assertFalse(self.clock.step(10.0))

    def test_cancelled_and_moved(self) -> None:
        cancelled = self.clock.callLater(1.0, self.note, "cancelled")
        later = self.clock.callLater(1.0, self.note, "later")
        sooner = self.clock.callLater(9.0, self.note, "sooner")
        cancelled.cancel()
        later.delay(2.0)
        sooner.reset(0.5)
        self.assertEqual([call.getTime() for call in self.clock.getDelayedCalls()], [0.5, 3.0])
        self.clock.advance(10.0)
        self.assertEqual(self.calls, [(0.5, "sooner"), (3.0, "later")])
        self.assertRaises(AlreadyCancelled, cancelled.cancel)
        self.assertRaises(AlreadyCalled, later.cancel)

    def test_many_cancelled_calls_are_forgotten(self) -> None:
        for number in range(10_000):
            self.clock.callLater(100.0 + number, self.note, "never").cancel()
        self.assertLess(len(self.clock._heap), 1000)
        self.clock.callLater(1.0, self.note, "once")
        self.clock.advance(1e6)
        self.assertEqual(self.calls, [(1.0, "once")])
