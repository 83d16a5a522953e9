"""Nodes for one more instance after the other, all of one size.

Gives what ``allocate.on_nodes`` gives for an instance without tags.  What the size
makes of a node is looked at anew only once something was placed there, and only the
scores that come close to each other are computed the long way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import sqrt
from typing import NamedTuple

from ganeti_tw.htools.allocate import Allocation, Candidate, as_primary, first_safe
from ganeti_tw.htools.cluster import NOWHERE, Cluster, Place
from ganeti_tw.htools.estimate import TOLERANCE, plain_part
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.redundancy import Checker
from ganeti_tw.htools.score import SPREAD_WEIGHTS, score

# A metric on the nodes that are online, and where the instance fits before and after.
_Columns = tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]


class _Fit(NamedTuple):
    """The metrics of a node before and after, and what the instance adds to the score beside their spreads."""

    before: tuple[float, ...]
    after: tuple[float, ...]
    extra: float


class Openings:
    """Asked about a state that differs little from the last one, it looks at the nodes that changed."""

    def __init__(self, allowed: Sequence[int], *, ignore_soft_errors: bool) -> None:
        self._allowed = list(allowed)
        self._force = ignore_soft_errors
        self._like: Instance | None = None
        self._seen: dict[int, Node] = {}
        self._answers: dict[int, _Fit | Fail] = {}

    def find(self, cluster: Cluster, instance: Instance, checker: Checker | None) -> Allocation:
        """The best node; ``checker`` makes the capacity check, None for none."""
        self._look(cluster, instance)
        fits: list[tuple[int, _Fit]] = []
        failures: dict[Fail, int] = {}
        for index in self._allowed:
            answer = self._answers[index]
            if isinstance(answer, Fail):
                failures[answer] = failures.get(answer, 0) + 1
            else:
                fits.append((index, answer))
        return first_safe(cluster, instance, self._ranked(cluster, instance, fits), len(fits), failures, checker)

    def _look(self, cluster: Cluster, instance: Instance) -> None:
        if self._like is None or not instance.is_like(self._like):
            self._like = instance
            self._seen.clear()
        for index in self._allowed:
            node = cluster.nodes[index]
            if self._seen.get(index) is not node:
                self._seen[index] = node
                self._answers[index] = self._place(cluster, instance, node)

    def _place(self, cluster: Cluster, instance: Instance, node: Node) -> _Fit | Fail:
        after = as_primary(cluster, instance, node.hardware.index, 0, self._force)
        if isinstance(after, Fail):
            return after
        return _Fit(node.metrics(), after.metrics(), plain_part(after) - plain_part(node))

    def _ranked(self, cluster: Cluster, instance: Instance, fits: Sequence[tuple[int, _Fit]]) -> Iterator[Candidate]:
        """From the lowest score on, the later one of equals first."""
        estimates = _estimates(cluster, [fit for _, fit in fits]) if fits else []
        left = sorted(zip(estimates, range(len(fits)), strict=True))
        while left:
            close = 1
            while close < len(left) and left[close][0] <= left[close - 1][0] + TOLERANCE * max(1.0, left[close][0]):
                close += 1
            candidates = [
                self._candidate(cluster, instance, fits[position][0], position) for _, position in left[:close]
            ]
            yield from sorted(candidates, key=lambda each: (each.score, -each.order))
            left = left[close:]

    def _candidate(self, cluster: Cluster, instance: Instance, index: int, order: int) -> Candidate:
        node = as_primary(cluster, instance, index, 0, self._force)
        assert not isinstance(node, Fail), "it fitted"
        nodes = list(cluster.nodes)
        nodes[index] = node
        return Candidate(score(nodes), order, Place(index, NOWHERE), {index: node})


def _estimates(cluster: Cluster, fits: Sequence[_Fit]) -> list[float]:
    """The scores but for what is the same for all."""
    found = [fit.extra for fit in fits]
    online = [node.metrics() for node in cluster.nodes if not node.offline]
    count = len(online)
    befores, afters = zip(*[fit.before for fit in fits], strict=True), zip(*[fit.after for fit in fits], strict=True)
    # Metrics that are the same on every node, as most are that count forthcoming instances too, are looked at once.
    weights: dict[_Columns, float] = {}
    metrics = zip(zip(*online, strict=True), befores, afters, strict=True)
    for columns, weight in zip(metrics, SPREAD_WEIGHTS, strict=True):
        _, before, after = columns
        if before != after:
            weights[columns] = weights.get(columns, 0.0) + weight
    for (values, before, after), weight in weights.items():
        mean = sum(values) / count
        # Relative to their mean values have small squares, whose sum is exact enough.
        squares = sum([(value - mean) * (value - mean) for value in values])
        for number, (x, y) in enumerate(zip(before, after, strict=True)):
            moved = (y - x) / count
            variance = (squares + (y - x) * (y + x - 2.0 * mean)) / count - moved * moved
            if variance > 0.0:
                found[number] += weight * sqrt(variance)
    return found
