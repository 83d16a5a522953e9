"""From data as loaded to a cluster that can be reasoned about."""

from __future__ import annotations

from collections.abc import Sequence
from math import trunc
from typing import NamedTuple

from ganeti_tw.htools.cluster import NOWHERE, BadData, Cluster, find_by_name
from ganeti_tw.htools.tags import apply_tags
from ganeti_tw.htools.utilisation import apply_utilisation, ignore_utilisation

# Less than this is not worth a warning.
_MISSING_MEMORY_MIB = 512
_MISSING_DISK_MIB = 1024


class Wishes(NamedTuple):
    """What the command line adds to the data.

    ``utilisation`` is the text of a utilisation file; ``kvm_node_memory`` replaces
    what KVM nodes report for themselves, in MiB, unless 0; None leaves policies'
    ratios alone.
    """

    utilisation: str | None = None
    ignore_utilisation: bool = False
    exclusion_tags: Sequence[str] = ()
    kvm_node_memory: int = 4096
    offline: Sequence[str] = ()
    max_cpu: float | None = None
    min_disk: float = 0.0


class Prepared(NamedTuple):
    """``missing`` names nodes that miss memory or disk, last node first; ``suffix`` was cut from the aliases."""

    cluster: Cluster
    missing: list[str]
    suffix: str


def prepare(cluster: Cluster, wishes: Wishes) -> Prepared:
    """Complete the cluster in place: utilisation, tags, derived figures, offline nodes, limits."""
    if wishes.ignore_utilisation:
        ignore_utilisation(cluster)
    elif wishes.utilisation is not None:
        apply_utilisation(cluster, wishes.utilisation)
    if cluster.hypervisor == "kvm" and wishes.kvm_node_memory:
        for node in cluster.nodes:
            node.hardware.node_memory = wishes.kvm_node_memory
    apply_tags(cluster, wishes.exclusion_tags)
    suffix = set_aliases(cluster)
    set_limits(cluster, wishes.max_cpu, wishes.min_disk)
    derive(cluster)
    missing = _missing(cluster)
    return Prepared(cluster, missing, suffix)


def set_offline(cluster: Cluster, names: Sequence[str]) -> None:
    """Take nodes for offline; BadData names those that do not exist."""
    hardware = [node.hardware for node in cluster.nodes]
    found = [(name, find_by_name(hardware, name)) for name in names]
    unknown = [name for name, index in found if index is None]
    if unknown:
        raise BadData(f"wrong node name(s) set as offline: {', '.join(unknown)}\n")
    for _, index in found:
        if index is not None:
            cluster.nodes[index].hardware.offline = True


def derive(cluster: Cluster) -> None:
    """Fill the nodes with their instances."""
    nodes = cluster.nodes
    for node in nodes:
        node.clear()
    for instance, place in zip(cluster.instances, cluster.places, strict=True):
        nodes[place.primary].load_primary(instance, place.location)
        if place.secondary != NOWHERE:
            nodes[place.secondary].load_secondary(instance, place.primary)
    for node in nodes:
        node.finish_loading()


def set_limits(cluster: Cluster, max_cpu: float | None, min_disk: float) -> None:
    for node in cluster.nodes:
        policy = cluster.groups[node.hardware.group].policy
        ratio = policy.vcpu_ratio if max_cpu is None else max_cpu
        node.hardware.set_limits(ratio, policy.spindle_ratio, min_disk)


def set_aliases(cluster: Cluster) -> str:
    """Cut the domain shared by all names from the aliases; the domain, or nothing."""
    hardware = [node.hardware for node in cluster.nodes]
    names = [each.name for each in hardware] + [each.name for each in cluster.instances]
    shared = _common_end(names)
    # A name must not be cut to nothing.
    start = 0 if all(len(name) > len(shared) for name in names) else 1
    dot = shared.find(".", start)
    suffix = shared[dot:] if dot >= 0 else ""
    if suffix:
        for node in hardware:
            node.alias = node.name[: -len(suffix)]
        for instance in cluster.instances:
            instance.alias = instance.name[: -len(suffix)]
    return suffix


def _common_end(names: Sequence[str]) -> str:
    """What all names end in.  First and last in the order of their reverses differ most."""
    backwards = [name[::-1] for name in names]
    first, last = min(backwards, default=""), max(backwards, default="")
    length = 0
    while length < len(first) and length < len(last) and first[length] == last[length]:
        length += 1
    return first[:length][::-1]


def _missing(cluster: Cluster) -> list[str]:
    stored = [0] * len(cluster.nodes)
    for instance, place in zip(cluster.instances, cluster.places, strict=True):
        if instance.forthcoming:
            continue
        stored[place.primary] += instance.disk
        if place.secondary != NOWHERE:
            stored[place.secondary] += instance.disk
    found = []
    for node, held in zip(cluster.nodes, stored, strict=True):
        hardware = node.hardware
        memory = hardware.lost_memory
        disk = trunc(hardware.total_disk) - node.free_disk - held
        if memory > _MISSING_MEMORY_MIB or disk > _MISSING_DISK_MIB:
            found.append(f"node {hardware.name} is missing {memory} MB ram and {disk // 1024} GB disk")
    return found[::-1]
