"""All collectors of a host: which are active, and what they said last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ganeti_tw.errors import NotFound
from ganeti_tw.mond.registry import Collector, Host
from ganeti_tw.mond.watch import Report, Watch

SHORTEST, LONGEST = 0.1, 86_400.0  # seconds between two runs, whatever the cluster says

log = Logger()


class Monitor:
    """The collectors of one host, each kept from disturbing the others; ``tell`` hears which fail."""

    def __init__(
        self,
        clock: IReactorTime,
        host: Host,
        collectors: Sequence[Collector],
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._host = host
        self._watches = {c.name: Watch(clock, host, c, tell) for c in collectors}
        self._settings: Mapping[str, Any] = {}
        self._running = False

    def start(self) -> None:
        """Begin to collect."""
        self._running = True
        self._apply()

    def stop(self) -> None:
        """Collect no more."""
        self._running = False
        self._apply()

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Take over what the cluster wants: ``active`` and ``interval``, in microseconds, by name.

        Who is not named is active, at the interval it declares.
        """
        self._settings = settings
        self._apply()

    def listed(self) -> list[Collector]:
        """The active collectors, in order."""
        return [watch.collector for watch in self.watches()]

    def watches(self) -> list[Watch]:
        """Those of the active collectors, in order."""
        return [watch for watch in self._watches.values() if watch.active]

    def report(self, category: str, name: str) -> Deferred[Report]:
        """The report of one collector.  NotFound at once when no such collector is active."""
        watch = self._watches.get(name)
        if watch is None or watch.collector.category_word != category or not watch.active:
            raise NotFound(f"no active collector {name!r} in category {category!r}")
        return watch.fresh()

    def report_all(self) -> bytes:
        """All reports as they are sent, in order, without waiting for any."""
        return b"[" + b",".join([watch.body() for watch in self.watches()]) + b"]"

    def _apply(self) -> None:
        for watch in self._watches.values():
            wanted = self._settings.get(watch.collector.name, {})
            needed = watch.collector.hypervisors
            applies = not needed or bool(needed & self._host.hypervisors)
            if self._running and applies and wanted.get("active", True):
                watch.start(_interval(watch.collector, wanted))
            elif watch.active:
                watch.stop()


def _interval(c: Collector, wanted: Mapping[str, Any]) -> float:
    micros = wanted.get("interval")
    if not isinstance(micros, int | float) or micros <= 0:
        return c.interval
    return min(LONGEST, max(SHORTEST, micros / 1e6))
