"""Why an instance does not fit on a node, by name and number.

``Node.with_primary`` and ``with_secondary`` answer quickly with the kind of failure;
these find the very check that failed first, and by how much.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ganeti_tw.htools.cluster import Cluster
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.moves import Move, attempt
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.occupancy import Occupancy
from ganeti_tw.htools.policy import Policy, Spec, violation

MIB = "MiB"


class Reason(NamedTuple):
    """``short`` is the least that is missing, in ``unit``; None where nothing can be counted.

    ``fail`` is None where it never came to a check.
    """

    constraint: str
    detail: str = ""
    short: float | None = None
    unit: str = ""
    fail: Fail | None = None

    def __str__(self) -> str:
        text = self.constraint if self.short is None else f"{self.constraint} short by {amount(self.short, self.unit)}"
        return f"{text}: {self.detail}" if self.detail else text


OFFLINE = Reason("offline or drained")


def amount(value: float, unit: str) -> str:
    return f"{value:g} {unit}".rstrip() if value != int(value) else f"{int(value)} {unit}".rstrip()


def why_not_primary(cluster: Cluster, node: Node, instance: Instance, force: bool = False) -> Reason | None:
    """The check that keeps the instance from running here; ``force`` waives the soft ones."""
    if not instance.forthcoming:
        real = _memory(node, instance) or (_disk(node, instance, force) if instance.local_disk else None)
        if real or force:
            return real
        return _failover_room(node, instance) or _cpus(node, instance) or _planned(cluster, node, instance)
    return None if force else _planned(cluster, node, instance)


def _memory(node: Node, instance: Instance) -> Reason | None:
    left = node.unused_memory - instance.used_memory
    if left > 0:
        return None
    detail = f"{instance.used_memory} needed, {node.unused_memory} unused"
    return Reason("memory", detail, 1 - left, MIB, Fail.MEM)


def _failover_room(node: Node, instance: Instance) -> Reason | None:
    left = node.unused_memory - instance.used_memory
    if node.n1_failure or left > node.reserved:
        return None
    detail = f"{left} would be left, {node.reserved} reserved for failovers to it"
    return Reason("N+1 memory", detail, node.reserved - left + 1, MIB, Fail.MEM)


def _cpus(node: Node, instance: Instance, planned: bool = False) -> Reason | None:
    hardware = node.hardware
    used = (node.planned_cpus if planned else node.used_cpus) + instance.used_cpus
    ratio = hardware.vcpu_ratio
    if ratio < 0 or (used <= 0 if not hardware.cpus else used / hardware.cpus <= ratio):
        return None
    detail = f"{used} virtual on {hardware.cpus:g} real CPUs, at most {ratio:g} for each"
    return Reason("policy vcpu-ratio", detail, used - ratio * hardware.cpus, "virtual CPUs", Fail.CPU)


def _disk(node: Node, instance: Instance, force: bool, waive: bool = False) -> Reason | None:
    """``waive`` lets it be full: the disks are there already."""
    left = node.free_disk - instance.disk
    if left <= 0 and not waive:
        return Reason("disk", f"{instance.disk} needed, {node.free_disk} free", 1 - left, MIB, Fail.DISK)
    if not force and left < node.hardware.low_disk:
        return _too_full(left, node.hardware.low_disk)
    spindles = _own_spindles(instance, node.free_spindles) if node.hardware.exclusive_storage else None
    if spindles or force:
        return spindles
    return _shared_spindles(node, instance, node.instance_spindles)


def _too_full(left: int, low: int) -> Reason:
    return Reason("--min-disk", f"{left} would be left, {low} must stay free", low - left, MIB, Fail.DISK)


def _own_spindles(instance: Instance, free: int) -> Reason | None:
    if instance.disk_spindles is None:
        return Reason("spindles", "unknown for its disks, needed with exclusive storage", fail=Fail.SPINDLES)
    left = free - instance.disk_spindles
    if left >= 0:
        return None
    return Reason("spindles", f"{instance.disk_spindles} needed, {free} free", -left, "", Fail.SPINDLES)


def _shared_spindles(node: Node, instance: Instance, used: int) -> Reason | None:
    if not node.hardware.exclusive_storage:
        used += instance.spindle_use
    most = node.hardware.max_spindles
    if used <= most:
        return None
    return Reason("policy spindle-ratio", f"spindle use {used}, at most {most:g}", used - most, "", Fail.DISK)


def _planned(cluster: Cluster, node: Node, instance: Instance) -> Reason | None:
    """Exclusion tags, then all figures again with forthcoming instances counted."""
    if not instance.forthcoming:
        for tag in instance.exclusion:
            if node.exclusion.get(tag):
                held = [cluster.instances[i].name for i in node.primaries if tag in cluster.instances[i].exclusion]
                return Reason(f"exclusion tag {tag}", f"held by {', '.join(held) or 'others'}", fail=Fail.TAGS)
    left = node.planned_free_memory - instance.memory
    if left <= 0:
        detail = (
            f"{instance.memory} needed, {node.planned_free_memory} free with stopped and forthcoming instances counted"
        )
        return Reason("memory", detail, 1 - left, MIB, Fail.MEM)
    return _planned_disk(node, instance) or _cpus(node, instance, planned=True)


def _planned_disk(node: Node, instance: Instance) -> Reason | None:
    if not instance.local_disk:
        return None
    free = node.planned_free_disk
    left = free - instance.disk
    if left <= 0:
        detail = f"{instance.disk} needed, {free} free with forthcoming instances counted"
        return Reason("disk", detail, 1 - left, MIB, Fail.DISK)
    if left < node.hardware.low_disk:
        return _too_full(left, node.hardware.low_disk)
    if node.hardware.exclusive_storage:
        spindles = _own_spindles(instance, node.planned_free_spindles)
        if spindles:
            return spindles
    return _shared_spindles(node, instance, node.planned_spindles)


def why_not_secondary(
    node: Node, instance: Instance, primary: int, force: bool = False, *, waive_disk: bool = False
) -> Reason | None:
    """The check that keeps a copy of the instance's disks from being here."""
    if not instance.mirrored:
        return Reason("disk template", f"{instance.template} has no secondary", fail=Fail.DISK)
    if not instance.forthcoming:
        reason = _disk(node, instance, force, waive_disk)
        if reason or force:
            return reason
        unused = node.unused_memory
        if instance.reserved >= unused:
            detail = f"{instance.reserved} must be kept for failovers, {unused} unused"
            return Reason("memory", detail, instance.reserved - unused + 1, MIB, Fail.MEM)
        reserved = max(node.reserved, node.peers.get(primary, 0) + instance.reserved)
        if unused <= reserved and not node.n1_failure:
            detail = f"{reserved} would be reserved for failovers to it, {unused} unused"
            return Reason("N+1 memory", detail, reserved - unused + 1, MIB, Fail.MEM)
    if force:
        return None
    free = node.planned_free_memory
    if instance.reserved >= free:
        detail = f"{instance.reserved} must be kept, {free} free with stopped and forthcoming instances counted"
        return Reason("memory", detail, instance.reserved - free + 1, MIB, Fail.MEM)
    return _planned_disk(node, instance)


