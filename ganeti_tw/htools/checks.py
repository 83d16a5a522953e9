"""Whether nodes take instances, all at once; the rules are those of ``node``."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ganeti_tw.htools.arrays import Bools, Floats, Ints
from ganeti_tw.htools.rows import Rows


class Checks(Rows):
    """One answer for each instance, or for each instance and target."""

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
            soft &= ((self.tags * (nodes.tags[s] > 0)).sum(axis=1) == 0) | (self.real == 0)
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
        soft &= self.takes_disk
        soft &= self.cpus[:, None] <= nodes.cpu_room[t][None, :]
        soft &= self._less(self.memory, nodes.planned_memory[t])
        if self.tags.shape[1]:
            clash = self.tags @ (nodes.tags[t] > 0).T.astype(np.float64)
            soft &= (clash == 0) | (self.real == 0)[:, None]
        return soft, hard

    @cached_property
    def takes_disk(self) -> Bools:
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
