"""A running cluster from what it says about itself: answers to queries, or documents of the RAPI.

Both become objects keyed by the names of query fields (``reference/query_fields.json``),
None standing for what is not known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ganeti_tw.htools.cluster import NOWHERE, BadData, Cluster, Place
from ganeti_tw.htools.document import Reader, index_of_group, indices_of_nodes, read_policy
from ganeti_tw.htools.group import ALLOCATION, Group
from ganeti_tw.htools.hardware import Hardware
from ganeti_tw.htools.instance import STATUSES, Instance
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.numbers import shortened
from ganeti_tw.htools.templates import DRBD, TEMPLATES

NODE_FIELDS = (
    "name",
    "mtotal",
    "mnode",
    "mfree",
    "dtotal",
    "dfree",
    "ctotal",
    "cnos",
    "offline",
    "drained",
    "vm_capable",
    "ndp/spindle_count",
    "group.uuid",
    "tags",
    "ndp/exclusive_storage",
    "sptotal",
    "spfree",
    "ndp/cpu_speed",
)
INSTANCE_FIELDS = (
    "name",
    "disk_usage",
    "be/memory",
    "be/vcpus",
    "status",
    "pnode",
    "snodes",
    "tags",
    "be/auto_balance",
    "disk_template",
    "be/spindle_use",
    "disk.sizes",
    "disk.spindles",
    "forthcoming",
)
GROUP_FIELDS = ("uuid", "name", "alloc_policy", "ipolicy", "tags")

# What every node that is up tells; the figures of its storage may be missing.
_NEEDED = ("mtotal", "mnode", "mfree", "ctotal", "cnos")
_NORMAL = 0
_UNKNOWN = "unknown"

Document = Mapping[str, Any]


class Documents(NamedTuple):
    """``info`` is the cluster's own, with ``tags``, ``ipolicy``, ``master`` and ``default_hypervisor``."""

    groups: Sequence[Document]
    nodes: Sequence[Document]
    instances: Sequence[Document]
    info: Document


def objects(what: str, answer: Any) -> list[Document]:
    """The rows of a query's answer as objects; None where there is no normal value.

    BadData for fields that the other side does not know, and for what is no answer.
    """
    try:
        fields = answer["fields"]
        unknown = [field["name"] for field in fields if field["kind"] == _UNKNOWN]
        names = [field["name"] for field in fields]
        rows: list[Document] = [
            {name: value if status == _NORMAL else None for name, (status, value) in zip(names, row, strict=True)}
            for row in answer["data"]
        ]
    except (KeyError, TypeError, ValueError):
        raise BadData(f"the answer to the query for {what}s cannot be understood") from None
    if unknown:
        raise BadData(
            f"the master knows no field {', '.join(map(shortened, unknown))} of {what}s: it is of another version"
        )
    return rows


def from_rapi(groups: Any, nodes: Any, instances: Any, info: Any) -> Documents:
    """The documents of ``/2/groups``, ``/2/nodes``, ``/2/instances`` (all with ``bulk=1``) and ``/2/info``."""
    if not isinstance(info, dict):
        raise BadData("the description of the cluster is no object")
    return Documents(
        _listed("group", groups),
        [_flat_node(node) for node in _listed("node", nodes)],
        [_flat_instance(instance) for instance in _listed("instance", instances)],
        info,
    )


def _listed(what: str, value: Any) -> list[Document]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise BadData(f"the description of the {what}s is no list of objects")
    return value


def _flat_node(node: Document) -> Document:
    parameters = _inner("node", node, "ndparams")
    # The speed of CPUs is not among what the RAPI's readers use.
    return {
        **node,
        "ndp/spindle_count": parameters.get("spindle_count"),
        "ndp/exclusive_storage": parameters.get("exclusive_storage"),
    }


def _flat_instance(instance: Document) -> Document:
    parameters = _inner("instance", instance, "beparams")
    used = instance.get("oper_ram")
    if isinstance(used, bool) or not isinstance(used, (int, float)):
        used = parameters.get("memory", parameters.get("maxmem"))
    flat = {f"be/{name}": parameters.get(name) for name in ("vcpus", "auto_balance", "spindle_use")}
    return {**instance, **flat, "be/memory": used}


def _inner(what: str, document: Document, key: str) -> Document:
    found = document.get(key)
    if not isinstance(found, dict):
        raise BadData(f"the description of {what} {shortened(str(document.get('name')))} has no object '{key}'")
    return found


def cluster_of(documents: Documents) -> Cluster:
    """The cluster as it is described.  BadData names the object that cannot be used."""
    info = Reader("cluster information", _known(documents.info))
    groups = [_group(index, document) for index, document in enumerate(documents.groups)]
    by_uuid = {group.uuid: group.index for group in groups}
    master = info.text("master")
    nodes = [_node(index, document, by_uuid, master) for index, document in enumerate(documents.nodes)]
    by_name = {node.hardware.name: node.hardware.index for node in nodes}
    instances: list[Instance] = []
    places: list[Place] = []
    for document in documents.instances:
        reader = _reader("instance", document)
        instances.append(_instance(len(instances), reader))
        places.append(_place(reader, by_name))
    return Cluster(
        groups,
        nodes,
        instances,
        places,
        info.texts("tags"),
        read_policy(info.object("ipolicy", "cluster policy")),
        hypervisor=info.text("default_hypervisor"),
    )


