from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.daemon.lag import KEPT, WARN_EVERY, Lag, LagMeter


class LagTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.slowest = ("", 0.0)
        self.meter = LagMeter(self.clock, self.clock.seconds, lambda: self.slowest)
        self.warnings: list[str] = []

        def observe(event: dict[str, object]) -> None:
            if event["log_level"] is LogLevel.warn and event["log_namespace"] == "ganeti_tw.daemon.lag":
                self.warnings.append(str(event["log_format"]).format(**event))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        self.meter.start()

    def late(self, seconds: float, path: str = "", busy: float = 0.0) -> None:
        """The next ring comes late."""
        self.slowest = (path, busy)
        self.clock.advance(0.5 + seconds)
        self.slowest = ("", 0.0)

    def test_nothing_late(self) -> None:
        self.assertEqual(self.meter.worst(), Lag(0.0, "", 0.0))
        self.late(0.0)
        self.assertEqual(self.meter.worst(), Lag(0.0, "", 0.0))
        self.assertEqual(self.warnings, [])

    def test_the_worst_is_told_with_who_was_at_work(self) -> None:
        self.late(0.25, "job/7", 0.25)
        self.late(0.125)
        worst = self.meter.worst()
        self.assertEqual((worst.seconds, worst.at_work, worst.age), (0.25, "job/7", 0.625))
        self.late(0.5)
        self.assertEqual(self.meter.worst(), Lag(0.5, "", 0.0))

    def test_an_actor_that_was_quick_is_not_blamed(self) -> None:
        self.late(0.25, "job/7", 0.01)
        self.assertEqual(self.meter.worst(), Lag(0.25, "", 0.0))

    def test_what_is_long_ago_is_forgotten_and_the_next_worst_told(self) -> None:
        self.late(0.25)
        for _ in range(100):
            self.late(0.0)
        self.late(0.125)
        for _ in range(int(KEPT * 2) - 100):
            self.late(0.0)
        self.assertEqual(self.meter.worst().seconds, 0.125)

    def test_warnings_are_not_repeated_at_once(self) -> None:
        self.late(0.04)
        self.assertEqual(self.warnings, [])
        self.late(0.25, "job/7", 0.25)
        self.late(0.25)
        self.assertEqual(self.warnings, ["the reactor was held up for 250 ms; at work: job/7"])
        self.clock.pump([0.5] * int(WARN_EVERY * 2))
        self.late(0.25)
        self.assertEqual(len(self.warnings), 2)

    def test_nothing_is_left_after_the_end(self) -> None:
        self.late(0.0)
        self.meter.stop()
        self.meter.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
