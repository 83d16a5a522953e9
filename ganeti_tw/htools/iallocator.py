"""The question an iallocator is asked: a cluster in JSON and one request about it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ganeti_tw.htools.cluster import NOWHERE, BadData, Cluster, Place
from ganeti_tw.htools.group import ALLOCATION, Group
from ganeti_tw.htools.hardware import Hardware
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.numbers import shortened
from ganeti_tw.htools.policy import DEFAULT, Policy, Spec
from ganeti_tw.htools.templates import TEMPLATES

_MESSAGE = "iallocator message"
_REQUEST = "request dict"
_STATES = {"up": "running", "down": "ADMIN_down", "offline": "ADMIN_offline"}
_LARGEST = 10**15


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


class Question(NamedTuple):
    cluster: Cluster
    request: Request


def load_request(content: str) -> Question:
    """The question in this text.  BadData names the object and key that do not fit."""
    message = _Reader(_MESSAGE, _json(content))
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


class _Reader:
    """An object of the message, and what it is called in errors."""

    def __init__(self, context: str, values: Mapping[str, Any]) -> None:
        self.context = context
        self.values = values

    def object(self, key: str, context: str) -> _Reader:
        return _Reader(context, self._typed(key, dict, "JSObject"))

    def text(self, key: str, default: str | None = None) -> str:
        value: str = self._typed(key, str, "String", default)
        return value

    def flag(self, key: str, default: bool | None = None) -> bool:
        value: bool = self._typed(key, bool, "Bool", default)
        return value

    def integer(self, key: str, default: int | None = None) -> int:
        if default is not None and key not in self.values:
            return default
        return self._whole(key, self.get(key))

    def amount(self, key: str, default: int | None = None) -> int:
        value = self.integer(key, default)
        if value < 0:
            raise self._unreadable(key, "Int")
        return value

    def real(self, key: str, default: float | None = None) -> float:
        value = self.values.get(key, default) if default is not None else self.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > _LARGEST:
            raise self._unreadable(key, "Double")
        return float(value)

    def texts(self, key: str, default: Sequence[str] | None = None) -> list[str]:
        values = self._typed(key, list, "[String]", default)
        if not all(isinstance(value, str) for value in values):
            raise self._unreadable(key, "[String]")
        return list(values)

    def objects(self, key: str, context: str) -> list[_Reader]:
        values = self._typed(key, list, "[JSObject]")
        if not all(isinstance(value, dict) for value in values):
            raise self._unreadable(key, "[JSObject]")
        return [_Reader(context, value) for value in values]

    def named(self, key: str, kind: str) -> list[tuple[str, _Reader]]:
        """The objects of an object, each called by its key."""
        values = self._typed(key, dict, "JSObject")
        found = []
        for name, value in values.items():
            if not isinstance(value, dict):
                raise BadData(f"invalid data for {kind} '{shortened(name)}': Unable to read JSObject")
            found.append((name, _Reader(f"data for {kind} '{name}'", value)))
        return found

    def get(self, key: str) -> Any:
        try:
            return self.values[key]
        except KeyError:
            keys = ",".join(json.dumps(each, ensure_ascii=False) for each in self.values)
            raise BadData(f"invalid {self.context}: key '{key}' not found, object contains only [{keys}]") from None

    def _typed(self, key: str, kind: type, name: str, default: Any = None) -> Any:
        value = self.get(key) if default is None else self.values.get(key, default)
        if not isinstance(value, kind):
            raise self._unreadable(key, name)
        return value

    def _whole(self, key: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > _LARGEST:
            raise self._unreadable(key, "Int")
        if value != int(value):
            raise self._unreadable(key, "Int")
        return int(value)

    def _unreadable(self, key: str, kind: str) -> BadData:
        return BadData(f"invalid {self.context}: key '{key}': Unable to read {kind}")


def _cluster(message: _Reader) -> Cluster:
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


def _group(index: int, uuid: str, reader: _Reader) -> Group:
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
        policy=_policy(reader.object("ipolicy", reader.context)),
    )


def _policy(reader: _Reader) -> Policy:
    bounds = []
    for pair in reader.objects("minmax", reader.context):
        low, high = pair.object("min", reader.context), pair.object("max", reader.context)
        bounds.append((_spec(low), _spec(high)))
    templates = reader.texts("disk-templates")
    if not set(templates) <= set(TEMPLATES):
        raise BadData(f"invalid {reader.context}: key 'disk-templates': Unable to read DiskTemplate")
    return Policy(
        _spec(reader.object("std", reader.context)),
        tuple(bounds),
        tuple(templates),
        reader.real("vcpu-ratio"),
        reader.real("spindle-ratio"),
    )


def _spec(reader: _Reader) -> Spec:
    keys = ("memory-size", "cpu-count", "disk-size", "disk-count", "nic-count", "spindle-use")
    return Spec(*(reader.amount(key) for key in keys))


def _node(index: int, name: str, reader: _Reader, groups: Mapping[str, int]) -> Node:
    offline, drained = reader.flag("offline"), reader.flag("drained")
    capable = reader.flag("vm_capable", True)
    uuid = reader.text("group")
    if uuid not in groups:
        raise BadData(f"Unknown group '{shortened(uuid)}' for node {name}")
    parameters = reader.object("ndparams", reader.context)
    exclusive = parameters.flag("exclusive_storage")
    live = capable and not offline
    hardware = Hardware(
        index,
        name,
        group=groups[uuid],
        memory=_at_least_nothing(reader, "total_memory") if live else 0.0,
        node_memory=reader.integer("reserved_memory") if live else 0,
        free_memory=reader.integer("free_memory") if live else 0,
        total_disk=_at_least_nothing(reader, "total_disk") if live else 0.0,
        cpus=_at_least_nothing(reader, "total_cpus") if live else 0.0,
        node_cpus=reader.integer("reserved_cpus") if live else 0,
        offline=offline or drained or not capable,
        spindles=(reader.amount("total_spindles") if exclusive else parameters.amount("spindle_count")) if live else 0,
        exclusive_storage=exclusive,
        tags=reader.texts("tags", ()),
    )
    free_spindles = reader.integer("free_spindles", 0) if live else 0
    return Node(hardware, reader.integer("free_disk") if live else 0, free_spindles)


def _at_least_nothing(reader: _Reader, key: str) -> float:
    return float(reader.amount(key))


def _instance(index: int, name: str, reader: _Reader) -> Instance:
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


def _place(name: str, reader: _Reader, nodes: Mapping[str, int]) -> Place:
    names = reader.texts("nodes")
    if not names:
        raise BadData(f"empty node list for instance {name}")
    for node in names:
        if node not in nodes:
            raise BadData(f"Unknown node '{shortened(node)}' for instance {name}")
    if len(names) > 1 and names[0] == names[1]:
        raise BadData(f"Instance {name} has same primary and secondary node - {names[0]}")
    return Place(nodes[names[0]], nodes[names[1]] if len(names) > 1 else NOWHERE)


def _request(reader: _Reader, cluster: Cluster) -> Request:
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


def _allocate(reader: _Reader, index: int) -> Allocate:
    name = reader.text("name")
    optional = reader.values.get
    return Allocate(
        _instance(index, name, _Reader(f"data for instance '{name}'", reader.values)),
        reader.integer("required_nodes"),
        reader.text("group_name") if optional("group_name") is not None else None,
        reader.texts("restrict-to-nodes") if optional("restrict-to-nodes") is not None else None,
    )


def _known(cluster: Cluster, name: str) -> str:
    if all(instance.name != name for instance in cluster.instances):
        raise BadData(f"Unknown instance '{shortened(name)}'")
    return name
