"""What moves change in a score, all at once.

With values taken relative to their mean, the variance of a metric after a move is

    (Q + q) / n - (d / n) ** 2

where Q is the sum of squares now, q and d are the changes of squares and of values.
For a move of instance i to node t both are sums of a part that only i decides and
products of a number of i's and a number of t's, hence a small matrix product.
"""

from __future__ import annotations

import numpy as np

from ganeti_tw.htools.arrays import Bools, Floats, Ints
from ganeti_tw.htools.rows import RESERVED_WEIGHT, Rows
from ganeti_tw.htools.score import (
    LOCATION,
    LOCATION_EXCLUSION,
    N1,
    OFFLINE_ALL,
    OFFLINE_PRIMARY,
    RESERVED_TOTAL,
    TAGS,
    WEIGHTS,
)

TOTAL = WEIGHTS[RESERVED_TOTAL]


class Changes(Rows):
    """One change for each instance, or for each instance and target."""

    def _ends(self, at_primary: Floats, at_secondary: Floats) -> tuple[Floats, Floats]:
        """Change of values and of squares on the old nodes, for each metric and instance."""
        p, s, now = self.primary, self.secondary, self.present
        d_p = at_primary * now.scale[:, p]
        d_s = at_secondary * now.scale[:, s]
        square = d_p * (2.0 * now.centred[:, p] + d_p) + d_s * (2.0 * now.centred[:, s] + d_s)
        return d_p + d_s, square

    def _spreads(self, at_primary: Floats, at_secondary: Floats, at_target: Floats, touched: Ints) -> Floats:
        """The weighted spreads, but for reserved memory, for each instance and target.

        ``touched`` are the metrics that change on the target.
        """
        t, now = self.targets, self.present
        n = now.count
        change, square = self._ends(at_primary, at_secondary)
        base = (now.squares[:-1, None] + square) / n - (change / n) ** 2
        weights = self.columns.weights
        flat = np.sqrt(np.maximum(base, 0.0)) * weights[:, None]
        flat[touched] = 0.0
        role = at_target[touched]
        factors = np.empty((*role.shape, 4))
        factors[:, :, 0] = base[touched]
        factors[:, :, 1] = role
        factors[:, :, 2] = role * role
        factors[:, :, 3] = change[touched] * role
        scale = now.scale[touched][:, t]
        terms = np.empty((len(touched), 4, len(t)))
        terms[:, 0] = 1.0
        terms[:, 1] = 2.0 / n * scale * now.centred[touched][:, t]
        terms[:, 2] = scale * scale * (1.0 / n - 1.0 / (n * n))
        terms[:, 3] = -2.0 / (n * n) * scale
        variance = factors @ terms
        np.maximum(variance, 0.0, out=variance)
        np.sqrt(variance, out=variance)
        result: Floats = (weights[touched] @ variance.reshape(len(touched), -1)).reshape(len(self.rows), len(t))
        result += flat.sum(axis=0)[:, None]
        return result

    def _reserved_change(self, at: Ints, new: Floats) -> tuple[Floats, Floats]:
        scale = self.present.reserved_scale[at]
        change = (new - self.nodes.reserved[at]) * scale
        return change, change * (2.0 * self.present.reserved_centred[at] + change)

    def _reserved_spread(
        self,
        at_target: Floats | None,
        at_secondary: tuple[Ints, Floats] | None,
        *,
        other: tuple[Ints, Floats] | None = None,
    ) -> Floats:
        """The spread and the sum of reserved memory, for each instance and target."""
        nodes, n = self.nodes, self.present.count
        change = np.zeros(len(self.rows))
        square = np.zeros(len(self.rows))
        if at_secondary is not None:
            change, square = self._reserved_change(*at_secondary)
        if at_target is not None:
            t = self.targets
            delta = (at_target - nodes.reserved[t][None, :]) * self.present.reserved_scale[t][None, :]
            twice = 2.0 * self.present.reserved_centred[t][None, :]
        elif other is not None:
            node, new = other
            delta = (new - nodes.reserved[node][:, None]) * self.present.reserved_scale[node][:, None]
            twice = 2.0 * self.present.reserved_centred[node][:, None]
        else:
            delta = np.zeros((len(self.rows), 1))
            twice = delta
        variance: Floats = delta * (twice + delta)
        variance += (self.present.squares[-1] + square)[:, None]
        variance /= n
        moved = delta + change[:, None]
        variance -= (moved / n) ** 2
        np.maximum(variance, 0.0, out=variance)
        np.sqrt(variance, out=variance)
        variance *= RESERVED_WEIGHT
        variance += TOTAL * moved
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
        counts = (nodes.locations * nodes.online[:, None]).T @ nodes.present_tags
        tags = self.tags * self.real[:, None]
        present = tags @ (counts > 0).T.astype(np.float64)
        several = tags @ (counts > 1).T.astype(np.float64)
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
