"""The best move of a balancing step.

All moves of all instances are scored with NumPy; those within ``TOLERANCE`` of the
lowest are then made for real and scored the long way, since the array scores are off
in the last digits.

A step changes three nodes at most.  What a move of other instances between other
nodes would gain changes only because the spreads have become smaller or larger, and
``Drift`` bounds by how much.  So a large group's scores are kept from step to step as
lower bounds, and only instances that might win are looked at again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ganeti_tw.htools.arrays import Candidates, Columns, Floats, Ints, Nodes
from ganeti_tw.htools.balance import Best, Limits, Search, one_by_one
from ganeti_tw.htools.block import KINDS, Block
from ganeti_tw.htools.cluster import Cluster
from ganeti_tw.htools.cost import penalty
from ganeti_tw.htools.drift import Drift
from ganeti_tw.htools.estimate import TOLERANCE
from ganeti_tw.htools.exact import Exact
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.moves import Kind, Move, Outcome, attempt
from ganeti_tw.htools.rows import Present
from ganeti_tw.htools.score import SPREAD, WEIGHTS, components

# Up to so many pairs of instance and target, looking at all is quicker than keeping books.
_FEW = 16_000
_ALL = 1 << 62
# Pairs looked at in one go: more do not stay in the processor's cache.
_AT_ONCE = 24_000
# Of the instances that might win, so many are looked at to set the bar; then this many times more.
_BATCH = 32
_MORE = 8


def vectorised(
    cluster: Cluster, members: Sequence[int], candidates: Sequence[int], limits: Limits, *, few: int = _FEW
) -> Search:
    """A search over arrays, where all nodes of the group keep disks the same way.

    Bounds are kept when there are more than ``few`` pairs of instance and target.
    """
    if not _alike(cluster, members, candidates):
        return one_by_one(members, candidates, limits)
    return _Search(cluster, members, candidates, limits, few=few).best


def ranking(
    cluster: Cluster, members: Sequence[int], candidates: Sequence[int], limits: Limits
) -> Callable[[Cluster, int], list[Best]] | None:
    """The moves of most worth in any state of the cluster; None where arrays do not help."""
    if not _alike(cluster, members, candidates):
        return None
    return _Search(cluster, members, candidates, limits, few=_ALL).several


def _alike(cluster: Cluster, members: Sequence[int], candidates: Sequence[int]) -> bool:
    """Whether arrays tell all: some node is online, and the same changes all nodes alike."""
    exclusive = {cluster.nodes[index].hardware.exclusive_storage for index in members}
    if len(exclusive) > 1 or all(cluster.nodes[index].offline for index in members):
        return False
    instances = [cluster.instances[index] for index in candidates]
    # Where an unknown number of spindles ends up does not add up.
    return not exclusive.pop() or all(each.local_disk or each.disk_spindles is not None for each in instances)


class _Search:
    def __init__(
        self,
        cluster: Cluster,
        members: Sequence[int],
        candidates: Sequence[int],
        limits: Limits,
        *,
        few: int,
    ) -> None:
        exclusive = cluster.nodes[members[0]].hardware.exclusive_storage
        tags = sorted({tag for index in candidates for tag in cluster.instances[index].exclusion})
        self.limits = limits
        self.members = list(members)
        self.nodes = Nodes(cluster, members, tags)
        self.rows = Candidates(cluster, candidates, self.nodes, exclusive=exclusive, tags=tags)
        self.columns = Columns(self.nodes, self.rows)
        self.exact = Exact(cluster, members, self.nodes)
        self.prices = _prices(self.rows, cluster, limits.price) if limits.price else None
        self.mirrored = np.array([cluster.instances[index].mirrored for index in self.rows.indices], dtype=np.bool_)
        self.targets = np.flatnonzero(self.nodes.online)
        self.target_of = {int(n): place for place, n in enumerate(self.targets)}
        # Tags that clash at one location tie all nodes together: then no bound holds.
        self.keeps_bounds = len(candidates) * len(self.targets) > few and not (tags and self.nodes.location_names)
        self.bounds = Bounds(len(self.rows.indices), len(self.targets))
        self.drift: Drift | None = None
        self._last: Best | None = None
        self._seen = cluster.copy()

    def several(self, cluster: Cluster, count: int) -> list[Best]:
        """So many moves of most worth in this state, whatever was asked before; they may be worse than none."""
        self._catch_up(cluster)
        scan = Scan(self, Present(self.nodes, self.columns, self._fixed(cluster)), float("inf"), count)
        scan.look_at(scan.wanted)
        found = self._made(cluster, scan.close())
        return sorted(found, key=lambda best: best.worth)[:count]

    def _catch_up(self, cluster: Cluster) -> None:
        """Read the nodes and places that differ from those of the state before."""
        seen, self._seen = self._seen, cluster.copy()
        nodes = [n for n in self.members if cluster.nodes[n] is not seen.nodes[n]]
        moved = [n for n in self.rows.indices if cluster.places[n] != seen.places[n]]
        self.nodes.refresh(cluster, nodes)
        self.exact.refresh(cluster, nodes)
        self.rows.refresh(cluster, self.nodes, moved)

    def best(self, cluster: Cluster, now: float) -> Best | None:
        """The best move that beats ``now``, the score of the nodes as they are."""
        changed: list[int] = []
        if self._last is not None:
            self.nodes.refresh(cluster, self._last.outcome.nodes)
            self.exact.refresh(cluster, self._last.outcome.nodes)
            self.rows.refresh(cluster, self.nodes, [self._last.instance.index])
            changed = [self.nodes.position[index] for index in self._last.outcome.nodes]
        present = Present(self.nodes, self.columns, self._fixed(cluster))
        scan = Scan(self, present, now)
        if self.keeps_bounds:
            if self.drift is not None:
                self.bounds.loosen(self.drift.step(present))
            else:
                self.drift = Drift(self.columns, self.rows, present)
            self.drift.settle(present)
        if self.keeps_bounds and self._last is not None:
            self._look_again(scan, changed)
        else:
            scan.look_at(scan.wanted)
        self._last = self._choose(cluster, now, scan.close())
        return self._last

    def _fixed(self, cluster: Cluster) -> float:
        values = components([cluster.nodes[index] for index in self.members])
        return sum(WEIGHTS[n] * value for n, value in enumerate(values) if n not in SPREAD)

    def _look_again(self, scan: Scan, changed: Sequence[int]) -> None:
        """At what touches changed nodes, then at the rest from the most promising on."""
        touched = np.isin(self.rows.primary, changed) | np.isin(self.rows.secondary, changed)
        scan.look_at(np.flatnonzero(touched & scan.is_wanted))
        columns = np.array(sorted(1 + self.target_of[n] for n in changed if n in self.target_of), dtype=np.intp)
        if len(columns):
            scan.look_at(np.flatnonzero(~touched & scan.is_wanted), columns)
        many = _BATCH
        while len(rows := scan.promising(many)):
            scan.look_at(rows, self.bounds.within(rows, scan.limit))
            scan.leave(rows)
            many *= _MORE

    def _choose(self, cluster: Cluster, now: float, close: Sequence[tuple[int, int]]) -> Best | None:
        """The first of equals in the order of ``balance.moves_of``."""
        best: Best | None = None
        for each in self._made(cluster, close):
            if each.worth < (best.worth if best else now):
                best = each
        return best

    def _made(self, cluster: Cluster, close: Sequence[tuple[int, int]]) -> list[Best]:
        """These moves with their real scores."""
        entries: list[tuple[Instance, Move, Outcome]] = []
        for row, column in close:
            instance = cluster.instances[self.rows.indices[row]]
            move = self._move(instance.mirrored, column)
            outcome = attempt(cluster, instance, move, self.limits.ignore_soft_errors)
            if not isinstance(outcome, Fail):
                entries.append((instance, move, outcome))
        scores = self.exact.scores(cluster, [outcome.nodes for _, _, outcome in entries])
        return [
            Best(instance, move, outcome, score, score + penalty(instance, move.kind, self.limits.price))
            for (instance, move, outcome), score in zip(entries, scores, strict=True)
        ]

    def _move(self, mirrored: bool, column: int) -> Move:
        if column == 0:
            return Move(Kind.FAILOVER)
        target, kind = divmod(column - 1, len(KINDS))
        return Move(KINDS[kind] if mirrored else Kind.FAILOVER_TO, self.members[self.targets[target]])


def _prices(rows: Candidates, cluster: Cluster, price: float) -> Floats:
    """For each instance what a failover adds to the score, and each kind of move to a target."""
    found = []
    for index in rows.indices:
        instance = cluster.instances[index]
        kinds = (Kind.FAILOVER, *KINDS) if instance.mirrored else [Kind.FAILOVER_TO] * (1 + len(KINDS))
        found.append([penalty(instance, kind, price) for kind in kinds])
    return np.array(found, dtype=np.float64).reshape(len(found), 1 + len(KINDS))


class Bounds:
    """For each instance and target the least that the best of its moves may add to the score.

    Column 0 is the failover.  ``loose`` is taken off all of an instance's entries.
    """

    def __init__(self, rows: int, targets: int) -> None:
        self._entries = np.full((rows, 1 + targets), np.inf)
        self._least = np.full(rows, np.inf)
        self._loose = np.zeros(rows)

    def loosen(self, amount: Floats) -> None:
        self._loose += amount

    def least(self) -> Floats:
        result: Floats = self._least - self._loose
        return result

    def within(self, rows: Ints, limit: float) -> Ints:
        """The columns in which any of these instances may do with so little."""
        entries = self._entries[rows] <= (self._loose[rows] + limit)[:, None]
        return np.flatnonzero(entries.any(axis=0))

    def set(self, rows: Ints, columns: Ints | None, values: Floats) -> None:
        """New values for these columns, or for all."""
        values = values + self._loose[rows][:, None]
        if columns is None:
            self._entries[rows] = values
            self._least[rows] = values.min(axis=1)
            return
        old = self._entries[rows[:, None], columns]
        self._entries[rows[:, None], columns] = values
        least = self._least[rows]
        lost = rows[old.min(axis=1) <= least]
        self._least[rows] = np.minimum(least, values.min(axis=1))
        self._least[lost] = self._entries[lost].min(axis=1)


class Scan:
    """What has been looked at in one step; ``count`` is how many of the lowest are wanted."""

    def __init__(self, search: _Search, present: Present, now: float, count: int = 1) -> None:
        self.search = search
        self.present = present
        self.margin = TOLERANCE * max(1.0, min(now, present.score))
        self.lowest = now
        self._count = count
        self.is_wanted = self._wanted()
        self.wanted = np.flatnonzero(self.is_wanted)
        self._left = self.is_wanted.copy()
        self._found: list[tuple[Ints, Ints, Floats]] = []

    def _wanted(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        search, rows = self.search, self.search.rows
        wanted = search.mirrored | search.limits.instance_moves
        if search.limits.evacuating:
            online = search.nodes.online
            wanted = wanted & (~online[rows.primary] | ((rows.secondary >= 0) & ~online[rows.secondary]))
        return wanted

    @property
    def limit(self) -> float:
        """What a move may add to the score and still be among the lowest."""
        return self.lowest + self.margin - self.present.score

    def look_at(self, rows: Ints, columns: Ints | None = None) -> None:
        """Score moves of these instances: all, or those in some of the bounds' columns."""
        width = max(1, len(self.search.targets) if columns is None else len(columns))
        many = max(1, _AT_ONCE // width)
        mirrored = self.search.mirrored[rows]
        for part in (rows[mirrored], rows[~mirrored]):
            for start in range(0, len(part), many):
                self._look_at(part[start : start + many], columns)
        if columns is None:
            self.leave(rows)

    def leave(self, rows: Ints) -> None:
        """Nothing more is to be learnt of these."""
        self._left[rows] = False

    def _look_at(self, rows: Ints, columns: Ints | None) -> None:
        search = self.search
        failovers = columns is None or (len(columns) > 0 and columns[0] == 0)
        places = np.arange(len(search.targets)) if columns is None else columns[columns > 0] - 1
        targets = search.targets[places]
        block = Block(search.limits, search.nodes, search.rows, search.columns, self.present, rows, targets)
        scores = block.mirrored_scores(failovers=failovers) if search.mirrored[rows[0]] else block.external_scores()
        if search.prices is not None:
            of_kinds = np.tile(search.prices[rows, 1:], (1, len(places)))
            scores = scores + np.concatenate([search.prices[rows, :1], of_kinds], axis=1)
        self._keep(rows, places, scores)
        if not search.keeps_bounds:
            return
        gains = scores - self.present.score
        best = gains[:, 1 :: len(KINDS)]
        for kind in range(2, 1 + len(KINDS)):
            best = np.minimum(best, gains[:, kind :: len(KINDS)])
        search.bounds.set(rows, columns, np.concatenate([gains[:, :1], best], axis=1) if failovers else best)

    def _keep(self, rows: Ints, places: Ints, scores: Floats) -> None:
        self.lowest = min(self.lowest, self._bar(scores))
        near = np.nonzero((scores <= self.lowest + self.margin) & (scores < np.inf))
        numbers = np.concatenate([[0], (1 + places[:, None] * len(KINDS) + np.arange(len(KINDS))).ravel()])
        self._found.append((rows[near[0]], numbers[near[1]], scores[near]))

    def _bar(self, scores: Floats) -> float:
        """The highest of the lowest wanted."""
        if self._count == 1 or scores.size <= self._count:
            return float(scores.min(initial=np.inf)) if self._count == 1 else np.inf
        return float(np.partition(scores, self._count - 1, axis=None)[self._count - 1])

    def promising(self, many: int) -> Ints:
        """Of the instances that may win and were not looked at yet, so many of the best."""
        least = self.search.bounds.least()
        left = np.flatnonzero(self._left & (least <= self.limit))
        if len(left) > many:
            left = left[np.argpartition(least[left], many)[:many]]
        return left

    def close(self) -> list[tuple[int, int]]:
        """Instance and number of each move near the lowest, in order."""
        found: set[tuple[int, int]] = set()
        for rows, numbers, scores in self._found:
            near = scores <= self.lowest + self.margin
            found.update(zip(rows[near].tolist(), numbers[near].tolist(), strict=True))
        return sorted(found)
