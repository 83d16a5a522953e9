"""A group's nodes and movable instances as NumPy arrays.

Nodes are numbered by their position in the group, instances by their position
among the candidates.  Integers are held as float64, which is exact for every size
a cluster has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganeti_tw.htools.cluster import NOWHERE, Cluster
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.score import SPREAD, WEIGHTS

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]

RESERVED = 2
METRICS = len(SPREAD)


def _floats(*shape: int) -> Floats:
    return np.zeros(shape, dtype=np.float64)


class Nodes:
    """One entry for each node of the group; ``refresh`` those that changed."""

    def __init__(self, cluster: Cluster, members: Sequence[int], tags: Sequence[str]) -> None:
        count = len(members)
        self.members = list(members)
        self.position = {index: n for n, index in enumerate(members)}
        hardware = [cluster.nodes[index].hardware for index in members]
        self.online = np.array([not each.offline for each in hardware], dtype=np.bool_)
        self.exclusive = np.array([each.exclusive_storage for each in hardware], dtype=np.bool_)
        self.cpu_caps = np.array([_cpu_cap(each.vcpu_ratio, each.cpus) for each in hardware])
        self.max_spindles = np.array([each.max_spindles for each in hardware])
        self.low_disk = np.array([float(each.low_disk) for each in hardware])
        self.scale = _floats(METRICS, count)
        for n, each in enumerate(hardware):
            memory = _inverse(each.memory)
            disk = _inverse(each.spindles if each.exclusive_storage else each.total_disk, 0.0)
            cpu = _inverse(each.cpus) * _inverse(each.cpu_speed)
            spindle = _inverse(each.max_spindles)
            self.scale[:, n] = (memory, disk, memory, cpu, 1, 1, 1, 1, spindle, memory, disk, cpu, spindle)
        self.migration = np.array(
            [[a.admits_migration_to(b) for b in hardware] for a in hardware], dtype=np.bool_
        ).reshape(count, count)
        locations = sorted({tag for each in hardware for tag in each.location_tags})
        self.location_names = locations
        self.locations = np.array(
            [[tag in each.location_tags for tag in locations] for each in hardware], dtype=np.float64
        ).reshape(count, len(locations))
        self.common = self.locations @ self.locations.T
        self.tag_names = list(tags)
        self.tags = _floats(count, len(tags))
        # Without those of forthcoming instances.
        self.present_tags = _floats(count, len(tags))
        self.metrics = _floats(METRICS, count)
        self.unused = _floats(count)
        self.planned_memory = _floats(count)
        self.reserved = _floats(count)
        self.flag = np.zeros(count, dtype=np.bool_)
        self.disk_room = _floats(count)
        self.disk_left = _floats(count)
        self.spindle_room = _floats(count)
        self.spindles_left = _floats(count)
        self.cpu_room = _floats(count)
        self.instances = _floats(count)
        # The last column holds the most any node outside the group has reserved.
        self.peers = _floats(count, count + 1)
        self.peer_most = _floats(count)
        self.peer_next = _floats(count)
        self.peer_which = np.zeros(count, dtype=np.intp)
        self.refresh(cluster, members)

    def refresh(self, cluster: Cluster, changed: Iterable[int]) -> None:
        """Read these nodes, given by their index in the cluster, anew."""
        for index in changed:
            self._read(self.position[index], cluster.nodes[index])

    def _read(self, n: int, node: Node) -> None:
        self.metrics[:, n] = node.metrics()
        self.unused[n] = node.unused_memory
        self.planned_memory[n] = node.planned_free_memory
        self.reserved[n] = node.reserved
        self.flag[n] = node.n1_failure
        low = self.low_disk[n]
        real, planned = node.free_disk, node.planned_free_disk
        self.disk_left[n] = node.free_disk
        self.disk_room[n] = min(real - 1, real - low, planned - 1, planned - low)
        self.spindles_left[n] = min(node.free_spindles, node.planned_free_spindles)
        self.spindle_room[n] = self.max_spindles[n] - max(node.instance_spindles, node.planned_spindles)
        self.cpu_room[n] = self.cpu_caps[n] - max(node.used_cpus, node.planned_cpus)
        self.instances[n] = len(node.primaries) + len(node.secondaries)
        for column, tag in enumerate(self.tag_names):
            self.tags[n, column] = node.exclusion.get(tag, 0)
            self.present_tags[n, column] = node.present_exclusion.get(tag, 0)
        row = self.peers[n]
        row[:] = 0.0
        for peer, memory in node.peers.items():
            column = self.position.get(peer, -1)
            row[column] = memory if column >= 0 else max(row[-1], memory)
        which = int(row.argmax())
        self.peer_which[n], self.peer_most[n] = which, row[which]
        row[which], kept = -1.0, row[which]
        self.peer_next[n] = max(row.max(), 0.0)
        row[which] = kept


def _inverse(value: float, nothing: float = 1.0) -> float:
    return 1.0 / value if value else nothing


def _cpu_cap(ratio: float, cpus: float) -> float:
    """The most virtual CPUs with which used / cpus does not exceed the ratio."""
    if ratio < 0:
        return float("inf")
    if not cpus:
        return 0.0
    cap = float(int(ratio * cpus)) + 1.0
    while cap > 0 and cap / cpus > ratio:
        cap -= 1.0
    return cap


class Candidates:
    """One entry for each instance that may move.

    ``as_primary`` and ``as_secondary`` say what placing it changes in each metric
    of a node, before the node's scale.
    """

    def __init__(
        self, cluster: Cluster, candidates: Sequence[int], nodes: Nodes, *, exclusive: bool, tags: Sequence[str]
    ) -> None:
        self.indices = list(candidates)
        self.position = {index: row for row, index in enumerate(self.indices)}
        instances = [cluster.instances[index] for index in self.indices]
        self.primary = np.zeros(len(instances), dtype=np.intp)
        self.secondary = np.zeros(len(instances), dtype=np.intp)
        self.location = _floats(len(instances))
        self.real = _column(instances, lambda each: not each.forthcoming)
        self.used_memory = _column(instances, lambda each: each.used_memory)
        self.memory = _column(instances, lambda each: each.memory)
        self.reserved = _column(instances, lambda each: 0 if each.forthcoming else each.reserved)
        self.planned_reserved = _column(instances, lambda each: each.reserved)
        self.disk = _column(instances, lambda each: each.disk if each.local_disk else -np.inf)
        self.cpus = _column(instances, lambda each: each.used_cpus)
        no_spindles = -np.inf
        self.spindle_use = _column(
            instances, lambda each: each.spindle_use if each.local_disk and not exclusive else no_spindles
        )
        # What cannot be told does not fit.
        self.spindles = _column(instances, lambda each: _spindles(each, exclusive))
        self.as_primary = np.array([_as_primary(each, exclusive) for each in instances]).reshape(-1, METRICS).T.copy()
        self.as_secondary = (
            np.array([_as_secondary(each, exclusive) for each in instances]).reshape(-1, METRICS).T.copy()
        )
        self.tags = np.array([[tag in each.exclusion for tag in tags] for each in instances], dtype=np.float64).reshape(
            len(instances), len(tags)
        )
        hardware = [cluster.nodes[index].hardware for index in nodes.members]
        self.wishes = any(each.desired for each in instances)
        self.unmet = _floats(len(instances), len(hardware)) if self.wishes else _floats(1, 1)
        if self.wishes:
            for row, each in enumerate(instances):
                if each.desired:
                    self.unmet[row] = [len(each.desired - node.location_tags) for node in hardware]
        self.refresh(cluster, nodes, self.indices)

    def refresh(self, cluster: Cluster, nodes: Nodes, changed: Iterable[int]) -> None:
        """Read the places of these instances anew."""
        for index in changed:
            row = self.position[index]
            place = cluster.places[index]
            self.primary[row] = nodes.position[place.primary]
            self.secondary[row] = nodes.position[place.secondary] if place.secondary != NOWHERE else -1
            self.location[row] = place.location


def _column(instances: Sequence[Instance], value: Any) -> Floats:
    return np.array([value(each) for each in instances], dtype=np.float64)


def _spindles(instance: Instance, exclusive: bool) -> float:
    if not (instance.local_disk and exclusive):
        return -np.inf
    return np.inf if instance.disk_spindles is None else float(instance.disk_spindles)


def _as_primary(instance: Instance, exclusive: bool) -> tuple[float, ...]:
    real = 0.0 if instance.forthcoming else 1.0
    disk, spindles = _storage(instance, exclusive)
    cpu, memory, disk_load, net = instance.load
    return (
        -real * instance.used_memory,
        -real * disk,
        0.0,
        real * instance.used_cpus,
        real * cpu,
        real * memory,
        real * disk_load,
        real * net,
        real * spindles,
        -float(instance.memory),
        -disk,
        float(instance.used_cpus),
        spindles,
    )


def _as_secondary(instance: Instance, exclusive: bool) -> tuple[float, ...]:
    real = 0.0 if instance.forthcoming else 1.0
    disk, spindles = _storage(instance, exclusive)
    return (0, -real * disk, 0, 0, 0, 0, real * instance.load[2], 0, real * spindles, 0, -disk, 0, spindles)


def _storage(instance: Instance, exclusive: bool) -> tuple[float, float]:
    """What it takes of the node's disk metric, and of its shared spindles."""
    if exclusive:
        return float(instance.disk_spindles or 0), 0.0
    return (float(instance.disk), float(instance.spindle_use)) if instance.local_disk else (0.0, 0.0)


