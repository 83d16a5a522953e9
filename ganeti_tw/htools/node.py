"""One node: what it has, what runs on it, and whether one more instance fits.

A :class:`Node` is never changed once it is part of a cluster: placing and removing
give a new one.  ``None`` in place of a failure means that the instance fits.
"""

from __future__ import annotations

from math import trunc

from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.hardware import Hardware
from ganeti_tw.htools.instance import Instance


class Node:
    """A node with its instances.

    ``primaries`` and ``secondaries`` hold instance indices, newest first;
    ``peers`` the memory reserved here for each primary node.  The ``planned_``
    figures count forthcoming instances too, the others ignore them.
    """

    __slots__ = (
        "_metrics",
        "_without_primary",
        "_without_secondary",
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
        "primaries",
        "reserved",
        "secondaries",
        "unused_memory",
        "used_cpus",
    )

    def __init__(self, hardware: Hardware, free_disk: int, free_spindles: int) -> None:
        self.hardware = hardware
        self._metrics: tuple[float, ...] | None = None
        self._without_primary: tuple[Instance, int, Node] | None = None
        self._without_secondary: tuple[Instance, int, Node] | None = None
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
        self.location_score = 0
        self._metrics = self._without_primary = self._without_secondary = None

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
        if instance.local_disk:
            self.planned_free_disk -= instance.disk
            if self.hardware.exclusive_storage:
                self.planned_free_spindles -= instance.disk_spindles or 0

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
        return _part(self.unused_memory, self.hardware.memory)

    @property
    def planned_free_memory_part(self) -> float:
        return _part(self.planned_free_memory, self.hardware.memory)

    @property
    def reserved_part(self) -> float:
        return _part(self.reserved, self.hardware.memory)

    @property
    def free_disk_part(self) -> float:
        if self.hardware.exclusive_storage:
            return _part_or_all(self.free_spindles, self.hardware.spindles)
        return _part_or_all(self.free_disk, self.hardware.total_disk)

    @property
    def planned_free_disk_part(self) -> float:
        if self.hardware.exclusive_storage:
            return _part_or_all(self.planned_free_spindles, self.hardware.spindles)
        return _part_or_all(self.planned_free_disk, self.hardware.total_disk)

    @property
    def cpu_ratio(self) -> float:
        return _part(self.used_cpus, self.hardware.cpus)

    @property
    def speed_ratio(self) -> float:
        """Virtual CPUs for each real one of speed 1."""
        return _part(self.cpu_ratio, self.hardware.cpu_speed)

    @property
    def planned_speed_ratio(self) -> float:
        return _part(_part(self.planned_cpus, self.hardware.cpus), self.hardware.cpu_speed)

    @property
    def spindle_ratio(self) -> float:
        return _part(self.instance_spindles, self.hardware.max_spindles)

    @property
    def planned_spindle_ratio(self) -> float:
        return _part(self.planned_spindles, self.hardware.max_spindles)

    def metrics(self) -> tuple[float, ...]:
        """The values whose spread over the nodes is scored, in the order of ``score.SPREAD``."""
        if self._metrics is None:
            hardware = self.hardware
            memory, cpus = hardware.memory or 1.0, hardware.cpus or 1.0
            speed, spindles = hardware.cpu_speed or 1.0, hardware.max_spindles or 1.0
            self._metrics = (
                self.unused_memory / memory,
                self.free_disk_part,
                self.reserved / memory,
                self.used_cpus / cpus / speed,
                self.cpu_load,
                self.memory_load,
                self.disk_load,
                self.net_load,
                self.instance_spindles / spindles,
                self.planned_free_memory / memory,
                self.planned_free_disk_part,
                self.planned_cpus / cpus / speed,
                self.planned_spindles / spindles,
            )
        return self._metrics

    # -- removing; the last answers are kept, since many moves of one instance begin alike

    def without_primary(self, instance: Instance, location: int) -> Node:
        kept = self._without_primary
        if kept is None or kept[0] is not instance or kept[1] != location:
            self._without_primary = kept = instance, location, self._remove_primary(instance, location)
        return kept[2]

    def without_secondary(self, instance: Instance, primary: int) -> Node:
        kept = self._without_secondary
        if kept is None or kept[0] is not instance or kept[1] != primary:
            self._without_secondary = kept = instance, primary, self._remove_secondary(instance, primary)
        return kept[2]

    def _remove_primary(self, instance: Instance, location: int) -> Node:
        new = self._copy()
        if instance.exclusion:
            new._remove_tags(instance)
        new.planned_free_memory += instance.memory
        new.planned_cpus -= instance.used_cpus
        if instance.local_disk:
            new._give_back_disk(instance)
        if instance.forthcoming:
            return new
        new.primaries = tuple(i for i in self.primaries if i != instance.index)
        new.instance_memory -= instance.used_memory
        new.used_cpus -= instance.used_cpus
        cpu, memory, disk, net = instance.load
        new.cpu_load -= cpu
        new.memory_load -= memory
        new.disk_load -= disk
        new.net_load -= net
        new.location_score -= location + self._unmet_wishes(instance)
        new._settle_memory()
        return new

    def _remove_secondary(self, instance: Instance, primary: int) -> Node:
        new = self._copy()
        if instance.local_disk:
            new._give_back_disk(instance)
        if instance.forthcoming:
            return new
        new.secondaries = tuple(i for i in self.secondaries if i != instance.index)
        peers = self.peers.copy()
        left = peers.pop(primary, 0) - instance.reserved
        if left > 0:
            peers[primary] = left
        new.peers = peers
        new.reserved = max(peers.values(), default=0)
        new.disk_load -= instance.load[2]
        new._settle_memory()
        return new

    def _give_back_disk(self, instance: Instance) -> None:
        real = not instance.forthcoming
        self.planned_free_disk += instance.disk
        if real:
            self.free_disk += instance.disk
        if self.hardware.exclusive_storage:
            spindles = instance.disk_spindles or 0
            self.planned_free_spindles += spindles
            if real:
                self.free_spindles += spindles
        else:
            self.planned_spindles -= instance.spindle_use
            if real:
                self.instance_spindles -= instance.spindle_use

    # -- placing

    def with_primary(self, instance: Instance, location: int, force: bool = False) -> Node | Fail:
        """This node with the instance running on it; ``force`` waives the soft checks."""
        new = self._copy()
        new.planned_free_memory -= instance.memory
        new.planned_cpus += instance.used_cpus
        if instance.local_disk:
            new._take_disk(instance)
        if not instance.forthcoming:
            new.instance_memory += instance.used_memory
            new.used_cpus += instance.used_cpus
            new._settle_memory()
            fail = self._refuses_primary(new, instance, force)
            if fail:
                return fail
            new.primaries = (instance.index, *self.primaries)
            new._add_load(instance)
            new.location_score += location + self._unmet_wishes(instance)
        if not force:
            # What is still to come is not kept apart, though it counts for others.
            if not instance.forthcoming and any(self.exclusion.get(tag) for tag in instance.exclusion):
                return Fail.TAGS
            if new.planned_free_memory <= 0:
                return Fail.MEM
            fail = new._overplanned(instance)
            if fail:
                return fail
            if _exceeds(new.planned_cpus, self.hardware):
                return Fail.CPU
        if instance.exclusion:
            new._add_tags(instance)
        return new

    def _refuses_primary(self, new: Node, instance: Instance, force: bool) -> Fail | None:
        hardware = self.hardware
        if new.unused_memory <= 0:
            return Fail.MEM
        if instance.local_disk:
            fail = new._overfull(instance, force, waive=False)
            if fail:
                return fail
        if force:
            return None
        if new.n1_failure and not self.n1_failure:
            return Fail.MEM
        if _exceeds(new.used_cpus, hardware):
            return Fail.CPU
        return None

    def with_secondary(
        self, instance: Instance, primary: int, force: bool = False, *, waive_disk: bool = False
    ) -> Node | Fail:
        """This node with a copy of the instance's disks, ready to take over from ``primary``."""
        if not instance.mirrored:
            return Fail.DISK
        new = self._copy()
        new._take_disk(instance)
        if not instance.forthcoming:
            peers = self.peers.copy()
            peer = peers.get(primary, 0) + instance.reserved
            peers[primary] = peer
            new.peers = peers
            if peer > new.reserved:
                new.reserved = peer
            new._settle_memory()
            fail = new._overfull(instance, force, waive=waive_disk)
            if fail:
                return fail
            if not force:
                if instance.reserved >= new.unused_memory:
                    return Fail.MEM
                if new.n1_failure and not self.n1_failure:
                    return Fail.MEM
            new.secondaries = (instance.index, *self.secondaries)
            new.disk_load += instance.load[2]
        if not force:
            if instance.reserved >= new.planned_free_memory:
                return Fail.MEM
            return new._overplanned(instance) or new
        return new

    def _take_disk(self, instance: Instance) -> None:
        real = not instance.forthcoming
        self.planned_free_disk -= instance.disk
        if real:
            self.free_disk -= instance.disk
        if self.hardware.exclusive_storage:
            spindles = instance.disk_spindles or 0
            self.planned_free_spindles -= spindles
            if real:
                self.free_spindles -= spindles
        else:
            self.planned_spindles += instance.spindle_use
            if real:
                self.instance_spindles += instance.spindle_use

    def _overfull(self, instance: Instance, force: bool, *, waive: bool) -> Fail | None:
        """What is wrong with disk and spindles, for an instance with a local disk."""
        hardware = self.hardware
        if self.free_disk <= 0 and not waive:
            return Fail.DISK
        if not force and self.free_disk < hardware.low_disk:
            return Fail.DISK
        if hardware.exclusive_storage and (self.free_spindles < 0 or instance.disk_spindles is None):
            return Fail.SPINDLES
        if not force and self.instance_spindles > hardware.max_spindles:
            return Fail.DISK
        return None

    def _overplanned(self, instance: Instance) -> Fail | None:
        """The same with forthcoming instances counted; memory and CPUs are the caller's."""
        if not instance.local_disk:
            return None
        hardware = self.hardware
        if self.planned_free_disk <= 0 or self.planned_free_disk < hardware.low_disk:
            return Fail.DISK
        if hardware.exclusive_storage and (self.planned_free_spindles < 0 or instance.disk_spindles is None):
            return Fail.SPINDLES
        if self.planned_spindles > hardware.max_spindles:
            return Fail.DISK
        return None

    # -- parts

    def _copy(self) -> Node:
        new = Node.__new__(Node)
        new._metrics = new._without_primary = new._without_secondary = None
        new.hardware = self.hardware
        new.free_disk = self.free_disk
        new.free_spindles = self.free_spindles
        new.planned_free_disk = self.planned_free_disk
        new.planned_free_spindles = self.planned_free_spindles
        new.instance_memory = self.instance_memory
        new.unused_memory = self.unused_memory
        new.reserved = self.reserved
        new.n1_failure = self.n1_failure
        new.peers = self.peers
        new.primaries = self.primaries
        new.secondaries = self.secondaries
        new.used_cpus = self.used_cpus
        new.planned_cpus = self.planned_cpus
        new.instance_spindles = self.instance_spindles
        new.planned_spindles = self.planned_spindles
        new.cpu_load = self.cpu_load
        new.memory_load = self.memory_load
        new.disk_load = self.disk_load
        new.net_load = self.net_load
        new.planned_free_memory = self.planned_free_memory
        new.exclusion = self.exclusion
        new.location_score = self.location_score
        return new

    def with_hardware(self, hardware: Hardware) -> Node:
        """The same instances on other hardware."""
        new = self._copy()
        new.hardware = hardware
        return new

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
        counts = self.exclusion.copy()
        for tag in instance.exclusion:
            counts[tag] = counts.get(tag, 0) + 1
        self.exclusion = counts

    def _remove_tags(self, instance: Instance) -> None:
        counts = self.exclusion.copy()
        for tag in instance.exclusion:
            left = counts.pop(tag, 0) - 1
            if left > 0:
                counts[tag] = left
        self.exclusion = counts


def _part(amount: float, whole: float) -> float:
    return amount / whole if whole else float(amount)


def _part_or_all(amount: float, whole: float) -> float:
    return amount / whole if whole else 1.0


def _exceeds(used_cpus: int, hardware: Hardware) -> bool:
    """Whether the share of CPUs is past the ratio; a negative ratio allows all."""
    ratio = hardware.vcpu_ratio
    if ratio < 0:
        return False
    return used_cpus / hardware.cpus > ratio if hardware.cpus else used_cpus > 0
