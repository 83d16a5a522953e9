"""Sizes of new instances, and how they shrink as room runs out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.policy import Policy

# The steps in which sizes shrink, and the smallest sizes, in MiB.
_MEMORY_STEP = 64
_DISK_STEP = 256


class Size(NamedTuple):
    """What each new instance gets; memory and disk in MiB."""

    memory: int
    disk: int
    cpus: int
    spindles: int

    def shrunk(self, by: Fail) -> Size | None:
        """One step less of what was short; None when it cannot be less."""
        if by is Fail.MEM and self.memory >= 2 * _MEMORY_STEP:
            return self._replace(memory=self.memory - _MEMORY_STEP)
        if by is Fail.DISK and self.disk >= 2 * _DISK_STEP:
            return self._replace(disk=self.disk - _DISK_STEP)
        if by is Fail.CPU and self.cpus >= 2:
            return self._replace(cpus=self.cpus - 1)
        if by is Fail.SPINDLES and self.spindles >= 2:
            return self._replace(spindles=self.spindles - 1)
        return None

    def less(self, by: Fail, steps: int) -> Size:
        """So many steps less of memory or of disk, whichever was short."""
        if by is Fail.MEM:
            return self._replace(memory=self.memory - steps * _MEMORY_STEP)
        return self._replace(disk=self.disk - steps * _DISK_STEP)


def steps_alike(size: Size, by: Fail, nodes: Iterable[Node], policies: Iterable[Policy]) -> int:
    """By how many steps memory or disk can shrink while each check, but for capacity, ends as it does now."""
    if by is Fail.MEM:
        now, step, bounds = size.memory, _MEMORY_STEP, [*_memory_of_nodes(nodes), *_memory_of_policies(policies)]
    else:
        now, step, bounds = size.disk, _DISK_STEP, [*_disk_of_nodes(nodes), *_disk_of_policies(policies)]
    last = max((bound for bound in (step - 1, *bounds) if bound < now), default=now - 1)
    return (now - last - 1) // step


# Each check of a size holds up to one of these, which concern a primary, or what is reserved on a secondary.


def _memory_of_nodes(nodes: Iterable[Node]) -> Iterator[int]:
    for node in nodes:
        yield node.unused_memory - 1
        yield node.planned_free_memory - 1
        yield from (node.unused_memory - memory - 1 for memory in node.peers.values())


def _disk_of_nodes(nodes: Iterable[Node]) -> Iterator[int]:
    for node in nodes:
        for free in (node.free_disk, node.planned_free_disk):
            yield free - 1
            yield free - node.hardware.low_disk


def _memory_of_policies(policies: Iterable[Policy]) -> Iterator[int]:
    for policy in policies:
        for smallest, largest in policy.bounds:
            yield smallest.memory - 1
            yield largest.memory


def _disk_of_policies(policies: Iterable[Policy]) -> Iterator[int]:
    for policy in policies:
        for smallest, largest in policy.bounds:
            yield smallest.disk_size - 1
            yield largest.disk_size