# -- policies

_FIELDS = (
    ("memory-size", Fail.MEM),
    ("disk-size", Fail.DISK),
    ("cpu-count", Fail.CPU),
    ("spindle-use", Fail.SPINDLES),
    ("disk-count", Fail.DISK_COUNT),
)


def why_unwelcome(policy: Policy, instance: Instance, exclusive_storage: bool) -> Reason | None:
    """The field of the policy that the instance breaks."""
    fail = violation(policy, instance, exclusive_storage)
    if fail is None:
        return None
    for bound, above in ((policy.bounds[0][0], False), (policy.bounds[0][1], True)) if policy.bounds else ():
        reason = _outside(bound, instance, exclusive_storage, above)
        if reason is not None and reason.fail is fail:
            return reason
    detail = f"{instance.template} is not among {', '.join(policy.templates) or 'none'}"
    return Reason("policy disk-templates", detail, fail=Fail.DISK)


def _outside(bound: Spec, instance: Instance, exclusive_storage: bool, above: bool) -> Reason | None:
    spindles = instance.disk_spindles if exclusive_storage else instance.spindle_use
    disks: Sequence[int] = instance.disks or (bound.disk_size,)
    sizes = (
        (instance.memory, bound.memory),
        (max(disks) if above else min(disks), bound.disk_size),
        (instance.vcpus, bound.cpus),
        (spindles, bound.spindle_use),
        (bound.disk_count if instance.template == "diskless" else len(instance.disks), bound.disk_count),
    )
    for (name, fail), (value, limit) in zip(_FIELDS, sizes, strict=True):
        if value is None:
            return Reason(f"policy {name}", "the spindles of its disks are unknown", fail=fail)
        if value > limit if above else value < limit:
            return Reason(f"policy {name}", f"{value}, at {'most' if above else 'least'} {limit}", fail=fail)
    return None


# -- moves


class _Refusal(NamedTuple):
    node: Node
    reason: Reason


class _Probe(Node):
    """A node that says on a list of refusals why it refuses."""

    __slots__ = ("_cluster", "_refusals")

    _cluster: Cluster
    _refusals: list[_Refusal]

    @classmethod
    def of(cls, node: Node, cluster: Cluster, refusals: list[_Refusal]) -> _Probe:
        probe = cls.__new__(cls)
        for name in (*Occupancy.__slots__, *Node.__slots__):
            setattr(probe, name, getattr(node, name))
        probe._without_primary = probe._without_secondary = None
        probe._cluster = cluster
        probe._refusals = refusals
        return probe

    def _copy(self) -> Node:
        return self.of(super()._copy(), self._cluster, self._refusals)

    def with_primary(self, instance: Instance, location: int, force: bool = False) -> Node | Fail:
        answer = super().with_primary(instance, location, force)
        if isinstance(answer, Fail):
            self._note(why_not_primary(self._cluster, self, instance, force))
        return answer

    def with_secondary(
        self, instance: Instance, primary: int, force: bool = False, *, waive_disk: bool = False
    ) -> Node | Fail:
        answer = super().with_secondary(instance, primary, force, waive_disk=waive_disk)
        if isinstance(answer, Fail):
            self._note(why_not_secondary(self, instance, primary, force, waive_disk=waive_disk))
        return answer

    def _note(self, reason: Reason | None) -> None:
        if reason is not None:
            self._refusals.append(_Refusal(self, reason))


def why_not_move(cluster: Cluster, instance: Instance, move: Move, force: bool = False) -> Reason | None:
    """The check that forbids a move; a node that is not its target is named."""
    fail = attempt(cluster, instance, move, force)
    if not isinstance(fail, Fail):
        return None
    refusals: list[_Refusal] = []
    view = cluster.copy()
    for index in {*cluster.places[instance.index][:2], move.target} - {-1}:
        view.nodes[index] = _Probe.of(view.nodes[index], cluster, refusals)
    attempt(view, instance, move, force)
    if not refusals:
        return Reason("migration tags", "it may not migrate there from where it runs", fail=fail)
    node, reason = refusals[0]
    if node.hardware.index == move.target:
        return reason
    return reason._replace(detail=f"on {node.hardware.alias}, {reason.detail}")
