"""What a whole cluster has, uses and has left."""

from __future__ import annotations

from math import trunc
from typing import NamedTuple

from ganeti_tw.htools.cluster import Cluster
from ganeti_tw.htools.score import score


class Totals(NamedTuple):
    """Sums over all nodes, offline ones too; memory and disk in MiB.

    ``real_cpus`` is what the used virtual ones amount to at the policy's ratio;
    the ``_use`` figures are parts of the whole.
    """

    score: float
    instances: int
    total_memory: float
    total_disk: float
    total_cpus: float
    max_cpus: int
    total_spindles: int
    free_memory: int
    available_memory: int
    used_memory: int
    overhead: int
    free_disk: int
    available_disk: int
    used_disk: int
    free_spindles: int
    used_cpus: int
    real_cpus: float
    most_memory: int
    most_disk: int

    @property
    def used_spindles(self) -> int:
        return self.total_spindles - self.free_spindles

    @property
    def memory_use(self) -> float:
        return self.used_memory / self.total_memory if self.total_memory else 0.0

    @property
    def disk_use(self) -> float:
        return self.used_disk / self.total_disk if self.total_disk else 0.0

    @property
    def spindle_use(self) -> float:
        return self.used_spindles / self.total_spindles if self.total_spindles else 0.0

    @property
    def cpu_use(self) -> float:
        return self.used_cpus / self.max_cpus if self.max_cpus else 0.0


def totals(cluster: Cluster) -> Totals:
    nodes = cluster.nodes
    hardware = [node.hardware for node in nodes]
    rooms = [node.free_disk if node.free_disk >= node.hardware.low_disk else 0 for node in nodes]
    disks = [room - h.low_disk if room else 0 for room, h in zip(rooms, hardware, strict=True)]
    real_cpus = 0.0
    for node in nodes:
        if node.hardware.vcpu_ratio > 0:
            real_cpus += node.used_cpus / node.hardware.vcpu_ratio
    return Totals(
        score=score(nodes),
        instances=sum(len(node.primaries) for node in nodes),
        total_memory=sum(h.memory for h in hardware),
        total_disk=sum(h.total_disk for h in hardware),
        total_cpus=sum(h.cpus for h in hardware),
        max_cpus=sum(h.max_cpus for h in hardware),
        total_spindles=sum(h.spindles for h in hardware),
        free_memory=sum(node.unused_memory for node in nodes),
        available_memory=sum(node.available_memory for node in nodes),
        used_memory=sum(node.instance_memory for node in nodes),
        overhead=sum(h.lost_memory + h.node_memory for h in hardware),
        free_disk=sum(node.free_disk for node in nodes),
        available_disk=sum(disks),
        used_disk=sum(trunc(node.hardware.total_disk) - node.free_disk for node in nodes),
        free_spindles=sum(node.free_spindles for node in nodes),
        used_cpus=sum(node.used_cpus for node in nodes),
        real_cpus=real_cpus,
        most_memory=max((node.available_memory for node in nodes), default=0),
        most_disk=max(disks, default=0),
    )
