"""Real scores of a group with some nodes replaced, many at a time.

To the last bit what ``score.score`` gives: NumPy's ``accumulate`` adds one after the
other, as is done there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ganeti_tw.htools.arrays import RESERVED, Nodes
from ganeti_tw.htools.cluster import Cluster
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.score import (
    COMPONENTS,
    LOCATION,
    N1,
    OFFLINE_ALL,
    OFFLINE_PRIMARY,
    RESERVED_TOTAL,
    SPREAD,
    TAGS,
    clashes,
    score,
    total,
)

_COUNTS = (N1, OFFLINE_ALL, OFFLINE_PRIMARY, TAGS, LOCATION)
# So many at a time, to keep the arrays small.
_MANY = 128


class Exact:
    """``nodes`` must be kept up to date by the caller, before :meth:`refresh`."""

    def __init__(self, cluster: Cluster, members: Sequence[int], nodes: Nodes) -> None:
        self._members = list(members)
        self._nodes = nodes
        self._online = np.flatnonzero(nodes.online)
        self._column = {self._members[n]: place for place, n in enumerate(self._online)}
        self._counts = {index: _counts(cluster.nodes[index]) for index in members}
        self._sums = [sum(column) for column in zip(*self._counts.values(), strict=True)]
        # Tags that clash at one location are counted over all nodes together.
        self._over_all = bool(nodes.location_names) and any(cluster.nodes[n].exclusion for n in members)

    def refresh(self, cluster: Cluster, changed: Iterable[int]) -> None:
        for index in changed:
            new = _counts(cluster.nodes[index])
            self._sums = [amount + b - a for amount, a, b in zip(self._sums, self._counts[index], new, strict=True)]
            self._counts[index] = new

    def scores(self, cluster: Cluster, variants: Sequence[Mapping[int, Node]]) -> list[float]:
        """The score with these nodes in place of those they are instead of."""
        if self._over_all:
            return [score([changed.get(n) or cluster.nodes[n] for n in self._members]) for changed in variants]
        found: list[float] = []
        for start in range(0, len(variants), _MANY):
            found += self._scores(variants[start : start + _MANY])
        return found

    def _scores(self, variants: Sequence[Mapping[int, Node]]) -> list[float]:
        values = np.repeat(self._nodes.metrics[None, :, self._online], len(variants), axis=0)
        for place, changed in enumerate(variants):
            for index, node in changed.items():
                column = self._column.get(index)
                if column is not None:
                    values[place, :, column] = node.metrics()
        count = len(self._online)
        sums = np.add.accumulate(values, axis=2)[:, :, -1]
        distances = values - (sums / count)[:, :, None]
        squares = np.add.accumulate(distances * distances, axis=2)[:, :, -1]
        spreads = np.sqrt(squares / count)
        return [
            self._total(spreads[place].tolist(), float(sums[place, RESERVED]), changed)
            for place, changed in enumerate(variants)
        ]

    def _total(self, spreads: Sequence[float], reserved: float, changed: Mapping[int, Node]) -> float:
        values = [0.0] * len(COMPONENTS)
        for position, value in zip(SPREAD, spreads, strict=True):
            values[position] = value
        sums = list(self._sums)
        for index, node in changed.items():
            for place, (old, new) in enumerate(zip(self._counts[index], _counts(node), strict=True)):
                sums[place] += new - old
        for position, amount in zip(_COUNTS, sums, strict=True):
            values[position] = float(amount)
        values[RESERVED_TOTAL] = reserved
        return total(values)


def _counts(node: Node) -> tuple[int, ...]:
    """What a node adds to the components that are whole numbers, in the order of ``_COUNTS``."""
    primaries = len(node.primaries)
    both = primaries + len(node.secondaries)
    if node.offline:
        return 0, both, primaries, 0, 0
    return both if node.n1_failure else 0, 0, 0, clashes(node) if node.exclusion else 0, node.location_score
