"""What a node is, whatever runs on it."""

from __future__ import annotations

from collections.abc import Iterable
from math import floor


class Hardware:
    """Memory and disk in MiB.

    ``lost_memory`` is what neither the node nor its instances account for, as
    found when the data was loaded.
    """

    __slots__ = (
        "accepted_migrations",
        "alias",
        "cpu_speed",
        "cpus",
        "exclusive_storage",
        "free_memory",
        "group",
        "index",
        "location_tags",
        "lost_memory",
        "low_disk",
        "master",
        "max_cpus",
        "max_spindles",
        "memory",
        "migration_tags",
        "name",
        "node_cpus",
        "node_memory",
        "offline",
        "spindles",
        "tags",
        "total_disk",
        "vcpu_ratio",
    )

    def __init__(
        self,
        index: int,
        name: str,
        *,
        group: int,
        memory: float,
        node_memory: int,
        free_memory: int,
        total_disk: float,
        cpus: float,
        node_cpus: int = 1,
        cpu_speed: float = 1.0,
        offline: bool = False,
        master: bool = False,
        spindles: int = 1,
        exclusive_storage: bool = False,
        tags: Iterable[str] = (),
    ) -> None:
        self.index = index
        self.name = self.alias = name
        self.group = group
        self.memory = memory
        self.node_memory = node_memory
        self.free_memory = free_memory
        self.total_disk = total_disk
        self.cpus = cpus
        self.node_cpus = node_cpus
        self.cpu_speed = cpu_speed
        self.offline = offline
        self.master = master
        self.spindles = spindles
        self.exclusive_storage = exclusive_storage
        self.tags = tuple(tags)
        self.location_tags: frozenset[str] = frozenset()
        self.migration_tags: frozenset[str] = frozenset()
        self.accepted_migrations: frozenset[str] = frozenset()
        self.lost_memory = 0
        self.low_disk = 0
        self.set_limits(4.0, 32.0, 0.0)

    def set_limits(self, vcpu_ratio: float, spindle_ratio: float, min_disk: float) -> None:
        """How far CPUs and spindles may be shared, and the part of the disk to keep free."""
        self.vcpu_ratio = vcpu_ratio
        self.max_cpus = floor(vcpu_ratio * self.cpus)
        self.max_spindles = spindle_ratio * self.spindles
        self.low_disk = floor(min_disk * self.total_disk)

    def copy(self) -> Hardware:
        new = Hardware.__new__(Hardware)
        for name in Hardware.__slots__:
            setattr(new, name, getattr(self, name))
        return new

    def admits_migration_to(self, other: Hardware) -> bool:
        return not self.migration_tags or self.migration_tags <= (other.migration_tags | other.accepted_migrations)