def _known(document: Document) -> Document:
    return {name: value for name, value in document.items() if value is not None}


def _reader(what: str, document: Document) -> Reader:
    name = document.get("name")
    if not isinstance(name, str):
        raise BadData(f"the description of a {what} has no name")
    return Reader(f"data for {what} '{shortened(name)}'", _known(document))


def _group(index: int, document: Document) -> Group:
    reader = _reader("group", document)
    allocation = reader.text("alloc_policy")
    if allocation not in ALLOCATION:
        raise BadData(f"invalid {reader.context}: key 'alloc_policy': Unable to read AllocPolicy")
    policy = read_policy(reader.object("ipolicy", reader.context))
    return Group(
        index, reader.text("name"), reader.text("uuid"), allocation, tags=reader.texts("tags", ()), policy=policy
    )


def _node(index: int, document: Document, groups: Mapping[str, int], master: str) -> Node:
    reader = _reader("node", document)
    name = reader.text("name")
    group = index_of_group(reader.text("group.uuid"), groups, name)
    live = reader.flag("vm_capable", True) and not reader.flag("offline")
    exclusive = reader.flag("ndp/exclusive_storage")
    if live:
        _expect_answer(reader, name, exclusive)
    hardware = Hardware(
        index,
        name,
        group=group,
        memory=_positive(reader, "mtotal") if live else 0.0,
        node_memory=reader.integer("mnode") if live else 0,
        free_memory=reader.integer("mfree") if live else 0,
        total_disk=_positive(reader, "dtotal", 0.0) if live else 0.0,
        cpus=_positive(reader, "ctotal") if live else 0.0,
        node_cpus=reader.amount("cnos") if live else 0,
        cpu_speed=_speed(reader),
        offline=not live or reader.flag("drained"),
        master=name == master,
        spindles=_spindles(reader, live) if exclusive else reader.amount("ndp/spindle_count"),
        exclusive_storage=exclusive,
        tags=reader.texts("tags"),
    )
    free_disk = reader.integer("dfree", 0) if live else 0
    return Node(hardware, free_disk, reader.integer("spfree", 0) if live else 0)


def _expect_answer(reader: Reader, name: str, exclusive: bool) -> None:
    needed = (*_NEEDED, "sptotal") if exclusive else _NEEDED
    missing = [key for key in needed if key not in reader.values]
    if missing:
        raise BadData(
            f"node {name} does not tell {', '.join(missing)}: if it is down, mark it offline"
            f" ('gnt-node modify --offline=yes {name}') and try again"
        )


def _positive(reader: Reader, key: str, default: float | None = None) -> float:
    value = reader.real(key, default)
    if value < 0:
        raise BadData(f"invalid {reader.context}: key '{key}': Unable to read Double")
    return value


def _speed(reader: Reader) -> float:
    value = reader.real("ndp/cpu_speed", 1.0)
    if value <= 0:
        raise BadData(f"invalid {reader.context}: key 'ndp/cpu_speed': {value:g} is no speed")
    return value


def _spindles(reader: Reader, live: bool) -> int:
    return reader.amount("sptotal") if live else 0


def _instance(index: int, reader: Reader) -> Instance:
    template, status = reader.text("disk_template"), reader.text("status")
    for key, value, allowed, kind in (
        ("disk_template", template, TEMPLATES, "DiskTemplate"),
        ("status", status, STATUSES, "InstanceStatus"),
    ):
        if value not in allowed:
            raise BadData(f"invalid {reader.context}: key '{key}': Unable to read {kind}")
    return Instance(
        index,
        reader.text("name"),
        memory=reader.amount("be/memory"),
        disk=reader.amount("disk_usage"),
        disks=_numbers(reader, "disk.sizes"),
        disk_spindles=_disk_spindles(reader),
        vcpus=reader.amount("be/vcpus"),
        status=status,
        auto_balance=reader.flag("be/auto_balance"),
        template=template,
        tags=reader.texts("tags"),
        spindle_use=reader.amount("be/spindle_use"),
        forthcoming=reader.flag("forthcoming", False),
    )


def _disk_spindles(reader: Reader) -> int | None:
    """None when those of a disk are not known."""
    values = reader.get("disk.spindles")
    if isinstance(values, list) and None in values:
        return None
    return sum(_numbers(reader, "disk.spindles"))


def _numbers(reader: Reader, key: str) -> list[int]:
    values = reader.get(key)
    if not isinstance(values, list):
        raise BadData(f"invalid {reader.context}: key '{key}': Unable to read [Int]")
    return [Reader(reader.context, {key: value}).amount(key) for value in values]


def _place(reader: Reader, nodes: Mapping[str, int]) -> Place:
    names = [reader.text("pnode"), *reader.texts("snodes")[:1]]
    found = indices_of_nodes(names, nodes, reader.text("name"))
    if reader.text("disk_template") == DRBD and len(found) > 1 and found[0] == found[1]:
        raise BadData(f"Instance {reader.text('name')} has same primary and secondary node - {names[0]}")
    return Place(found[0], found[1] if len(found) > 1 else NOWHERE)
