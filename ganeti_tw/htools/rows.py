"""Some of a group's instances and some target nodes, with what a search asks about them."""

from __future__ import annotations

import numpy as np

from ganeti_tw.htools.arrays import RESERVED, Candidates, Columns, Floats, Ints, Nodes
from ganeti_tw.htools.balance import Limits
from ganeti_tw.htools.score import SPREAD, WEIGHTS

RESERVED_WEIGHT = WEIGHTS[SPREAD[RESERVED]]


class Present:
    """Where the metrics stand before a step.

    The distinct metrics are those of ``Columns``; reserved memory comes last where it
    is with them.  ``fixed`` is the part of the score that simply adds up.
    """

    def __init__(self, nodes: Nodes, columns: Columns, fixed: float) -> None:
        # Offline nodes have no part in spreads.
        online = nodes.online
        self.fixed = fixed
        self.count = float(online.sum())
        which = columns.which
        values = nodes.metrics[which]
        self.means = values[:, online].sum(axis=1) / self.count
        centred = (values - self.means[:, None]) * online
        self.squares = (centred * centred).sum(axis=1)
        scale = nodes.scale[which] * online
        self.all_centred, self.all_scale = centred, scale
        self.centred, self.reserved_centred = centred[:-1], centred[-1]
        self.scale, self.reserved_scale = scale[:-1], scale[-1]
        self.variances = self.squares / self.count
        self.weights = np.append(columns.weights, RESERVED_WEIGHT)
        self.score = fixed + float(self.weights @ np.sqrt(self.variances))


class Rows:
    """What is known of the instances of these rows; ``targets`` are positions of nodes."""

    def __init__(
        self,
        limits: Limits,
        nodes: Nodes,
        candidates: Candidates,
        columns: Columns,
        present: Present,
        rows: Ints,
        targets: Ints,
    ) -> None:
        self.limits = limits
        self.columns = columns
        self.nodes = nodes
        self.present = present
        self.rows = rows
        self.targets = targets
        every = candidates
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
        self.unmet: Floats | None = every.unmet[rows] if every.wishes else None
        self.as_primary = columns.as_primary[:, rows]
        self.as_secondary = columns.as_secondary[:, rows]
        self.force_primary = limits.ignore_soft_errors | ~nodes.online[self.primary]
        self.force_secondary = limits.ignore_soft_errors | ~nodes.online[self.secondary]
        self.left_s = self._reserved_without(self.secondary, self.primary)

    def _reserved_without(self, at: Ints, primary: Ints) -> Floats:
        """Memory reserved on a secondary once it no longer is one."""
        nodes = self.nodes
        largest = nodes.peer_which[at] == primary
        lower = np.maximum(nodes.peer_next[at], nodes.peers[at, primary] - self.reserved)
        return np.where(largest, lower, nodes.peer_most[at])
