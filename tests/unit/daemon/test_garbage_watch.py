from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.daemon.garbage import GarbageWatch


class Recorder:
    def __init__(self) -> None:
        self.callbacks: list[Callable[[str, Mapping[str, int]], None]] = []
        self.calls: list[str] = []

    def freeze(self) -> None:
        self.calls.append("freeze")

    def collect(self) -> None:
        self.calls.append("collect")


class GarbageWatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.collector = Clock(), Recorder()
        self.watch = GarbageWatch(self.collector, self.clock.seconds)
        self.watch.start()

    def collection(self, generation: int, seconds: float) -> list[str]:
        """What follows from a collection that takes so long."""
        self.collector.calls.clear()
        for callback in self.collector.callbacks:
            callback("start", {"generation": generation})
            self.clock.advance(seconds)
            callback("stop", {"generation": generation})
        return self.collector.calls

    def test_what_is_there_at_the_start_is_left_alone(self) -> None:
        self.assertEqual(self.collector.calls, ["collect", "freeze"])

    def test_what_survived_a_long_collection_is_left_alone(self) -> None:
        self.assertEqual(self.collection(2, 0.02), ["freeze"])

    def test_short_ones_and_those_of_young_objects_change_nothing(self) -> None:
        self.assertEqual(self.collection(2, 0.005), [])
        self.assertEqual(self.collection(1, 0.02), [])

    def test_afterwards_the_collector_is_as_before(self) -> None:
        self.watch.stop()
        self.watch.stop()
        self.assertEqual(self.collector.callbacks, [])