class Columns:
    """The metrics worth computing: equal ones are taken together, their weights added.

    ``which`` holds their numbers, with that of reserved memory as the last;
    ``weights`` and the changes by a primary and a secondary are of all but that.
    ``of_primaries`` and ``of_secondaries`` are the places of those that change at all.
    """

    def __init__(self, nodes: Nodes, candidates: Candidates) -> None:
        weights: dict[tuple[bytes, ...], tuple[int, float]] = {}
        for metric in range(METRICS):
            if metric == RESERVED:
                continue
            key = (
                nodes.metrics[metric].tobytes(),
                nodes.scale[metric].tobytes(),
                (candidates.as_primary[metric] + 0.0).tobytes(),
                (candidates.as_secondary[metric] + 0.0).tobytes(),
            )
            first, weight = weights.get(key, (metric, 0.0))
            weights[key] = first, weight + WEIGHTS[SPREAD[metric]]
        each = sorted(weights.values())
        distinct = [metric for metric, _ in each]
        self.which = np.array([*distinct, RESERVED], dtype=np.intp)
        self.weights = np.array([weight for _, weight in each])
        self.as_primary = candidates.as_primary[distinct]
        self.as_secondary = candidates.as_secondary[distinct]
        self.of_primaries = np.flatnonzero(self.as_primary.any(axis=1))
        self.of_secondaries = np.flatnonzero(self.as_secondary.any(axis=1))
