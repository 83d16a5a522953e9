"""The text format: five sections of lines with fields between bars.

Groups, nodes, instances, cluster tags, policies; one blank line between sections,
so that an empty section leaves two in a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganeti_tw.htools.cluster import NOWHERE, BadData, Cluster, Place
from ganeti_tw.htools.group import ALLOCATION, Group
from ganeti_tw.htools.hardware import Hardware
from ganeti_tw.htools.instance import STATUSES, Instance
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.numbers import amount, integer, positive_real, real, shortened, shortest
from ganeti_tw.htools.policy import DEFAULT, Policy, Spec
from ganeti_tw.htools.templates import DRBD, TEMPLATES

_SECTIONS = 4
_NODE_FIELDS = 9
_INSTANCE_FIELDS = 10


def parse(content: str) -> Cluster:
    """The cluster a text describes.  BadData names the first line that does not fit."""
    sections = _sections(content)
    if len(sections) < _SECTIONS:
        raise BadData(f"Invalid format of the input file: {len(sections)} sections instead of 4 or more")
    groups = [_group(index, line) for index, line in enumerate(sections[0])]
    policy = DEFAULT
    if len(sections) > _SECTIONS:
        policy = _policies(sections[4], groups)
    by_uuid = {group.uuid: group.index for group in groups}
    nodes = [_node(index, line, by_uuid) for index, line in enumerate(sections[1])]
    _refuse_twins([node.hardware.name for node in nodes], "node")
    by_name = {node.hardware.name: node.hardware.index for node in nodes}
    instances: list[Instance] = []
    places: list[Place] = []
    for line in sections[2]:
        instance, place = _instance(len(instances), line, by_name)
        instances.append(instance)
        places.append(place)
    _refuse_twins([instance.name for instance in instances], "instance")
    return Cluster(groups, nodes, instances, places, sections[3], policy)


def _sections(content: str) -> list[list[str]]:
    lines = content.split("\n")
    if lines[-1] == "":
        lines.pop()
    if not lines:
        return []
    sections: list[list[str]] = [[]]
    for line in lines:
        if line:
            sections[-1].append(line)
        else:
            sections.append([])
    return sections


def _refuse_twins(names: Sequence[str], kind: str) -> None:
    if len(set(names)) == len(names):
        return
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise BadData(f"Two {kind}s are named {shortened(name)}; names must be unique")
        seen.add(name)


def _listed(text: str, separator: str = ",") -> list[str]:
    return text.split(separator) if text else []


def _yes(owner: str, field: str, text: str) -> bool:
    if text not in ("Y", "N"):
        raise BadData(f"Invalid {field} value '{shortened(text)}' for {owner}: expected Y or N")
    return text == "Y"


def _one_of(kind: str, text: str, allowed: Sequence[str], instance: str | None = None) -> str:
    if text not in allowed:
        whose = "" if instance is None else f"Instance {shortened(instance)}: "
        raise BadData(f'{whose}Invalid string value for type {kind}: "{shortened(text)}"')
    return text


def _group(index: int, line: str) -> Group:
    fields = line.split("|")
    if len(fields) < 4:
        raise BadData(f"Invalid group data, expected name|uuid|policy|tags|networks: '{shortened(line)}'")
    name, uuid, allocation, tags = fields[:4]
    networks = fields[4] if len(fields) > 4 else ""
    allocation = _one_of("AllocPolicy", allocation, ALLOCATION)
    return Group(index, name, uuid, allocation, tags=_listed(tags), networks=_listed(networks))


def _node(index: int, line: str, groups: Mapping[str, int]) -> Node:
    fields = line.split("|")
    if len(fields) < _NODE_FIELDS:
        raise BadData(f"Invalid node data, expected at least {_NODE_FIELDS} fields: '{shortened(line)}'")
    fields += ("1", "", "N", "0", "1", "1.0")[len(fields) - _NODE_FIELDS :] if len(fields) < 15 else ()
    name, memory, node_memory, free_memory, total_disk, free_disk, cpus, state, uuid = fields[:9]
    spindles, tags, exclusive, free_spindles, node_cpus, cpu_speed = fields[9:15]
    if uuid not in groups:
        raise BadData(f"Unknown group '{shortened(uuid)}' for node {shortened(name)}")
    blank = "?" in fields[1:7]
    exclusive_storage = _yes(f"node {name}", "exclusive_storage", exclusive)
    figures = (
        (0.0, 0, 0, 0.0, 0, 0.0)
        if blank
        else (
            positive_real(name, memory),
            integer(name, node_memory),
            integer(name, free_memory),
            positive_real(name, total_disk),
            integer(name, free_disk),
            positive_real(name, cpus),
        )
    )
    speed = real(name, cpu_speed)
    if speed <= 0:
        raise BadData(f"{name}: cannot parse string '{cpu_speed}'")
    hardware = Hardware(
        index,
        name,
        group=groups[uuid],
        memory=figures[0],
        node_memory=figures[1],
        free_memory=figures[2],
        total_disk=figures[3],
        cpus=figures[5],
        node_cpus=0 if blank else integer(name, node_cpus),
        cpu_speed=1.0 if blank else speed,
        offline=blank or state == "Y",
        master=not blank and state == "M",
        spindles=0 if blank else amount(name, spindles),
        exclusive_storage=exclusive_storage and not blank,
        tags=() if blank else _listed(tags),
    )
    return Node(hardware, figures[4], 0 if blank else integer(name, free_spindles))


def _instance(index: int, line: str, nodes: Mapping[str, int]) -> tuple[Instance, Place]:
    fields = line.split("|")
    if len(fields) < _INSTANCE_FIELDS:
        raise BadData(f"Invalid instance data, expected at least {_INSTANCE_FIELDS} fields: '{shortened(line)}'")
    fields += ("1", "-", "N")[len(fields) - _INSTANCE_FIELDS :] if len(fields) < 13 else ()
    name, memory, disk, vcpus, status, auto_balance, primary, secondary, template, tags = fields[:10]
    spindle_use, spindles, forthcoming = fields[10:13]
    p = _node_index(name, primary, nodes)
    s = _node_index(name, secondary, nodes) if secondary else NOWHERE
    template = _one_of("DiskTemplate", template, TEMPLATES, name)
    if template == DRBD and p == s:
        raise BadData(f"Instance {name} has same primary and secondary node - {primary}")
    size = amount(name, disk)
    instance = Instance(
        index,
        name,
        memory=amount(name, memory),
        disk=size,
        disks=(size,),
        disk_spindles=None if spindles == "-" else amount(name, spindles),
        vcpus=amount(name, vcpus),
        status=_one_of("InstanceStatus", status, STATUSES, name),
        auto_balance=_yes(f"instance {name}", "auto_balance", auto_balance),
        template=template,
        tags=_listed(tags),
        spindle_use=amount(name, spindle_use),
        forthcoming=_yes(f"instance {name}", "forthcoming", forthcoming),
    )
    return instance, Place(p, s)


def _node_index(instance: str, name: str, nodes: Mapping[str, int]) -> int:
    try:
        return nodes[name]
    except KeyError:
        raise BadData(f"Unknown node '{shortened(name)}' for instance {shortened(instance)}") from None


def _policies(lines: Sequence[str], groups: list[Group]) -> Policy:
    """The cluster's policy; groups get theirs."""
    found = DEFAULT
    by_name = {group.name: group for group in groups}
    for line in lines:
        fields = line.split("|")
        if len(fields) < 6:
            raise BadData(f"Invalid instance policy data, expected 6 fields: '{shortened(line)}'")
        owner, standard, bounds, templates, vcpu_ratio, spindle_ratio = fields[:6]
        policy = Policy(
            _spec(owner, standard),
            _bounds(owner, bounds),
            tuple(_one_of("DiskTemplate", each, TEMPLATES) for each in _listed(templates)),
            real(owner, vcpu_ratio),
            real(owner, spindle_ratio),
        )
        if not owner:
            found = policy
        elif owner in by_name:
            by_name[owner].policy = policy
        else:
            raise BadData(f"Invalid instance policy data: no group is named '{shortened(owner)}'")
    return found


