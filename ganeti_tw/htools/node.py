"""One node: what it has, what runs on it, and whether one more instance fits.

A :class:`Node` is never changed once it is part of a cluster: placing and removing
give a new one.  ``None`` in place of a failure means that the instance fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.hardware import Hardware
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.occupancy import Occupancy, spindles_left


class Node(Occupancy):
    """A node with its instances, one of which can come or go."""

    __slots__ = ("_with_primary", "_without_primary", "_without_secondary")

    def __init__(self, hardware: Hardware, free_disk: int, free_spindles: int) -> None:
        super().__init__(hardware, free_disk, free_spindles)
        self._with_primary: tuple[Instance, int, bool, Node | Fail] | None = None
        self._without_primary: tuple[Instance, int, Node] | None = None
        self._without_secondary: tuple[Instance, int, Node] | None = None

    def clear(self) -> None:
        super().clear()
        self._with_primary = self._without_primary = self._without_secondary = None

    # -- removing; the last answers, and those for a primary, are kept, since many moves of one instance are alike

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
        new._drop_primary(instance, location)
        if not instance.forthcoming:
            new._settle_memory()
        return new

    def _drop_primary(self, instance: Instance, location: int) -> None:
        if instance.exclusion:
            self._remove_tags(instance)
        self.planned_free_memory += instance.memory
        self.planned_cpus -= instance.used_cpus
        self._give_back_disk(instance)
        if instance.forthcoming:
            return
        self.primaries = tuple(i for i in self.primaries if i != instance.index)
        self.instance_memory -= instance.used_memory
        self.used_cpus -= instance.used_cpus
        cpu, memory, disk, net = instance.load
        self.cpu_load -= cpu
        self.memory_load -= memory
        self.disk_load -= disk
        self.net_load -= net
        self.location_score -= location + self._unmet_wishes(instance)

    def _remove_secondary(self, instance: Instance, primary: int) -> Node:
        new = self._copy()
        new._drop_secondary(instance, primary)
        if not instance.forthcoming:
            new._settle_memory()
        return new

    def _drop_secondary(self, instance: Instance, primary: int) -> None:
        self._give_back_disk(instance)
        if instance.forthcoming:
            return
        self.secondaries = tuple(i for i in self.secondaries if i != instance.index)
        peers = self.peers.copy()
        left = peers.pop(primary, 0) - instance.reserved
        if left > 0:
            peers[primary] = left
        self.peers = peers
        self.reserved = max(peers.values(), default=0)
        self.disk_load -= instance.load[2]

    def _give_back_disk(self, instance: Instance) -> None:
        real = not instance.forthcoming
        if self.hardware.exclusive_storage:
            spindles = instance.disk_spindles or 0
            self.planned_free_spindles += spindles
            if real:
                self.free_spindles += spindles
        if not instance.local_disk:
            return
        self.planned_free_disk += instance.disk
        if real:
            self.free_disk += instance.disk
        if not self.hardware.exclusive_storage:
            self.planned_spindles -= instance.spindle_use
            if real:
                self.instance_spindles -= instance.spindle_use

    # -- placing

    def with_primary(self, instance: Instance, location: int, force: bool = False) -> Node | Fail:
        """This node with the instance running on it; ``force`` waives the soft checks."""
        kept = self._with_primary
        if kept is None or kept[0] is not instance or kept[1] != location or kept[2] != force:
            self._with_primary = kept = instance, location, force, self._place_primary(instance, location, force)
        return kept[3]

    def _place_primary(self, instance: Instance, location: int, force: bool) -> Node | Fail:
        new = self._copy()
        new._take_primary(instance)
        if not instance.forthcoming:
            new._settle_memory()
            fail = self._refuses_primary(new, instance, force)
            if fail:
                return fail
            new._list_primary(instance, location)
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

    def _take_primary(self, instance: Instance) -> None:
        self.planned_free_memory -= instance.memory
        self.planned_cpus += instance.used_cpus
        self._take_disk(instance)
        if not instance.forthcoming:
            self.instance_memory += instance.used_memory
            self.used_cpus += instance.used_cpus

    def _list_primary(self, instance: Instance, location: int) -> None:
        self.primaries = (instance.index, *self.primaries)
        self._add_load(instance)
        self.location_score += location + self._unmet_wishes(instance)

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
            new._reserve(instance, primary)
            new._settle_memory()
            fail = new._overfull(instance, force, waive=waive_disk)
            if fail:
                return fail
            if not force:
                if instance.reserved >= new.unused_memory:
                    return Fail.MEM
                if new.n1_failure and not self.n1_failure:
                    return Fail.MEM
            new._list_secondary(instance)
        if not force:
            if instance.reserved >= new.planned_free_memory:
                return Fail.MEM
            return new._overplanned(instance) or new
        return new

    def _reserve(self, instance: Instance, primary: int) -> None:
        peers = self.peers.copy()
        peer = peers.get(primary, 0) + instance.reserved
        peers[primary] = peer
        self.peers = peers
        if peer > self.reserved:
            self.reserved = peer

    def _list_secondary(self, instance: Instance) -> None:
        self.secondaries = (instance.index, *self.secondaries)
        self.disk_load += instance.load[2]

    def _take_disk(self, instance: Instance) -> None:
        real = not instance.forthcoming
        if self.hardware.exclusive_storage:
            self.planned_free_spindles = spindles_left(self.planned_free_spindles, instance)
            if real:
                self.free_spindles = spindles_left(self.free_spindles, instance)
        if not instance.local_disk:
            return
        self.planned_free_disk -= instance.disk
        if real:
            self.free_disk -= instance.disk
        if not self.hardware.exclusive_storage:
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

    # -- copies

    def _copy(self) -> Node:
        new = Node.__new__(Node)
        new._metrics = new._with_primary = new._without_primary = new._without_secondary = None
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
        new.present_exclusion = self.present_exclusion
        new.location_score = self.location_score
        return new

    def with_hardware(self, hardware: Hardware) -> Node:
        """The same instances on other hardware."""
        new = self._copy()
        new.hardware = hardware
        return new


def failed_over(nodes: Sequence[Node], instances: Iterable[tuple[Instance, int, int, int]]) -> dict[int, Node]:
    """The nodes, by index, that failovers of all these instances change; whether they fit is not looked at.

    Each comes with its primary, its secondary and its location score, and is not forthcoming.
    """
    changed: dict[int, Node] = {}
    for instance, primary, secondary, location in instances:
        for index in (primary, secondary):
            if index not in changed:
                changed[index] = nodes[index]._copy()
        left, reached = changed[primary], changed[secondary]
        reached._drop_secondary(instance, primary)
        reached._take_primary(instance)
        reached._list_primary(instance, location)
        if instance.exclusion:
            reached._add_tags(instance)
        left._drop_primary(instance, location)
        left._take_disk(instance)
        left._reserve(instance, secondary)
        left._list_secondary(instance)
    for node in changed.values():
        node._settle_memory()
    return changed


def _exceeds(used_cpus: int, hardware: Hardware) -> bool:
    """Whether the share of CPUs is past the ratio; a negative ratio allows all."""
    ratio = hardware.vcpu_ratio
    if ratio < 0:
        return False
    return used_cpus / hardware.cpus > ratio if hardware.cpus else used_cpus > 0
