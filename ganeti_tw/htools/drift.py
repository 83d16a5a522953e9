"""How far the gain of a move can have changed since it was computed.

A move that touches no changed node still changes a metric's variance V by the same
amount a, but for twice the shift of the mean times the change of the sum.  It adds
sqrt(V + a) - sqrt(V) to the spread, and that depends on V.  When V changes, the least
this difference can change by is found at one end of the range that a may be in.
"""

from __future__ import annotations

import numpy as np

from ganeti_tw.htools.arrays import Candidates, Columns, Floats
from ganeti_tw.htools.rows import Present


class Drift:
    """For each instance; ``settle`` when its places and the metrics are up to date."""

    def __init__(self, columns: Columns, candidates: Candidates, present: Present) -> None:
        self._candidates = candidates
        # At most this much on any one node, before the node's scale.
        role = np.maximum(np.abs(columns.as_primary), np.abs(columns.as_secondary))
        self._role = np.concatenate([role, candidates.reserved[None, :]])
        self._present = present
        self.settle(present)

    def settle(self, present: Present) -> None:
        """Start anew from here."""
        self._present = present
        count = present.count
        scale, reach = present.all_scale, present.all_scale * np.abs(present.all_centred)
        p, s = self._candidates.primary, self._candidates.secondary
        self._sum = self._role * (scale[:, p] + scale[:, s] + scale.max(axis=1)[:, None]) / count
        linear = 2.0 / count * self._role * (reach[:, p] + reach[:, s] + reach.max(axis=1)[:, None])
        self._least = -linear - self._sum**2
        self._most = linear + count * self._sum**2

    def step(self, present: Present) -> Floats:
        """How much less than before a move of each instance may add to the score now."""
        before, after = self._present.variances[:, None], present.variances[:, None]
        shift = 2.0 * np.abs(present.means - self._present.means)[:, None] * self._sum
        least = np.maximum(np.maximum(self._least, -before), shift - after)
        change = np.where(after - shift < before, least, self._most)
        less = np.sqrt(before + change) - np.sqrt(np.maximum(after + change - shift, 0.0))
        less += np.sqrt(after) - np.sqrt(before)
        result: Floats = present.weights @ np.maximum(less, 0.0)
        return result