def _spec(owner: str, text: str) -> Spec:
    values = text.split(",")
    if len(values) != len(Spec._fields):
        raise BadData(f"Invalid instance spec of policy '{owner}', expected 6 numbers: '{shortened(text)}'")
    return Spec(*(amount(owner, value) for value in values))


def _bounds(owner: str, text: str) -> tuple[tuple[Spec, Spec], ...]:
    specs = [_spec(owner, each) for each in _listed(text, ";")]
    if not specs or len(specs) % 2:
        raise BadData(f"Invalid bounds of policy '{owner}', expected pairs of specs: '{shortened(text)}'")
    return tuple(zip(specs[::2], specs[1::2], strict=True))


def serialize(cluster: Cluster, newest: int = 0) -> str:
    """The text of a cluster as it is now; free memory and node memory stay as they were loaded.

    The ``newest`` instances, which stand last, are written first.
    """
    old = len(cluster.instances) - newest
    pairs = list(zip(cluster.instances, cluster.places, strict=True))
    uuids = [group.uuid for group in cluster.groups]
    sections = [
        "".join(f"{_group_line(group)}\n" for group in cluster.groups),
        "".join(f"{_node_line(node, uuids)}\n" for node in cluster.nodes),
        "".join(f"{_instance_line(cluster, instance, place)}\n" for instance, place in pairs[old:] + pairs[:old]),
        "".join(f"{tag}\n" for tag in cluster.tags),
        "".join(
            f"{_policy_line(owner, policy)}\n"
            for owner, policy in [("", cluster.policy), *((group.name, group.policy) for group in cluster.groups)]
        ),
    ]
    return "\n".join(sections)


