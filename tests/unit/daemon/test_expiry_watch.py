"""Telling in time that a certificate ends."""

from __future__ import annotations

from collections.abc import Mapping

from twisted.internet.task import Clock
from twisted.logger import LogLevel
from twisted.logger import globalLogPublisher as publisher
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.daemon.expiry import DAY, HOUR, ExpiryWatch
from ganeti_tw.errors import DriverError

NOW = 1_795_000_000.0


class ExpiryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.found: dict[str, float] | DriverError = {}
        self.watch = ExpiryWatch(self.clock, lambda: NOW + self.clock.seconds(), self.look)
        self.said: list[tuple[LogLevel, str, int]] = []
        publisher.addObserver(self.observe)
        self.addCleanup(publisher.removeObserver, self.observe)

    def observe(self, event: object) -> None:
        assert isinstance(event, dict)
        if event.get("log_namespace") == "ganeti_tw.daemon.expiry":
            self.said.append((event["log_level"], event.get("certificate", ""), round(event.get("days", 0))))

    async def look(self) -> Mapping[str, float]:
        if isinstance(self.found, DriverError):
            raise self.found
        return self.found

    def test_soon_very_soon_and_too_late(self) -> None:
        self.found = {"far": NOW + 40 * DAY, "soon": NOW + 29 * DAY, "urgent": NOW + 6 * DAY, "over": NOW - DAY}
        self.watch.start()
        self.assertEqual(
            self.said,
            [(LogLevel.warn, "soon", 29), (LogLevel.error, "urgent", 6), (LogLevel.error, "over", 0)],
        )
        self.assertEqual(dict(self.watch.ends), self.found)
        self.flushLoggedErrors()

    def test_once_a_day_until_it_is_renewed(self) -> None:
        self.found = {"soon": NOW + 29 * DAY}
        self.watch.start()
        for _ in range(23):
            self.clock.advance(HOUR)
        self.assertEqual(len(self.said), 1)
        self.clock.advance(HOUR)
        self.assertEqual(len(self.said), 2)
        self.found = {"soon": NOW + 900 * DAY}
        for _ in range(50):
            self.clock.advance(HOUR)
        self.assertEqual(len(self.said), 2)
        self.assertEqual(dict(self.watch.ends), self.found)

    def test_what_cannot_be_read_is_looked_at_again(self) -> None:
        self.found = DriverError("no disk")
        self.watch.start()
        self.assertEqual([level for level, _, _ in self.said], [LogLevel.warn])
        self.found = {"soon": NOW + 29 * DAY}
        self.clock.advance(HOUR)
        self.assertEqual(self.said[-1][1], "soon")

    def test_nothing_is_left_when_it_stops(self) -> None:
        self.watch.start()
        self.watch.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
