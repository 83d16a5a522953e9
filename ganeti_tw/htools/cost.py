"""What a move costs: data that goes over the network.

A new secondary receives the instance's whole disks; a live migration its memory, once
for each time it migrates; an instance that does not run has no memory to move.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.moves import PARTS, Kind

MIB_PER_GIB = 1024


class Cost(NamedTuple):
    """In MiB."""

    disk: int
    memory: int

    @property
    def gib(self) -> float:
        return (self.disk + self.memory) / MIB_PER_GIB


def cost_of(instance: Instance, kind: Kind) -> Cost:
    """What one move of this kind sends."""
    parts = PARTS[kind]
    copies = parts.count("R")
    migrations = len(parts) - copies
    return Cost(copies * instance.disk, migrations * instance.memory if instance.running else 0)


def together(costs: Iterable[Cost]) -> Cost:
    disk = memory = 0
    for cost in costs:
        disk += cost.disk
        memory += cost.memory
    return Cost(disk, memory)


def penalty(instance: Instance, kind: Kind, price: float) -> float:
    """In points of score, at so many for each GiB."""
    return price * cost_of(instance, kind).gib if price else 0.0
