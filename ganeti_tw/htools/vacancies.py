"""Places for one more mirrored instance, on all pairs of nodes at once.

Gives what ``allocate.on_pairs`` gives for an instance without tags, to the last digit,
from NumPy arrays: values are computed by the same operations in the same order, only
for all candidates together.  Integers are held as float64, which is exact for every
size a cluster has.  Pairs of nodes must share no location.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ganeti_tw.htools.allocate import Allocation, Found
from ganeti_tw.htools.arrays import Bools, Floats, Ints
from ganeti_tw.htools.cluster import Cluster, Place
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.policy import violation
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
    clashes,
    location_clashes,
)

_FAILS = tuple(Fail)
# What becomes of a candidate: a position in _FAILS plus 1, or one of these.
_FITS = 0
_NO_PAIR = len(_FAILS) + 1
_MEM, _DISK, _CPU, _SPINDLES = (_FAILS.index(each) + 1 for each in (Fail.MEM, Fail.DISK, Fail.CPU, Fail.SPINDLES))

_METRICS = len(SPREAD)
_MEMORY, _STORAGE, _RESERVED, _CPUS, _LOADS, _SPREAD_SPINDLES = 0, 1, 2, 3, slice(4, 8), 8
_PLANNED_MEMORY, _PLANNED_STORAGE, _PLANNED_CPUS, _PLANNED_SPINDLES = 9, 10, 11, 12
_DISK_LOAD = 6


class _Sums:
    """Sum and variance of each metric over the online nodes, and the constant components of the score."""

    def __init__(self, values: Floats, count: float) -> None:
        self.count = count
        self.sums = np.add.accumulate(values, axis=1)[:, -1]
        distance = values - (self.sums / count)[:, None]
        self.variances = np.add.accumulate(distance * distance, axis=1)[:, -1] / count


def _updated(count: float, amount: Floats, variance: Floats, old: Floats, new: Floats) -> tuple[Floats, Floats]:
    change = new - old
    square = new * new - old * old
    later = variance + ((count * square - 2.0 * amount * change) - change * change) / (count * count)
    return amount + change, np.maximum(0.0, later)


class Vacancies:
    """Asked again after each placement, it reads only the nodes that changed."""

    def __init__(self, cluster: Cluster, allowed: Sequence[int]) -> None:
        hardware = [node.hardware for node in cluster.nodes]
        count = len(hardware)
        groups: dict[int, list[int]] = {}
        for index in allowed:
            groups.setdefault(hardware[index].group, []).append(index)
        self._groups = [np.array(members, dtype=np.intp) for members in groups.values()]
        self._online = np.array([h.index for h in hardware if not h.offline], dtype=np.intp)
        self._exclusive = np.array([h.exclusive_storage for h in hardware], dtype=np.bool_)
        self._any_exclusive = bool(self._exclusive.any())
        self._low_disk = np.array([float(h.low_disk) for h in hardware])
        self._max_spindles = np.array([h.max_spindles for h in hardware])
        self._cpus = np.array([h.cpus or 1.0 for h in hardware])
        self._speeds = np.array([h.cpu_speed or 1.0 for h in hardware])
        # A node without CPUs takes nothing that needs one; a negative ratio allows all.
        ratios = [h.vcpu_ratio if h.cpus or h.vcpu_ratio < 0 else 0.0 for h in hardware]
        self._ratios = np.array([ratio if ratio >= 0 else np.inf for ratio in ratios])
        wholes = [h.spindles if h.exclusive_storage else h.total_disk for h in hardware]
        self._no_storage = np.array([not whole for whole in wholes], dtype=np.bool_)
        self._any_without_storage = bool(self._no_storage.any())
        self._divisors = np.ones((_METRICS, count))
        self._divisors[[_MEMORY, _RESERVED, _PLANNED_MEMORY]] = [h.memory or 1.0 for h in hardware]
        self._divisors[[_STORAGE, _PLANNED_STORAGE]] = [whole or 1.0 for whole in wholes]
        self._divisors[[_CPUS, _PLANNED_CPUS]] = self._cpus
        self._divisors[[_SPREAD_SPINDLES, _PLANNED_SPINDLES]] = [h.max_spindles or 1.0 for h in hardware]
        self._metrics = np.zeros((_METRICS, count))
        self._amounts = np.zeros((_METRICS, count))
        self._disk = np.zeros((2, count))
        self._spindles = np.zeros((2, count))
        self._flags = np.zeros(count, dtype=np.bool_)
        self._instances = np.zeros(count)
        # What is reserved on each node (row) for each other.
        self._peers = np.zeros((count, count))
        self._seen: list[Node | None] = [None] * count

    # -- reading nodes

    def _refresh(self, cluster: Cluster) -> None:
        for index, (old, new) in enumerate(zip(self._seen, cluster.nodes, strict=True)):
            if old is not new:
                self._read(index, new)
                self._seen[index] = new

    def _read(self, index: int, node: Node) -> None:
        exclusive = node.hardware.exclusive_storage
        self._metrics[:, index] = node.metrics()
        self._amounts[:, index] = (
            node.unused_memory,
            node.free_spindles if exclusive else node.free_disk,
            node.reserved,
            node.used_cpus,
            node.cpu_load,
            node.memory_load,
            node.disk_load,
            node.net_load,
            node.instance_spindles,
            node.planned_free_memory,
            node.planned_free_spindles if exclusive else node.planned_free_disk,
            node.planned_cpus,
            node.planned_spindles,
        )
        self._disk[:, index] = node.free_disk, node.planned_free_disk
        self._spindles[:, index] = node.free_spindles, node.planned_free_spindles
        self._flags[index] = node.n1_failure
        self._instances[index] = len(node.primaries) + len(node.secondaries)
        row = self._peers[index]
        row[:] = 0.0
        for peer, memory in node.peers.items():
            row[peer] = memory

    # -- what placing the instance makes of each node

    def _changed(self, more: Floats) -> Floats:
        """The metrics once these amounts are added."""
        values: Floats = (self._amounts + more) / self._divisors
        values[_CPUS] /= self._speeds
        values[_PLANNED_CPUS] /= self._speeds
        if self._any_without_storage:
            values[_STORAGE, self._no_storage] = 1.0
            values[_PLANNED_STORAGE, self._no_storage] = 1.0
        return values

    def _storage_change(self, instance: Instance) -> Floats:
        more = np.zeros((_METRICS, len(self._flags)))
        disk, spindle_use = (float(instance.disk), instance.spindle_use) if instance.local_disk else (0.0, 0)
        spindles = float(instance.disk_spindles or 0)
        more[[_STORAGE, _PLANNED_STORAGE]] = np.where(self._exclusive, -spindles, -disk)
        more[[_SPREAD_SPINDLES, _PLANNED_SPINDLES]] = np.where(self._exclusive, 0.0, spindle_use)
        return more

    def _as_primary(self, instance: Instance, storage: Floats) -> Floats:
        more = storage.copy()
        more[_MEMORY] = -instance.used_memory
        more[_PLANNED_MEMORY] = -instance.memory
        more[_CPUS] = more[_PLANNED_CPUS] = instance.used_cpus
        more[_LOADS] = np.array(instance.load)[:, None]
        return more

    def _storage_codes(self, code: Ints, instance: Instance, more: Floats, planned: int) -> None:
        """Checks of disk and spindles, last one first."""
        if not instance.local_disk:
            return
        spindles = self._amounts[_PLANNED_SPINDLES if planned else _SPREAD_SPINDLES]
        code[spindles + more[_SPREAD_SPINDLES] > self._max_spindles] = _DISK
        if self._any_exclusive:
            left = self._spindles[planned] - float(instance.disk_spindles or 0)
            code[self._exclusive & ((left < 0) | (instance.disk_spindles is None))] = _SPINDLES
        disk = self._disk[planned] - instance.disk
        code[(disk <= 0) | (disk < self._low_disk)] = _DISK

    def _primary_codes(self, cluster: Cluster, instance: Instance, more: Floats) -> Ints:
        """For each node why the instance cannot be there; the first failing check counts, so it comes last."""
        amounts = self._amounts
        code = np.zeros(len(self._flags), dtype=np.intp)
        code[(amounts[_PLANNED_CPUS] + instance.used_cpus) / self._cpus > self._ratios] = _CPU
        self._storage_codes(code, instance, more, 1)
        code[amounts[_PLANNED_MEMORY] - instance.memory <= 0] = _MEM
        code[(amounts[_CPUS] + instance.used_cpus) / self._cpus > self._ratios] = _CPU
        unused = amounts[_MEMORY] - instance.used_memory
        code[(unused <= amounts[_RESERVED]) & ~self._flags] = _MEM
        self._storage_codes(code, instance, more, 0)
        code[unused <= 0] = _MEM
        for members in self._groups:
            policy = cluster.groups[cluster.nodes[members[0]].hardware.group].policy
            for exclusive in (False, True) if self._any_exclusive else (False,):
                fail = violation(policy, instance, exclusive)
                if fail is not None:
                    code[members[self._exclusive[members] == exclusive]] = _FAILS.index(fail) + 1
        return code

    def _secondary_codes(self, instance: Instance, more: Floats) -> tuple[Ints, Ints]:
        """The checks before and after the one that depends on the primary."""
        late = np.zeros(len(self._flags), dtype=np.intp)
        self._storage_codes(late, instance, more, 1)
        late[instance.reserved >= self._amounts[_PLANNED_MEMORY]] = _MEM
        early = np.zeros(len(self._flags), dtype=np.intp)
        early[instance.reserved >= self._amounts[_MEMORY]] = _MEM
        self._storage_codes(early, instance, more, 0)
        return early, late

    # -- scores

    def _sums(self) -> _Sums:
        return _Sums(self._metrics[:, self._online], float(len(self._online)))

    def _constants(self, cluster: Cluster, sums: _Sums) -> dict[int, float]:
        """Components at their position that are no spreads."""
        endangered = self._instances[self._flags & ~self._offline(cluster)].sum()
        offline = [node for node in cluster.nodes if node.offline]
        primaries = sum(len(node.primaries) for node in offline)
        online = [cluster.nodes[n] for n in self._online]
        return {
            TAGS: float(sum(clashes(node) for node in online)),
            LOCATION: float(sum(node.location_score for node in online)),
            LOCATION_EXCLUSION: location_clashes(online),
            N1: float(endangered),
            OFFLINE_ALL: float(primaries + sum(len(node.secondaries) for node in offline)),
            OFFLINE_PRIMARY: float(primaries),
            RESERVED_TOTAL: float(sums.sums[_RESERVED]),
        }

    def _offline(self, cluster: Cluster) -> Bools:
        offline = np.ones(len(self._flags), dtype=np.bool_)
        offline[self._online] = False
        return offline

    # -- two nodes

    def best_pair(self, cluster: Cluster, instance: Instance) -> Allocation:
        """As ``on_pairs`` without capacity checks, over the pairs within a group."""
        self._refresh(cluster)
        storage = self._storage_change(instance)
        more = self._as_primary(instance, storage)
        primary = self._primary_codes(cluster, instance, more)
        early, late = self._secondary_codes(instance, storage)
        counts = np.zeros(_NO_PAIR + 1, dtype=np.intp)
        pairs = []
        for members in self._groups:
            counts += (len(members) - 1) * np.bincount(primary[members], minlength=_NO_PAIR + 1)
            rows = members[primary[members] == _FITS]
            counts[_FITS] -= (len(members) - 1) * len(rows)
            if not len(rows):
                continue
            code = self._pair_codes(instance, rows, members, early[members], late[members])
            found = np.bincount(code.ravel(), minlength=_NO_PAIR + 1)
            counts += found
            if found[_FITS]:
                columns = (code == _FITS).any(axis=0)
                pairs.append((rows, members[columns], code[:, columns]))
        failures = _counted(counts)
        if not pairs:
            return Allocation(None, 0, failures)
        storage[_DISK_LOAD] = instance.load[2]
        scorer = _PairScores(self, cluster, instance, self._changed(more), self._changed(storage))
        best: tuple[float, int, int] | None = None
        for rows, columns, code in pairs:
            value, p, s = scorer.best(rows, columns, code)
            if best is None or (value, -p) < (best[0], -best[1]):
                best = value, p, s
        assert best is not None
        value, p, s = best
        moved = cluster.nodes[p].with_primary(instance, 0)
        other = cluster.nodes[s].with_secondary(instance, p)
        assert not isinstance(moved, Fail) and not isinstance(other, Fail), "arrays and nodes disagree"
        return Allocation(Found(Place(p, s), {p: moved, s: other}, value), int(counts[_FITS]), failures)

    def _pair_codes(self, instance: Instance, rows: Ints, columns: Ints, early: Ints, late: Ints) -> Ints:
        unused = self._amounts[_MEMORY, columns]
        flagged = self._flags[columns]
        # A secondary that could not take over what is reserved on it: only for those not in that state yet.
        reserved = self._reserved_after(instance.reserved, rows, columns)
        endangered = (reserved >= unused) & (~flagged & (early == _FITS))
        code = np.where(endangered, _MEM, np.where(early != _FITS, early, late))
        code[rows[:, None] == columns] = _NO_PAIR
        return code

    def _reserved_after(self, memory: int, rows: Ints, columns: Ints) -> Floats:
        """The memory reserved on each possible secondary (columns) of each primary (rows)."""
        after: Floats = np.maximum(self._peers[columns, rows[:, None]] + memory, self._amounts[_RESERVED, columns])
        return after


def _counted(counts: Ints) -> dict[Fail, int]:
    return {fail: int(count) for fail, count in zip(_FAILS, counts[1:], strict=False) if count}


class _PairScores:
    """Scores of pairs in one state for one instance, updated first for the primary, then for the secondary."""

    def __init__(
        self, vacancies: Vacancies, cluster: Cluster, instance: Instance, primary: Floats, secondary: Floats
    ) -> None:
        self._base = vacancies
        self._reserved = instance.reserved
        self._primary = primary
        self._secondary = secondary
        self._sums = vacancies._sums()
        self._constants = vacancies._constants(cluster, self._sums)
        metrics = vacancies._metrics
        # Metrics that do not change on a secondary stay as the primary left them.
        self._moving = (secondary != metrics).any(axis=1)
        twins: dict[tuple[bytes, ...], int] = {}
        # At each position of a spread the first metric that is the same on every node.
        self._twin = {
            position: twins.setdefault((metrics[m].tobytes(), primary[m].tobytes(), secondary[m].tobytes()), m)
            for m, position in enumerate(SPREAD)
        }
        # Those to be computed for each pair; what is reserved always is, and comes first.
        self._distinct = [_RESERVED, *sorted({m for m in self._twin.values() if self._moving[m]} - {_RESERVED})]

    def best(self, rows: Ints, columns: Ints, code: Ints) -> tuple[float, int, int]:
        """The lowest score with its primary and secondary; of equals the last one."""
        base, sums = self._base, self._sums
        old = base._metrics[_RESERVED, columns]
        reserved = base._reserved_after(self._reserved, rows, columns) / base._divisors[_RESERVED, columns]
        amounts, variances = _updated(
            sums.count,
            sums.sums[:, None],
            sums.variances[:, None],
            base._metrics[:, rows],
            self._primary[:, rows],
        )
        spreads = np.sqrt(variances)
        # What changes on the secondary too, in one go.
        moving = self._distinct
        new = np.empty((len(moving), len(rows), len(columns)))
        new[:] = self._secondary[moving][:, None, columns]
        new[0] = reserved
        _, later = _updated(
            sums.count,
            amounts[moving][:, :, None],
            variances[moving][:, :, None],
            base._metrics[moving][:, None, columns],
            new,
        )
        known = dict(zip(moving, np.sqrt(later), strict=True))
        total = np.zeros((len(rows), len(columns)))
        for position, weight in enumerate(WEIGHTS):
            metric = self._twin.get(position)
            if metric is not None:
                spread = known.get(metric)
                total += weight * (spreads[metric][:, None] if spread is None else spread)
            elif position == RESERVED_TOTAL:
                total += weight * (self._constants[position] + (reserved - old))
            elif position == N1 and self._base._flags.any():
                total += weight * self._endangered(rows, columns)
            elif self._constants.get(position):
                total += weight * self._constants[position]
        total[code != _FITS] = np.inf
        which = total.size - 1 - int(total.ravel()[::-1].argmin())
        row, column = divmod(which, len(columns))
        return float(total[row, column]), int(rows[row]), int(columns[column])

    def _endangered(self, rows: Ints, columns: Ints) -> Floats:
        flags = self._base._flags
        more: Floats = self._constants[N1] + flags[rows][:, None].astype(np.float64) + flags[columns]
        return more