def _group_line(group: Group) -> str:
    return "|".join([group.name, group.uuid, group.allocation, ",".join(group.tags), ",".join(group.networks)])


def _node_line(node: Node, uuids: Sequence[str]) -> str:
    hardware = node.hardware
    fields: list[object] = [
        hardware.name,
        f"{hardware.memory:.0f}",
        hardware.node_memory,
        hardware.free_memory,
        f"{hardware.total_disk:.0f}",
        node.free_disk,
        f"{hardware.cpus:.0f}",
        "Y" if hardware.offline else "M" if hardware.master else "N",
        uuids[hardware.group],
        hardware.spindles,
        ",".join(hardware.tags),
        "Y" if hardware.exclusive_storage else "N",
        node.free_spindles,
        hardware.node_cpus,
        shortest(hardware.cpu_speed),
    ]
    return "|".join(map(str, fields))


def _instance_line(cluster: Cluster, instance: Instance, place: Place) -> str:
    fields: list[object] = [
        instance.name,
        instance.memory,
        instance.disk,
        instance.vcpus,
        instance.status,
        "Y" if instance.auto_balance else "N",
        cluster.nodes[place.primary].hardware.name,
        cluster.nodes[place.secondary].hardware.name if place.secondary != NOWHERE else "",
        instance.template,
        ",".join(instance.tags),
        instance.spindle_use,
        "-" if instance.disk_spindles is None else instance.disk_spindles,
        "Y" if instance.forthcoming else "N",
    ]
    return "|".join(map(str, fields))


def _policy_line(owner: str, policy: Policy) -> str:
    def spec(one: Spec) -> str:
        return ",".join(map(str, one))

    return "|".join(
        [
            owner,
            spec(policy.standard),
            ";".join(spec(each) for pair in policy.bounds for each in pair),
            ",".join(policy.templates),
            shortest(policy.vcpu_ratio),
            shortest(policy.spindle_ratio),
        ]
    )
