"""The question an iallocator is asked: a cluster in JSON and one request about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from ganeti_tw.htools.cluster import NOWHERE, BadData, Cluster, Place
from ganeti_tw.htools.document import Reader, index_of_group, indices_of_nodes, read_policy
from ganeti_tw.htools.group import ALLOCATION, Group
from ganeti_tw.htools.hardware import Hardware
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.numbers import shortened
from ganeti_tw.htools.policy import DEFAULT
from ganeti_tw.htools.templates import TEMPLATES

_MESSAGE = "iallocator message"
_REQUEST = "request dict"
_STATES = {"up": "running", "down": "ADMIN_down", "offline": "ADMIN_offline"}


class Allocate(NamedTuple):
    """Room for a new instance; ``only`` names the nodes allowed."""

    instance: Instance
    nodes_needed: int
    group: str | None
    only: list[str] | None


class MultiAllocate(NamedTuple):
    instances: list[Allocate]
    group: str | None


class AllocateSecondary(NamedTuple):
    name: str


class Relocate(NamedTuple):
    name: str
    nodes_needed: int
    leaving: list[str]


class Evacuate(NamedTuple):
    names: list[str]
    mode: str


class ChangeGroup(NamedTuple):
    """``targets`` holds group UUIDs; none for all groups."""

    names: list[str]
    targets: list[str]


Request = Allocate | MultiAllocate | AllocateSecondary | Relocate | Evacuate | ChangeGroup


def described(request: Request) -> str:
    """A request in a line, for people."""
    match request:
        case Allocate(instance=i):
            disks = "+".join(map(str, i.disks)) or "no"
            words = f"allocate {i.name}: {i.memory} MiB of memory, {i.template} disks of {disks} MiB, {i.vcpus} CPUs"
            words += f", nodes: {request.nodes_needed}"
            words += f" of group {request.group}" if request.group is not None else ""
            return words + (f" of {', '.join(request.only)}" if request.only is not None else "")
        case MultiAllocate():
            return f"multi-allocate: {'; '.join(map(described, request.instances))}"
        case AllocateSecondary():
            return f"allocate a secondary of {request.name}"
        case Relocate():
            return f"relocate {request.name} from {', '.join(request.leaving)}, nodes: {request.nodes_needed}"
        case Evacuate():
            return f"evacuate {', '.join(request.names)}, mode {request.mode}"
        case ChangeGroup():
            return f"change group of {', '.join(request.names)} to {', '.join(request.targets) or 'any'}"


class Question(NamedTuple):
    cluster: Cluster
    request: Request


def load_request(content: str) -> Question:
    """The question in this text.  BadData names the object and key that do not fit."""
    message = Reader(_MESSAGE, _json(content))
    request = message.object("request", _REQUEST)
    cluster = _cluster(message)
    return Question(cluster, _request(request, cluster))


def _json(content: str) -> Mapping[str, Any]:
    try:
        value = json.loads(content, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise BadData(f"Parsing input IAllocator message: Invalid JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadData("Parsing input IAllocator message: Unable to read JSObject")
    return value


def _refuse(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _cluster(message: Reader) -> Cluster:
    groups = [_group(index, uuid, reader) for index, (uuid, reader) in enumerate(message.named("nodegroups", "group"))]
    by_uuid = {group.uuid: group.index for group in groups}
    nodes = [_node(index, name, reader, by_uuid) for index, (name, reader) in enumerate(message.named("nodes", "node"))]
    by_name = {node.hardware.name: node.hardware.index for node in nodes}
    instances: list[Instance] = []
    places: list[Place] = []
    for name, reader in message.named("instances", "instance"):
        instances.append(_instance(len(instances), name, reader))
        places.append(_place(name, reader, by_name))
    hypervisors = message.texts("enabled_hypervisors")
    return Cluster(
        groups,
        nodes,
        instances,
        places,
        message.texts("cluster_tags"),
        DEFAULT,
        hypervisor=hypervisors[0] if hypervisors else None,
    )


def _group(index: int, uuid: str, reader: Reader) -> Group:
    allocation = reader.text("alloc_policy")
    if allocation not in ALLOCATION:
        raise BadData(f"invalid {reader.context}: key 'alloc_policy': Unable to read AllocPolicy")
    return Group(
        index,
        reader.text("name"),
        uuid,
        allocation,
        tags=reader.texts("tags", ()),
        networks=reader.texts("networks", ()),
        policy=read_policy(reader.object("ipolicy", reader.context)),
    )


def _node(index: int, name: str, reader: Reader, groups: Mapping[str, int]) -> Node:
    offline, drained = reader.flag("offline"), reader.flag("drained")
    capable = reader.flag("vm_capable", True)
    group = index_of_group(reader.text("group"), groups, name)
    parameters = reader.object("ndparams", reader.context)
    exclusive = parameters.flag("exclusive_storage")
    live = capable and not offline
    hardware = Hardware(
        index,
        name,
        group=group,
        memory=_at_least_nothing(reader, "total_memory") if live else 0.0,
        node_memory=reader.integer("reserved_memory") if live else 0,
        free_memory=reader.integer("free_memory") if live else 0,
        total_disk=_at_least_nothing(reader, "total_disk") if live else 0.0,
        cpus=_at_least_nothing(reader, "total_cpus") if live else 0.0,
        node_cpus=reader.integer("reserved_cpus") if live else 0,
        offline=offline or drained or not capable,
        spindles=_spindles(reader, live) if exclusive else parameters.amount("spindle_count"),
        exclusive_storage=exclusive,
        tags=reader.texts("tags", ()),
    )
    free_spindles = reader.integer("free_spindles", 0) if live else 0
    return Node(hardware, reader.integer("free_disk") if live else 0, free_spindles)


def _spindles(reader: Reader, live: bool) -> int:
    return reader.amount("total_spindles") if live else 0


def _at_least_nothing(reader: Reader, key: str) -> float:
    return float(reader.amount(key))


def _instance(index: int, name: str, reader: Reader) -> Instance:
    disks = reader.objects("disks", reader.context)
    spindles = [disk.amount("spindles") for disk in disks if disk.values.get("spindles") is not None]
    template = reader.text("disk_template")
    if template not in TEMPLATES:
        raise BadData(f"invalid {reader.context}: key 'disk_template': Unable to read DiskTemplate")
    state = reader.text("admin_state", "up")
    if state not in _STATES:
        raise BadData(f"invalid {reader.context}: key 'admin_state': Unable to read AdminState")
    nics = reader.objects("nics", reader.context) if "nics" in reader.values else []
    return Instance(
        index,
        name,
        memory=reader.amount("memory"),
        disk=reader.amount("disk_space_total"),
        disks=[disk.amount("size") for disk in disks],
        disk_spindles=sum(spindles) if len(spindles) == len(disks) else None,
        vcpus=reader.amount("vcpus"),
        status=_STATES[state],
        auto_balance=True,
        template=template,
        tags=reader.texts("tags"),
        spindle_use=reader.amount("spindle_use"),
        forthcoming=reader.flag("forthcoming", False),
        networks=[nic.text("network") for nic in nics if nic.values.get("network") is not None],
    )


def _place(name: str, reader: Reader, nodes: Mapping[str, int]) -> Place:
    names = reader.texts("nodes")
    if not names:
        raise BadData(f"empty node list for instance {name}")
    found = indices_of_nodes(names, nodes, name)
    if len(names) > 1 and names[0] == names[1]:
        raise BadData(f"Instance {name} has same primary and secondary node - {names[0]}")
    return Place(found[0], found[1] if len(found) > 1 else NOWHERE)


def _request(reader: Reader, cluster: Cluster) -> Request:
    kind = reader.text("type")
    if kind == "allocate":
        return _allocate(reader, len(cluster.instances))
    if kind == "allocate-secondary":
        return AllocateSecondary(_known(cluster, reader.text("name")))
    if kind == "multi-allocate":
        first = len(cluster.instances)
        entries = reader.objects("instances", _REQUEST)
        group = reader.text("group_name") if reader.values.get("group_name") is not None else None
        return MultiAllocate([_allocate(entry, first + n) for n, entry in enumerate(entries)], group)
    if kind == "relocate":
        name = _known(cluster, reader.text("name"))
        return Relocate(name, reader.integer("required_nodes"), reader.texts("relocate_from"))
    if kind == "node-evacuate":
        names = [_known(cluster, name) for name in reader.texts("instances")]
        mode = reader.text("evac_mode")
        if mode not in ("primary-only", "secondary-only", "all"):
            raise BadData(f"invalid {_REQUEST}: key 'evac_mode': Unable to read EvacMode")
        return Evacuate(names, mode)
    if kind == "change-group":
        names = [_known(cluster, name) for name in reader.texts("instances")]
        return ChangeGroup(names, reader.texts("target_groups"))
    raise BadData(f"Invalid request type '{shortened(kind)}'")


def _allocate(reader: Reader, index: int) -> Allocate:
    name = reader.text("name")
    optional = reader.values.get
    return Allocate(
        _instance(index, name, Reader(f"data for instance '{name}'", reader.values)),
        reader.integer("required_nodes"),
        reader.text("group_name") if optional("group_name") is not None else None,
        reader.texts("restrict-to-nodes") if optional("restrict-to-nodes") is not None else None,
    )


def _known(cluster: Cluster, name: str) -> str:
    if all(instance.name != name for instance in cluster.instances):
        raise BadData(f"Unknown instance '{shortened(name)}'")
    return name
