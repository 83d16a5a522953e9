"""What runs on a node, and what that leaves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import trunc

from ganeti_tw.htools.hardware import Hardware
from ganeti_tw.htools.instance import Instance

# Free spindles of a node that holds an instance with an unknown number of them.
_LOST = -1


class Occupancy:
    """What instances make of a node's figures.

    ``primaries`` and ``secondaries`` hold instance indices, newest first;
    ``peers`` the memory reserved here for each primary node.  The ``planned_``
    figures count forthcoming instances too, the others ignore them; but ``exclusion``,
    how often each exclusion tag is here, counts them, and ``present_exclusion`` does not.
    """

    __slots__ = (
        "_metrics",
        "cpu_load",
        "disk_load",
        "exclusion",
        "free_disk",
        "free_spindles",
        "hardware",
        "instance_memory",
        "instance_spindles",
        "location_score",
        "memory_load",
        "n1_failure",
        "net_load",
        "peers",
        "planned_cpus",
        "planned_free_disk",
        "planned_free_memory",
        "planned_free_spindles",
        "planned_spindles",
        "present_exclusion",
        "primaries",
        "reserved",
        "secondaries",
        "unused_memory",
        "used_cpus",
    )

    def __init__(self, hardware: Hardware, free_disk: int, free_spindles: int) -> None:
        self.hardware = hardware
        self._metrics: tuple[float, ...] | None = None
        self.free_disk = self.planned_free_disk = free_disk
        self.free_spindles = self.planned_free_spindles = free_spindles
        self.clear()

    # -- filling it while loading

    def clear(self) -> None:
        """Forget all instances; free disk and spindles, which are as reported, stay."""
        self.instance_memory = 0
        self.unused_memory = 0
        self.reserved = 0
        self.n1_failure = False
        self.peers: dict[int, int] = {}
        self.primaries: tuple[int, ...] = ()
        self.secondaries: tuple[int, ...] = ()
        self.used_cpus = self.planned_cpus = self.hardware.node_cpus
        self.instance_spindles = self.planned_spindles = 0
        self.cpu_load = self.memory_load = self.disk_load = self.net_load = 0.0
        self.planned_free_memory = self.hardware.free_memory
        self.planned_free_disk = self.free_disk
        self.planned_free_spindles = self.free_spindles
        self.exclusion: dict[str, int] = {}
        self.present_exclusion = self.exclusion
        self.location_score = 0
        self._metrics = None

    def load_primary(self, instance: Instance, location: int) -> None:
        """Count an instance whose disks the reported figures include."""
        if instance.exclusion:
            self._add_tags(instance)
        if not instance.used_memory:
            self.planned_free_memory -= instance.memory
        self.planned_cpus += instance.used_cpus
        shares_spindles = instance.local_disk and not self.hardware.exclusive_storage
        if shares_spindles:
            self.planned_spindles += instance.spindle_use
        if instance.forthcoming:
            self._load_planned_disk(instance)
            return
        self.primaries = (instance.index, *self.primaries)
        self.instance_memory += instance.used_memory
        self.used_cpus += instance.used_cpus
        if shares_spindles:
            self.instance_spindles += instance.spindle_use
        self._add_load(instance)
        self.location_score += location + self._unmet_wishes(instance)

    def load_secondary(self, instance: Instance, primary: int) -> None:
        """As :meth:`load_primary`, for the node with the copy of the disks."""
        shares_spindles = instance.local_disk and not self.hardware.exclusive_storage
        if shares_spindles:
            self.planned_spindles += instance.spindle_use
        if instance.forthcoming:
            self._load_planned_disk(instance)
            return
        self.secondaries = (instance.index, *self.secondaries)
        peer = self.peers.get(primary, 0) + instance.reserved
        self.peers[primary] = peer
        if peer > self.reserved:
            self.reserved = peer
        if shares_spindles:
            self.instance_spindles += instance.spindle_use
        self.disk_load += instance.load[2]

    def finish_loading(self) -> None:
        """Settle what follows from all instances together."""
        self.hardware.lost_memory = self._recorded_free() - self.hardware.free_memory
        self._settle_memory()

    def _load_planned_disk(self, instance: Instance) -> None:
        if self.hardware.exclusive_storage:
            self.planned_free_spindles = spindles_left(self.planned_free_spindles, instance)
        if instance.local_disk:
            self.planned_free_disk -= instance.disk

    # -- figures

    @property
    def offline(self) -> bool:
        return self.hardware.offline

    @property
    def available_memory(self) -> int:
        """What new instances may use: neither used nor reserved."""
        return max(0, self.unused_memory - self.reserved)

    @property
    def free_memory_part(self) -> float:
        return self.metrics()[0]

    @property
    def free_disk_part(self) -> float:
        return self.metrics()[1]

    @property
    def cpu_ratio(self) -> float:
        return self.used_cpus / (self.hardware.cpus or 1.0)

    def metrics(self) -> tuple[float, ...]:
        """The values whose spread over the nodes is scored, in the order of ``score.SPREAD``."""
        if self._metrics is None:
            hardware = self.hardware
            memory, cpus = hardware.memory or 1.0, hardware.cpus or 1.0
            speed, spindles = hardware.cpu_speed or 1.0, hardware.max_spindles or 1.0
            storage: float
            if hardware.exclusive_storage:
                storage, free, planned = hardware.spindles, self.free_spindles, self.planned_free_spindles
            else:
                storage, free, planned = hardware.total_disk, self.free_disk, self.planned_free_disk
            self._metrics = (
                self.unused_memory / memory,
                free / storage if storage else 1.0,
                self.reserved / memory,
                self.used_cpus / cpus / speed,
                self.cpu_load,
                self.memory_load,
                self.disk_load,
                self.net_load,
                self.instance_spindles / spindles,
                self.planned_free_memory / memory,
                planned / storage if storage else 1.0,
                self.planned_cpus / cpus / speed,
                self.planned_spindles / spindles,
            )
        return self._metrics

    # -- parts

    def _recorded_free(self) -> int:
        return trunc(self.hardware.memory) - self.hardware.node_memory - self.instance_memory

    def _settle_memory(self) -> None:
        free = self._recorded_free()
        lost = self.hardware.lost_memory
        self.unused_memory = free - lost if lost > 0 else free
        self.n1_failure = self.unused_memory <= self.reserved

    def _add_load(self, instance: Instance) -> None:
        cpu, memory, disk, net = instance.load
        self.cpu_load += cpu
        self.memory_load += memory
        self.disk_load += disk
        self.net_load += net

    def _unmet_wishes(self, instance: Instance) -> int:
        return len(instance.desired - self.hardware.location_tags) if instance.desired else 0

    def _add_tags(self, instance: Instance) -> None:
        self.exclusion = _with(self.exclusion, instance.exclusion)
        if not instance.forthcoming:
            self.present_exclusion = _with(self.present_exclusion, instance.exclusion)

    def _remove_tags(self, instance: Instance) -> None:
        self.exclusion = _without(self.exclusion, instance.exclusion)
        if not instance.forthcoming:
            self.present_exclusion = _without(self.present_exclusion, instance.exclusion)


def _with(counts: Mapping[str, int], tags: Iterable[str]) -> dict[str, int]:
    more = dict(counts)
    for tag in tags:
        more[tag] = more.get(tag, 0) + 1
    return more


def _without(counts: Mapping[str, int], tags: Iterable[str]) -> dict[str, int]:
    less = dict(counts)
    for tag in tags:
        left = less.pop(tag, 0) - 1
        if left > 0:
            less[tag] = left
    return less


def spindles_left(free: int, instance: Instance) -> int:
    """Spindles of a node left by one more instance on it.

    As in Ganeti they count wherever its disks are, and not to know how many leaves the node without any.
    """
    return _LOST if instance.disk_spindles is None else free - instance.disk_spindles
