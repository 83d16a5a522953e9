"""Keeping collections of garbage short."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

LONGEST = 0.01  # seconds of processor time that a collection of everything may take
OLDEST = 2  # the generation that everything belongs to which stayed for long


class Collector(Protocol):
    """The module ``gc``."""

    @property
    def callbacks(self) -> list[Any]:
        """Called with ``start`` or ``stop`` and an object that names the ``generation``."""

    def freeze(self) -> None:
        """Never look again at what there is now."""

    def collect(self) -> Any:
        """Look at everything now."""


class GarbageWatch:
    """Has the collector leave alone what survived a collection that took long.

    A configuration of ten thousand instances is some hundred thousand objects;
    looking through them holds the reactor for a tenth of a second, again and
    again.  They are values without cycles, so they go when nobody uses them,
    without the collector.
    """

    def __init__(self, collector: Collector, seconds: Callable[[], float]) -> None:
        self._collector = collector
        self._seconds = seconds
        self._begun = 0.0

    def start(self) -> None:
        """From now on; what there is now is left alone already."""
        self._collector.collect()
        self._collector.freeze()
        self._collector.callbacks.append(self._watch)

    def stop(self) -> None:
        if self._watch in self._collector.callbacks:
            self._collector.callbacks.remove(self._watch)

    def _watch(self, phase: str, told: Mapping[str, int]) -> None:
        if told["generation"] < OLDEST:
            return
        if phase == "start":
            self._begun = self._seconds()
        elif self._seconds() - self._begun > LONGEST:
            self._collector.freeze()
