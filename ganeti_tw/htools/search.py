"""The best move of a balancing step, all candidates at once.

The score of a move differs from the present one by what changes on at most three
nodes.  With values taken relative to their mean, the variance of a metric after
a move is

    (Q + q) / n - (d / n) ** 2

where Q is the sum of squares now, q and d are the changes of squares and of values.
For a move of instance i to node t both are sums of a part that only i decides and
products of a number of i's and a number of t's, hence a small matrix product.

These scores are off in the last digits.  All moves within ``TOLERANCE`` of the
lowest are therefore made for real and scored the long way.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ganeti_tw.htools.arrays import METRICS, RESERVED, Bools, Candidates, Columns, Floats, Ints, Nodes
from ganeti_tw.htools.balance import Best, Limits, Search, leaving_offline, one_by_one, try_move
from ganeti_tw.htools.cluster import Cluster
from ganeti_tw.htools.estimate import TOLERANCE
from ganeti_tw.htools.moves import Kind, Move
from ganeti_tw.htools.score import (
    LOCATION,
    LOCATION_EXCLUSION,
    N1,
    OFFLINE_ALL,
    OFFLINE_PRIMARY,
    RESERVED_TOTAL,
    SPREAD,
    TAGS,
    WEIGHTS,
    without_spreads,
)

KINDS = (Kind.REPLACE_SECONDARY, Kind.REPLACE_AND_FAILOVER, Kind.REPLACE_PRIMARY, Kind.FAILOVER_AND_REPLACE)
_R, _RF, _FRF, _FR = range(4)

_TOTAL = WEIGHTS[RESERVED_TOTAL]
_RESERVED_WEIGHT = WEIGHTS[SPREAD[RESERVED]]


def vectorised(cluster: Cluster, members: Sequence[int], candidates: Sequence[int], limits: Limits) -> Search:
    """A search over arrays, where all nodes of the group keep disks the same way."""
    exclusive = {cluster.nodes[index].hardware.exclusive_storage for index in members}
    if len(exclusive) > 1 or all(cluster.nodes[index].offline for index in members):
        return one_by_one(members, candidates, limits)
    return _Search(cluster, members, candidates, limits, exclusive=exclusive.pop()).best


class _Search:
    def __init__(
        self,
        cluster: Cluster,
        members: Sequence[int],
        candidates: Sequence[int],
        limits: Limits,
        *,
        exclusive: bool,
    ) -> None:
        tags = sorted({tag for index in candidates for tag in cluster.instances[index].exclusion})
        self.limits = limits
        self.members = list(members)
        self.nodes = Nodes(cluster, members, tags)
        self.rows = Candidates(cluster, candidates, self.nodes, exclusive=exclusive, tags=tags)
        self.columns = Columns(self.nodes, self.rows)
        mirrored = np.array([cluster.instances[index].mirrored for index in self.rows.indices], dtype=np.bool_)
        self.mirrored = np.flatnonzero(mirrored)
        self.external = np.flatnonzero(~mirrored)
        self.targets = np.flatnonzero(self.nodes.online)
        self.fixed = 0.0
        self._last: Best | None = None

    def best(self, cluster: Cluster, now: float) -> Best | None:
        """The best move that beats ``now``, the score of the nodes as they are."""
        if self._last is not None:
            self.nodes.refresh(cluster, self._last.outcome.nodes)
            self.rows.refresh(cluster, self.nodes, [self._last.instance.index])
        found = self._choose(cluster, now)
        self._last = found
        return found

    def _choose(self, cluster: Cluster, now: float) -> Best | None:
        self.fixed = without_spreads([cluster.nodes[index] for index in self.members])
        mirrored, external = self._wanted(cluster, self.mirrored), self._wanted(cluster, self.external)
        scores = []
        if len(mirrored):
            scores.append((mirrored, Block(self, mirrored).mirrored_scores()))
        if len(external) and self.limits.instance_moves:
            scores.append((external, Block(self, external).external_scores()))
        lowest = min((float(block.min()) for _, block in scores), default=np.inf)
        limit = min(lowest, now) + TOLERANCE * max(1.0, now)
        close = []
        for rows, block in scores:
            for row, column in zip(*np.nonzero(block <= limit), strict=True):
                close.append((int(rows[row]), int(column)))
        best: Best | None = None
        for row, column in sorted(close):
            instance = cluster.instances[self.rows.indices[row]]
            move = self._move(instance.mirrored, column)
            found = try_move(cluster, self.members, instance, move, self.limits.ignore_soft_errors)
            if found is not None and found.score < (best.score if best else now):
                best = found
        return best

    def _wanted(self, cluster: Cluster, rows: Ints) -> Ints:
        if not self.limits.evacuating:
            return rows
        leaving = [leaving_offline(cluster, cluster.places[self.rows.indices[row]]) for row in rows]
        return rows[np.array(leaving, dtype=np.bool_)]

    def _move(self, mirrored: bool, column: int) -> Move:
        if not mirrored:
            return Move(Kind.FAILOVER_TO, self.members[self.targets[column]])
        if column == 0:
            return Move(Kind.FAILOVER)
        target, kind = divmod(column - 1, len(KINDS))
        return Move(KINDS[kind], self.members[self.targets[target]])


class Block:
    """Scores of all moves of some of the instances, infinite where a move is not allowed."""

    def __init__(self, search: _Search, rows: Ints) -> None:
        self.limits = search.limits
        self.columns = search.columns
        self.nodes = nodes = search.nodes
        self.rows = rows
        self.targets = search.targets
        every = search.rows
        self.primary = every.primary[rows]
        self.secondary = every.secondary[rows]
        self.used_memory = every.used_memory[rows]
        self.memory = every.memory[rows]
        self.reserved = every.reserved[rows]
        self.planned_reserved = every.planned_reserved[rows]
        self.disk = every.disk[rows]
        self.cpus = every.cpus[rows]
        self.spindle_use = every.spindle_use[rows]
        self.spindles = every.spindles[rows]
        self.real = every.real[rows]
        self.location = every.location[rows]
        self.tags = every.tags[rows]
        self.unmet = every.unmet[rows] if every.wishes else None
        self.as_primary = every.as_primary[:, rows]
        self.as_secondary = every.as_secondary[:, rows]
        # Offline nodes have no part in spreads.
        online = nodes.online
        self.count = float(online.sum())
        self.scale = nodes.scale * online
        means = nodes.metrics[:, online].sum(axis=1) / self.count
        self.centred = (nodes.metrics - means[:, None]) * online
        self.squares = (self.centred * self.centred).sum(axis=1)
        self.force_primary = search.limits.ignore_soft_errors | ~online[self.primary]
        self._constant = search.fixed

    # -- whole moves

    def mirrored_scores(self) -> Floats:
        """One row for each instance: the failover, then for each target the four kinds in turn."""
        limits, nodes, targets = self.limits, self.nodes, self.targets
        p, s = self.primary, self.secondary
        result = np.full((len(self.rows), 1 + len(KINDS) * len(targets)), np.inf)
        online_s = nodes.online[s]
        self.force_secondary = limits.ignore_soft_errors | ~online_s
        via_secondary = online_s & limits.instance_moves
        self.left_s = self._reserved_without(s, p)
        self.p_to_s = nodes.migration[p, s]
        self.s_takes_over = self._secondary_becomes_primary()
        if via_secondary.any():
            result[:, 0] = np.where(via_secondary, self._failover(), np.inf)
        if not limits.disk_moves or not len(targets):
            return result
        elsewhere = (targets[None, :] != p[:, None]) & (targets[None, :] != s[:, None])
        self.takes_disk = elsewhere & self._takes_disk()
        result[:, 1 + _R :: len(KINDS)] = self._replace_secondary(elsewhere)
        if not limits.instance_moves:
            return result
        unrestricted = ~nodes.online[p] if limits.restricted_migration else np.ones(len(p), dtype=np.bool_)
        self.takes_primary = self._takes_primary()
        self.p_to_t = nodes.migration[p][:, targets]
        if unrestricted.any():
            result[:, 1 + _RF :: len(KINDS)] = self._replace_and_failover(elsewhere & unrestricted[:, None])
            allowed = elsewhere & (unrestricted & via_secondary)[:, None]
            if not limits.restricted_migration:
                result[:, 1 + _FRF :: len(KINDS)] = self._replace_primary(allowed)
            result[:, 1 + _FR :: len(KINDS)] = self._failover_and_replace(allowed)
        return result

    def external_scores(self) -> Floats:
        """One row for each instance, one column for each target."""
        nodes, targets, p = self.nodes, self.targets, self.primary
        allowed = (targets[None, :] != p[:, None]) & nodes.migration[p][:, targets]
        fits, hard = self._takes_primary()
        allowed &= hard & (fits | self.force_primary[:, None])
        zeros = np.zeros((METRICS, len(p)))
        score = self._spreads(-self.as_primary, zeros, self.as_primary, with_secondary=False)
        score += self._reserved_spread(None, None)
        score += self._constant + self._leaving_primary()[:, None] + self._entering_primary()
        score += self._offline_change(p_role=None, s_role=None)[:, None]
        score += self._moved_primary(keep_location=True)
        return np.where(allowed, score, np.inf)

    def _failover(self) -> Floats:
        nodes, p, s = self.nodes, self.primary, self.secondary
        new_p = np.maximum(nodes.reserved[p], nodes.peers[p, s] + self.reserved)
        unused_p = nodes.unused[p] + self.used_memory
        was_bad = unused_p <= nodes.reserved[p]
        hard = ((nodes.disk_left[p] > 0) | ~nodes.online[p] | (self.real == 0)) & self._spindles_stay(p)
        soft = self._keeps_disk(p) & self._room_for_reserve(
            p, unused_p, was_bad, nodes.peers[p, s], nodes.planned_memory[p] + self.memory
        )
        allowed = self.p_to_s & self.s_takes_over & hard & (soft | self.force_primary)
        role = self.as_secondary - self.as_primary
        change, square = self._ends(role, -role)
        score = np.full(len(p), self._constant)
        for metric, weight in self.columns.each:
            variance = (self.squares[metric] + square[metric]) / self.count - (change[metric] / self.count) ** 2
            score += weight * np.sqrt(np.maximum(variance, 0.0))
        d_p, q_p = self._reserved_change(p, new_p)
        d_s, q_s = self._reserved_change(s, self.left_s)
        variance = (self.squares[RESERVED] + q_p + q_s) / self.count - ((d_p + d_s) / self.count) ** 2
        score += _RESERVED_WEIGHT * np.sqrt(np.maximum(variance, 0.0)) + _TOTAL * (d_p + d_s)
        score += WEIGHTS[N1] * (
            self._flagged(p, unused_p <= new_p, 0.0)
            + self._flagged(s, nodes.unused[s] - self.used_memory <= self.left_s, 0.0)
        )
        score += self._offline_change(p_role="secondary", s_role="primary")
        score += self._moved_to(s, self.location)
        return np.where(allowed, score, np.inf)

    def _replace_secondary(self, elsewhere: Bools) -> Floats:
        nodes, p, s = self.nodes, self.primary, self.secondary
        hard_p = (nodes.unused[p] > 0) & (nodes.disk_left[p] > 0) | (self.real == 0)
        hard_p &= self._spindles_stay(p)
        new_t, fits = self._as_secondary_of(p)
        allowed = elsewhere & hard_p[:, None] & self._target_disk_hard() & (fits | self.force_secondary[:, None])
        nothing = np.zeros_like(self.as_primary)
        score = self._spreads(nothing, -self.as_secondary, self.as_secondary)
        score += self._reserved_spread(new_t, (s, self.left_s))
        gone = self._flagged(s, nodes.unused[s] <= self.left_s, -1.0)
        score += (
            self._constant
            + WEIGHTS[N1] * (gone[:, None] + self._flagged_target(nodes.unused[self.targets], new_t))
            + self._offline_change(p_role="primary", s_role=None)[:, None]
            + self._new_location(self.primary[:, None], self.targets[None, :], self.location)
        )
        return np.where(allowed, score, np.inf)

    def _replace_and_failover(self, elsewhere: Bools) -> Floats:
        nodes, p, s, targets = self.nodes, self.primary, self.secondary, self.targets
        fits, hard = self.takes_primary
        peers = nodes.peers[p][:, targets]
        new_p = np.maximum(nodes.reserved[p][:, None], peers + self.reserved[:, None])
        unused_p = nodes.unused[p] + self.used_memory
        was_bad = unused_p <= nodes.reserved[p]
        hard_p = ((nodes.disk_left[p] > 0) | (self.real == 0)) & self._spindles_stay(p)
        room = self._room_for_reserve(
            p[:, None],
            unused_p[:, None],
            was_bad[:, None],
            peers,
            (nodes.planned_memory[p] + self.memory)[:, None],
            column=True,
        )
        soft = self._keeps_disk(p)[:, None] & room
        allowed = elsewhere & self.p_to_t & hard & hard_p[:, None] & (soft | self.force_secondary[:, None])
        allowed &= fits | self.limits.ignore_soft_errors
        score = self._spreads(self.as_secondary - self.as_primary, -self.as_secondary, self.as_primary)
        score += self._reserved_spread(None, (s, self.left_s), other=(p, new_p))
        gone = self._flagged(s, nodes.unused[s] <= self.left_s, -1.0)
        stays = self._flagged_matrix(p, unused_p[:, None] <= new_p)
        score += (
            self._constant
            + WEIGHTS[N1] * (gone[:, None] + stays)
            + self._entering_primary()
            + self._offline_change(p_role="secondary", s_role=None)[:, None]
            + self._moved_primary(partner=p)
        )
        return np.where(allowed, score, np.inf)

    def _replace_primary(self, elsewhere: Bools) -> Floats:
        nodes, s, targets = self.nodes, self.secondary, self.targets
        fits, hard = self.takes_primary
        peers = nodes.peers[s][:, targets]
        new_s = np.maximum(self.left_s[:, None], peers + self.reserved[:, None])
        was_bad = nodes.unused[s] <= self.left_s
        hard_s = ((nodes.disk_left[s] > 0) | (self.real == 0)) & self._spindles_stay(s)
        room = self._room_for_reserve(
            s[:, None],
            nodes.unused[s][:, None],
            was_bad[:, None],
            peers,
            nodes.planned_memory[s][:, None],
            column=True,
        )
        soft = self._keeps_disk(s)[:, None] & room & fits
        allowed = elsewhere & (self.p_to_s & self.s_takes_over & hard_s)[:, None] & hard
        allowed &= nodes.migration[s][:, targets] & (soft | self.force_primary[:, None])
        score = self._spreads(-self.as_primary, np.zeros_like(self.as_primary), self.as_primary)
        score += self._reserved_spread(None, None, other=(s, new_s))
        stays = self._flagged_matrix(s, nodes.unused[s][:, None] <= new_s)
        score += (
            self._constant
            + WEIGHTS[N1] * stays
            + self._leaving_primary()[:, None]
            + self._entering_primary()
            + self._offline_change(p_role=None, s_role="secondary")[:, None]
            + self._moved_primary(partner=s)
        )
        return np.where(allowed, score, np.inf)

    def _failover_and_replace(self, elsewhere: Bools) -> Floats:
        nodes, s = self.nodes, self.secondary
        new_t, fits = self._as_secondary_of(s)
        allowed = elsewhere & (self.p_to_s & self.s_takes_over)[:, None]
        allowed &= self._target_disk_hard() & (fits | self.force_primary[:, None])
        score = self._spreads(-self.as_primary, self.as_primary - self.as_secondary, self.as_secondary)
        score += self._reserved_spread(new_t, (s, self.left_s))
        taken = self._flagged(s, nodes.unused[s] - self.used_memory <= self.left_s, 0.0)
        score += (
            self._constant
            + WEIGHTS[N1] * (taken[:, None] + self._flagged_target(nodes.unused[self.targets], new_t))
            + self._leaving_primary()[:, None]
            + self._offline_change(p_role=None, s_role="primary")[:, None]
            + self._moved_to(s, None)[:, None]
            + WEIGHTS[LOCATION] * self.real[:, None] * nodes.online[s][:, None] * nodes.common[s][:, self.targets]
        )
        return np.where(allowed, score, np.inf)

    # -- checks

    def _spindles_stay(self, at: Ints) -> Bools:
        """A node that has the disks already can keep them."""
        known = np.isfinite(self.spindles) | (self.spindles < 0)
        needs = np.isfinite(self.spindles)
        return known & (~needs | (self.nodes.spindles_left[at] >= 0))

    def _keeps_disk(self, at: Ints) -> Bools:
        """Soft: after giving the disks back and taking them again."""
        nodes = self.nodes
        return (nodes.disk_room[at] >= 0) & (nodes.spindle_room[at] >= 0)

    def _room_for_reserve(
        self,
        at: Ints,
        unused: Floats,
        was_bad: Bools,
        peers: Floats,
        planned: Floats,
        *,
        column: bool = False,
    ) -> Bools:
        """Soft: whether memory can be reserved without a new N+1 failure."""
        reserved = self.reserved[:, None] if column else self.reserved
        more = self.planned_reserved[:, None] if column else self.planned_reserved
        real = self.real[:, None] > 0 if column else self.real > 0
        enough = (reserved < unused) & (was_bad | (peers + reserved < unused))
        return (enough | ~real) & (more < planned)

    def _secondary_becomes_primary(self) -> Bools:
        nodes, s = self.nodes, self.secondary
        left = nodes.unused[s] - self.used_memory
        hard = ((left > 0) & (nodes.disk_left[s] > 0) | (self.real == 0)) & self._spindles_stay(s)
        was_bad = nodes.unused[s] <= self.left_s
        soft = (was_bad | (left > self.left_s) | (self.real == 0)) & self._keeps_disk(s)
        soft &= (self.cpus <= nodes.cpu_room[s]) & (self.memory < nodes.planned_memory[s])
        if self.tags.shape[1]:
            soft &= (self.tags * (nodes.tags[s] > 0)).sum(axis=1) == 0
        result: Bools = hard & (soft | self.force_primary)
        return result

    def _takes_primary(self) -> tuple[Bools, Bools]:
        """Whether each target takes each instance as primary: all checks, and the hard ones only."""
        nodes, t = self.nodes, self.targets
        unused, flag = nodes.unused[t], nodes.flag[t]
        hard = self._less(self.used_memory, unused)
        hard &= self._less(self.disk, nodes.disk_left[t])
        soft = self._less(self.used_memory, np.where(flag, unused, unused - nodes.reserved[t]))
        if not self.real.all():
            hard |= (self.real == 0)[:, None]
            soft |= (self.real == 0)[:, None]
        hard &= self._spindles_fit()
        soft &= self._takes_disk()
        soft &= self.cpus[:, None] <= nodes.cpu_room[t][None, :]
        soft &= self._less(self.memory, nodes.planned_memory[t])
        if self.tags.shape[1]:
            clash = self.tags @ (nodes.tags[t] > 0).T.astype(np.float64)
            soft &= clash == 0
        return soft, hard

    def _takes_disk(self) -> Bools:
        """Soft: whether each target has room for each instance's disks."""
        nodes, t = self.nodes, self.targets
        return (self.disk[:, None] <= nodes.disk_room[t][None, :]) & (
            self.spindle_use[:, None] <= nodes.spindle_room[t][None, :]
        )

    def _target_disk_hard(self) -> Bools:
        nodes, t = self.nodes, self.targets
        enough = self._less(self.disk, nodes.disk_left[t])
        if not self.real.all():
            enough |= (self.real == 0)[:, None]
        enough &= self._spindles_fit()
        return enough

    def _spindles_fit(self) -> Bools:
        return self.spindles[:, None] <= self.nodes.spindles_left[self.targets][None, :]

    @staticmethod
    def _less(of_instance: Floats, of_node: Floats) -> Bools:
        result: Bools = np.less(of_instance[:, None], of_node[None, :])
        return result

    def _as_secondary_of(self, primary: Ints) -> tuple[Floats, Bools]:
        """Memory reserved on each target once it is the secondary, and whether that passes."""
        nodes, t = self.nodes, self.targets
        peers = nodes.peers[t][:, primary].T + self.reserved[:, None]
        unused = nodes.unused[t][None, :]
        enough = (peers < unused) | nodes.flag[t][None, :]
        enough &= self._less(self.reserved, nodes.unused[t])
        if not self.real.all():
            enough |= (self.real == 0)[:, None]
        enough &= self._less(self.planned_reserved, nodes.planned_memory[t])
        enough &= self.takes_disk
        return np.maximum(nodes.reserved[t][None, :], peers), enough

    # -- parts of the score

    def _ends(self, at_primary: Floats, at_secondary: Floats) -> tuple[Floats, Floats]:
        """Change of values and of squares on the old nodes, for each metric and instance."""
        p, s = self.primary, self.secondary
        d_p = at_primary * self.scale[:, p]
        d_s = at_secondary * self.scale[:, s]
        square = d_p * (2.0 * self.centred[:, p] + d_p) + d_s * (2.0 * self.centred[:, s] + d_s)
        return d_p + d_s, square

    def _spreads(
        self, at_primary: Floats, at_secondary: Floats, at_target: Floats, *, with_secondary: bool = True
    ) -> Floats:
        """The weighted spreads, but for reserved memory, for each instance and target."""
        t, n = self.targets, self.count
        change, square = self._ends(at_primary, at_secondary)
        result = np.zeros((len(self.rows), len(t)))
        factors = np.empty((len(self.rows), 4))
        terms = np.empty((4, len(t)))
        flat = np.zeros(len(self.rows))
        for metric, weight in self.columns.each:
            d, role = change[metric], at_target[metric]
            base = (self.squares[metric] + square[metric]) / n - (d / n) ** 2
            if not role.any():
                flat += weight * np.sqrt(np.maximum(base, 0.0))
                continue
            scale = self.scale[metric, t]
            factors[:, 0] = base
            factors[:, 1] = role
            factors[:, 2] = role * role
            factors[:, 3] = d * role
            terms[0] = 1.0
            terms[1] = 2.0 / n * scale * self.centred[metric, t]
            terms[2] = scale * scale * (1.0 / n - 1.0 / (n * n))
            terms[3] = -2.0 / (n * n) * scale
            variance = factors @ terms
            np.maximum(variance, 0.0, out=variance)
            np.sqrt(variance, out=variance)
            variance *= weight
            result += variance
        result += flat[:, None]
        return result

    def _reserved_without(self, at: Ints, primary: Ints) -> Floats:
        """Memory reserved on a secondary once it no longer is one."""
        nodes = self.nodes
        largest = nodes.peer_which[at] == primary
        lower = np.maximum(nodes.peer_next[at], nodes.peers[at, primary] - self.reserved)
        return np.where(largest, lower, nodes.peer_most[at])

    def _reserved_change(self, at: Ints, new: Floats) -> tuple[Floats, Floats]:
        scale = self.scale[RESERVED, at]
        change = (new - self.nodes.reserved[at]) * scale
        return change, change * (2.0 * self.centred[RESERVED, at] + change)

    def _reserved_spread(
        self,
        at_target: Floats | None,
        at_secondary: tuple[Ints, Floats] | None,
        *,
        other: tuple[Ints, Floats] | None = None,
    ) -> Floats:
        """The spread and the sum of reserved memory, for each instance and target."""
        nodes, n = self.nodes, self.count
        change = np.zeros(len(self.rows))
        square = np.zeros(len(self.rows))
        if at_secondary is not None:
            change, square = self._reserved_change(*at_secondary)
        if at_target is not None:
            t = self.targets
            delta = (at_target - nodes.reserved[t][None, :]) * self.scale[RESERVED, t][None, :]
            twice = 2.0 * self.centred[RESERVED, t][None, :]
        elif other is not None:
            node, new = other
            delta = (new - nodes.reserved[node][:, None]) * self.scale[RESERVED, node][:, None]
            twice = 2.0 * self.centred[RESERVED, node][:, None]
        else:
            delta = np.zeros((len(self.rows), 1))
            twice = delta
        variance: Floats = delta * (twice + delta)
        variance += (self.squares[RESERVED] + square)[:, None]
        variance /= n
        moved = delta + change[:, None]
        variance -= (moved / n) ** 2
        np.maximum(variance, 0.0, out=variance)
        np.sqrt(variance, out=variance)
        variance *= _RESERVED_WEIGHT
        variance += _TOTAL * moved
        return variance

    def _flagged(self, at: Ints, flag: Bools, more: float) -> Floats:
        """Change of the number of endangered instances on an old node."""
        nodes = self.nodes
        count = nodes.instances[at]
        later = (count + more * self.real) * flag
        return (later - count * nodes.flag[at]) * nodes.online[at]

    def _flagged_matrix(self, at: Ints, flag: Bools) -> Floats:
        nodes = self.nodes
        count = (nodes.instances * nodes.online)[at][:, None]
        return count * flag - count * nodes.flag[at][:, None]

    def _flagged_target(self, unused: Floats, reserved: Floats) -> Floats:
        nodes, t = self.nodes, self.targets
        count = nodes.instances[t][None, :]
        return (unused <= reserved) * (count + self.real[:, None]) - count * nodes.flag[t][None, :]

    def _leaving_primary(self) -> Floats:
        """Endangered instances on the old primary when nothing of the instance stays there."""
        nodes, p = self.nodes, self.primary
        flag = nodes.unused[p] + self.used_memory <= nodes.reserved[p]
        return WEIGHTS[N1] * self._flagged(p, flag, -1.0)

    def _entering_primary(self) -> Floats:
        nodes, t = self.nodes, self.targets
        unused = nodes.unused[t][None, :] - self.used_memory[:, None]
        return WEIGHTS[N1] * self._flagged_target(unused, nodes.reserved[t][None, :])

    def _offline_change(self, *, p_role: str | None, s_role: str | None) -> Floats:
        """What the old nodes count for being offline, with their new roles."""
        online = self.nodes.online
        gone_p = (~online[self.primary]) * self.real
        gone_s = (~online[self.secondary]) * self.real * (self.secondary >= 0)
        everything, primary = WEIGHTS[OFFLINE_ALL], WEIGHTS[OFFLINE_PRIMARY]
        weight = {None: 0.0, "primary": everything + primary, "secondary": everything}
        result: Floats = gone_p * (weight[p_role] - everything - primary)
        if s_role is not None or self.secondary.min(initial=0) >= 0:
            result = result + gone_s * (weight[s_role] - everything)
        return result

    # -- tags and locations

    def _new_location(self, primary: Ints, secondary: Ints, old: Floats) -> Floats:
        """The primary stays, the locations its nodes share change."""
        nodes = self.nodes
        if not nodes.common.any() and not old.any():
            return np.zeros((1, 1))
        change = nodes.common[primary, secondary] - old[:, None]
        return WEIGHTS[LOCATION] * change * self.real[:, None] * nodes.online[primary]

    def _moved_to(self, s: Ints, location: Floats | None) -> Floats:
        """The primary moves to the secondary; without a location the new one is added by the caller."""
        nodes, p = self.nodes, self.primary
        online = nodes.online
        new = location if location is not None else np.zeros(len(p))
        wish_p, wish_s = self._wish(p), self._wish(s)
        result = WEIGHTS[LOCATION] * self.real * ((new + wish_s) * online[s] - (self.location + wish_p) * online[p])
        if self.tags.shape[1]:
            result = result + self._tag_change(s)
        return result

    def _moved_primary(self, *, partner: Ints | None = None, keep_location: bool = False) -> Floats:
        """The primary moves to the target, which shares its locations with the partner."""
        nodes, p, t = self.nodes, self.primary, self.targets
        online = nodes.online
        away = -(self.location + self._wish(p)) * online[p] * self.real * WEIGHTS[LOCATION]
        result = np.zeros((len(self.rows), len(t))) + away[:, None]
        if keep_location:
            result += WEIGHTS[LOCATION] * (self.real * self.location)[:, None]
        elif partner is not None and nodes.common.any():
            result += WEIGHTS[LOCATION] * self.real[:, None] * nodes.common[partner][:, t]
        if self.unmet is not None:
            result += WEIGHTS[LOCATION] * self.real[:, None] * self.unmet[:, t]
        if self.tags.shape[1]:
            result += self._tag_change_matrix()
        return result

    def _wish(self, at: Ints) -> Floats:
        if self.unmet is None:
            return np.zeros(len(at))
        wish: Floats = self.unmet[np.arange(len(at)), at]
        return wish

    def _tag_change(self, s: Ints) -> Floats:
        nodes, p = self.nodes, self.primary
        alone = (self.tags * (nodes.tags[p] > 1)).sum(axis=1) * nodes.online[p]
        added = (self.tags * (nodes.tags[s] > 0)).sum(axis=1) * nodes.online[s]
        result: Floats = WEIGHTS[TAGS] * (added - alone)
        if nodes.location_names:
            result = result + WEIGHTS[LOCATION_EXCLUSION] * self._location_tag_change(s)
        return result

    def _tag_change_matrix(self) -> Floats:
        nodes, p, t = self.nodes, self.primary, self.targets
        alone = (self.tags * (nodes.tags[p] > 1)).sum(axis=1) * nodes.online[p]
        added = self.tags @ (nodes.tags[t] > 0).T.astype(np.float64)
        result: Floats = WEIGHTS[TAGS] * (added - alone[:, None])
        if nodes.location_names:
            result = result + WEIGHTS[LOCATION_EXCLUSION] * self._location_tag_matrix()
        return result

    def _location_tables(self) -> tuple[Floats, Floats]:
        """For each instance and location: its tags found there, and those found there twice."""
        nodes = self.nodes
        counts = (nodes.locations * nodes.online[:, None]).T @ nodes.tags
        present = self.tags @ (counts > 0).T.astype(np.float64)
        several = self.tags @ (counts > 1).T.astype(np.float64)
        return present, several

    def _location_tag_matrix(self) -> Floats:
        nodes, p, t = self.nodes, self.primary, self.targets
        present, several = self._location_tables()
        # An offline node's instances do not count, so nothing is lost by leaving it.
        here = nodes.locations[p] * nodes.online[p][:, None]
        there = nodes.locations[t].T
        gained = (present * (1.0 - here)) @ there
        lost = (several * here).sum(axis=1)[:, None] - (several * here) @ there
        result: Floats = gained - lost
        return result

    def _location_tag_change(self, s: Ints) -> Floats:
        nodes, p = self.nodes, self.primary
        present, several = self._location_tables()
        here = nodes.locations[p] * nodes.online[p][:, None]
        there = nodes.locations[s] * nodes.online[s][:, None]
        result: Floats = (present * (1.0 - here) * there - several * here * (1.0 - there)).sum(axis=1)
        return result
