"""Empty clusters from a description: ``policy,count,disk,memory,cpus[,spindles[,exclusive]]``."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti_tw.htools.cluster import BadData, Cluster
from ganeti_tw.htools.group import ALLOCATION, Group
from ganeti_tw.htools.hardware import Hardware
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.numbers import amount, shortened, size_mib
from ganeti_tw.htools.policy import DEFAULT

_SHORT = {"p": "preferred", "a": "last_resort", "u": "unallocable"}
_MOST_NODES = 100_000


def simulated(specs: Sequence[str]) -> Cluster:
    """One group for each description; the last one given becomes the first group."""
    groups: list[Group] = []
    nodes: list[Node] = []
    for number, spec in enumerate(reversed(specs), start=1):
        group, count, hardware = _parse(number, spec)
        groups.append(group)
        for each in range(1, count + 1):
            one = hardware.copy()
            one.index = len(nodes)
            one.name = one.alias = f"node-{number:02d}-{each:03d}"
            one.master = not nodes
            nodes.append(Node(one, int(one.total_disk), 0))
    return Cluster(groups, nodes, [], [], [], DEFAULT, base=1)


def _parse(number: int, spec: str) -> tuple[Group, int, Hardware]:
    fields = spec.split(",")
    if not 5 <= len(fields) <= 7:
        raise BadData(
            "Invalid cluster specification, expected 6 comma-separated sections (allocation policy,"
            " node count, disk size, memory size, number of CPUs, spindles) but got"
            f" {len(fields)}: '{shortened(spec)}'"
        )
    allocation, count, disk, memory, cpus = fields[:5]
    spindles = fields[5] if len(fields) > 5 else "1"
    exclusive = fields[6] if len(fields) > 6 else "False"
    if exclusive not in ("True", "False"):
        raise BadData(f"exclusive storage: cannot parse string '{shortened(exclusive)}'")
    group = Group(number - 1, f"group-{number:02d}", f"fake-uuid-{number:02d}", _allocation(allocation))
    node_count = amount("node count", count)
    if node_count > _MOST_NODES:
        raise BadData(f"node count: {node_count} is more than the {_MOST_NODES} that can be simulated")
    memory_mib = _size("memory size", memory)
    hardware = Hardware(
        0,
        "",
        group=group.index,
        memory=float(memory_mib),
        node_memory=0,
        free_memory=memory_mib,
        total_disk=float(_size("disk size", disk)),
        cpus=float(amount("number of CPUs", cpus)),
        spindles=amount("spindles", spindles),
        exclusive_storage=exclusive == "True",
    )
    return group, node_count, hardware


def _size(owner: str, text: str) -> int:
    try:
        return size_mib(text)
    except BadData as error:
        raise BadData(f"{owner}: {error}") from None


def _allocation(text: str) -> str:
    full = _SHORT.get(text, text)
    if full not in ALLOCATION:
        raise BadData(
            f'Invalid string value for type AllocPolicy: "{shortened(text)}";'
            f" Cannot parse AllocPolicy abbreviation '{shortened(text)}'"
        )
    return full
