"""Scores of many variants of one state, quickly.

A variant changes a few nodes, so sums over all nodes need only these.  The values
differ from the real ones in the last digits: :class:`Contest` therefore scores all
that come close to the winner the long way before it decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import sqrt
from typing import Generic, NamedTuple, TypeVar

from ganeti_tw.htools.cluster import Cluster
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.score import (
    LOCATION,
    LOCATION_EXCLUSION,
    N1,
    OFFLINE_ALL,
    OFFLINE_PRIMARY,
    RESERVED_TOTAL,
    SPREAD,
    SPREAD_WEIGHTS,
    TAGS,
    WEIGHTS,
    clashes,
    endangered,
    location_counts,
    score,
    without_spreads,
)

# Estimates and real scores differ by less: a spread near 0 is the root of a rounding error.
TOLERANCE = 1e-7

# With so few nodes a real score takes no longer than an estimate.
_FEW = 12

_RESERVED = 2
_RESERVED_WEIGHT = WEIGHTS[RESERVED_TOTAL]


class Estimator:
    """Scores near enough of a set of nodes in which some are replaced."""

    def __init__(self, cluster: Cluster, members: Sequence[int]) -> None:
        self._nodes = {index: cluster.nodes[index] for index in members}
        nodes = list(self._nodes.values())
        online = [node for node in nodes if not node.offline]
        self._none_online = not online
        self._count = float(len(online)) or 1.0
        columns = list(zip(*[node.metrics() for node in online], strict=True)) or [()] * len(SPREAD)
        # Values are taken relative to their mean, so that squares stay small and their sums exact enough.
        self._means = [sum(column) / self._count for column in columns]
        self._squares = [
            sum((value - mean) * (value - mean) for value in column)
            for column, mean in zip(columns, self._means, strict=True)
        ]
        # What each spread counts as it is.
        self._spreads = [
            weight * sqrt(amount / self._count) for weight, amount in zip(SPREAD_WEIGHTS, self._squares, strict=True)
        ]
        self._fixed = without_spreads(nodes)
        self._plain_parts = {index: plain_part(node) for index, node in self._nodes.items()}
        self._counts = location_counts(online)

    def score(self, changed: Mapping[int, Node]) -> float:
        if self._none_online:
            return 0.0
        pairs = [(self._nodes[index], node) for index, node in changed.items() if index in self._nodes]
        result = self._fixed
        for index, node in changed.items():
            if index in self._plain_parts:
                result += plain_part(node) - self._plain_parts[index]
        if self._counts or any(new.present_exclusion and new.hardware.location_tags for _, new in pairs):
            result += self._location_part(pairs)
        online = [(old.metrics(), new.metrics()) for old, new in pairs if not old.offline]
        if not online:
            return result + sum(self._spreads)
        count = self._count
        befores = zip(*[before for before, _ in online], strict=True)
        afters = zip(*[after for _, after in online], strict=True)
        for weight, mean, squares, spread, before, after in zip(
            SPREAD_WEIGHTS, self._means, self._squares, self._spreads, befores, afters, strict=True
        ):
            if before == after:
                result += spread
                continue
            moved = 0.0
            for x, y in zip(before, after, strict=True):
                moved += y - x
                squares += (y - x) * (y + x - 2.0 * mean)
            moved /= count
            variance = squares / count - moved * moved
            if variance > 0.0:
                result += weight * sqrt(variance)
        return result

    def _location_part(self, pairs: Sequence[tuple[Node, Node]]) -> float:
        before = location_counts([old for old, _ in pairs if not old.offline])
        after = location_counts([new for _, new in pairs if not new.offline])
        more = 0
        for key in before.keys() | after.keys():
            was = self._counts.get(key, 0)
            now = was - before.get(key, 0) + after.get(key, 0)
            more += max(now - 1, 0) - max(was - 1, 0)
        return WEIGHTS[LOCATION_EXCLUSION] * more


def plain_part(node: Node) -> float:
    """What a node adds to the score on its own."""
    if node.offline:
        primaries = len(node.primaries)
        return WEIGHTS[OFFLINE_ALL] * (primaries + len(node.secondaries)) + WEIGHTS[OFFLINE_PRIMARY] * primaries
    part = _RESERVED_WEIGHT * node.metrics()[_RESERVED] + WEIGHTS[LOCATION] * node.location_score
    part += WEIGHTS[N1] * endangered(node)
    if node.exclusion:
        part += WEIGHTS[TAGS] * clashes(node)
    return part


def _real_scores(cluster: Cluster, members: Sequence[int]) -> _Score:
    nodes = cluster.nodes
    return lambda changed: score([changed[n] if n in changed else nodes[n] for n in members])


def _near_scores(cluster: Cluster, members: Sequence[int]) -> _Score:
    if len(members) <= _FEW:
        return _real_scores(cluster, members)
    return Estimator(cluster, members).score


_Score = Callable[[Mapping[int, Node]], float]
T = TypeVar("T")


class _Entry(NamedTuple, Generic[T]):
    estimate: float
    changed: Mapping[int, Node]
    what: T
    extra: float


class Won(NamedTuple, Generic[T]):
    """``worth`` is the score with what was added to it."""

    worth: float
    what: T
    score: float


class Contest(Generic[T]):
    """Variants of a state, of which the one with the lowest score wins."""

    def __init__(self, cluster: Cluster, members: Sequence[int]) -> None:
        self._estimate = _near_scores(cluster, members)
        self._score = _real_scores(cluster, members)
        self._close: list[_Entry[T]] = []
        self._lowest = self._limit = float("inf")

    def enter(self, changed: Mapping[int, Node], what: T, extra: float = 0.0) -> None:
        """``extra`` is added to the score."""
        estimate = self._estimate(changed) + extra
        if estimate > self._limit:
            return
        if estimate < self._lowest:
            self._lowest = estimate
            self._limit = limit = estimate + TOLERANCE * max(1.0, abs(estimate))
            self._close = [entry for entry in self._close if entry.estimate <= limit]
        self._close.append(_Entry(estimate, changed, what, extra))

    def first(self) -> Won[T] | None:
        """The winner; of equals the one entered first."""
        best: Won[T] | None = None
        for found in self._scored():
            if best is None or found.worth < best.worth:
                best = found
        return best

    def last(self) -> Won[T] | None:
        """The winner; of equals the one entered last."""
        best: Won[T] | None = None
        for found in self._scored():
            if best is None or found.worth <= best.worth:
                best = found
        return best

    def _scored(self) -> Iterator[Won[T]]:
        for entry in self._close:
            value = self._score(entry.changed)
            yield Won(value + entry.extra, entry.what, value)


class Ranking(Generic[T]):
    """Variants of a state, of which so many of the lowest score are wanted."""

    def __init__(self, cluster: Cluster, members: Sequence[int], count: int) -> None:
        self._estimate = _near_scores(cluster, members)
        self._score = _real_scores(cluster, members)
        self._count = count
        self._entries: list[_Entry[T]] = []

    def enter(self, changed: Mapping[int, Node], what: T, extra: float = 0.0) -> None:
        """``extra`` is added to the score."""
        self._entries.append(_Entry(self._estimate(changed) + extra, changed, what, extra))

    def first(self) -> list[Won[T]]:
        """The lowest; of equals those entered first."""
        if not self._entries:
            return []
        estimates = sorted(entry.estimate for entry in self._entries)
        last = estimates[min(self._count, len(estimates)) - 1]
        limit = last + TOLERANCE * max(1.0, abs(last))
        found = []
        for entry in self._entries:
            if entry.estimate <= limit:
                value = self._score(entry.changed)
                found.append(Won(value + entry.extra, entry.what, value))
        found.sort(key=lambda won: won.worth)
        return found[: self._count]
