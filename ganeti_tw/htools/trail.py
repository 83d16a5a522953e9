"""Instances placed one after the other, none taken back."""

from __future__ import annotations

from collections.abc import Callable

from ganeti_tw.htools.allocate import Allocation, Found
from ganeti_tw.htools.cluster import Cluster
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.instance import Instance

# What comes next in a state, and what was found for it.
Next = Callable[[Cluster], tuple[Instance, Allocation]]


class Trail:
    """Every state on the way can be had; ``steps`` are the instances and where each went."""

    def __init__(self, cluster: Cluster, next_one: Next) -> None:
        self._start = cluster
        self._next = next_one
        self._view = cluster.copy()
        self.steps: list[tuple[Instance, Found]] = []
        # What was found when no more fit.
        self._end: Allocation | None = None

    def reach(self, count: int | None) -> int:
        """Place until there are so many, or until nothing fits; how many there are, ``count`` at most."""
        while len(self.steps) != count and self._end is None:
            instance, found = self._next(self._view)
            if found.best is None:
                self._end = found
            else:
                self.steps.append((instance, found.best))
                self._view.put(instance, found.best.place, found.best.nodes)
        return len(self.steps) if count is None else min(count, len(self.steps))

    def failures(self) -> dict[Fail, int]:
        """Why no more fit, or what the next one fails where it does fit."""
        return (self._end or self._next(self._view)[1]).failures

    def state(self, count: int) -> Cluster:
        """The cluster with the first so many of them."""
        view = self._start.copy()
        for instance, found in self.steps[:count]:
            view.put(instance, found.place, found.nodes)
        return view
