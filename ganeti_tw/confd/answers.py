"""What confd answers, by request type; pure.  Source: ``src/Ganeti/Confd/Server.hs`` as observed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import IntEnum
from typing import Any

import msgspec

from ganeti_tw.confd.addresses import Addresses
from ganeti_tw.confd.packet import ERROR, LARGEST_REPLY, OK, Lookup, Reply
from ganeti_tw.errors import NotFound
from ganeti_tw.model.codec import SECTIONS, to_json
from ganeti_tw.model.config import Config
from ganeti_tw.model.disk import Disk
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.node import Node

UNKNOWN_ENTRY, BAD_ARGUMENT = 0, 2  # answers that go with status ERROR


class TooLong(Exception):
    """The answer will not fit into a datagram."""


class Role(IntEnum):
    """Of a node, as answered."""

    MASTER = 0
    CANDIDATE = 1
    OFFLINE = 2
    DRAINED = 3
    REGULAR = 4


Query = str | Lookup | None


def _ok(answer: Any, serial: int) -> Reply:
    return Reply(OK, answer, serial)


def _bad_argument() -> Reply:
    return Reply(ERROR, BAD_ARGUMENT, 0)


def _name(query: Query, of: str) -> str:
    if not isinstance(query, str):
        raise NotFound(f"the query must be the name of {of}")
    return query


def ping(addresses: Addresses, query: Query) -> Reply:
    return _ok(addresses.config.version, 0)


def node_role(addresses: Addresses, query: Query) -> Reply:
    config, asked = addresses.config, _name(query, "a node")
    return _ok(int(role(config, config.node(asked), asked)), config.cluster.serial_no)


def role(config: Config, node: Node, asked: str) -> Role:
    """The role of a node; only who asks for the master by its full name is told that it is the master."""
    if asked == config.master.name:
        return Role.MASTER
    if node.drained:
        return Role.DRAINED
    if node.offline:
        return Role.OFFLINE
    return Role.CANDIDATE if node.master_candidate else Role.REGULAR


def _link(config: Config, given: str | None) -> str:
    """The link meant: that of the default NIC parameters where none was given."""
    if given is not None:
        return given
    link: str = config.cluster.nicparams.get("default", {}).get("link", "")
    return link


def node_ip_by_instance_ip(addresses: Addresses, query: Query) -> Reply:
    if not isinstance(query, Lookup):
        return _bad_argument()
    config = addresses.config
    link, serial = _link(config, query.link), config.cluster.serial_no

    def find(ip: str) -> Reply:
        owner = addresses.owner(link, ip)
        node = config.nodes.get(config.instances[owner].primary_node) if owner is not None else None
        return _ok(node.primary_ip, serial) if node is not None else Reply(ERROR, UNKNOWN_ENTRY, 0)

    if query.ip is not None:
        return find(query.ip)
    return _ok([[one.status, one.answer, one.serial] for one in map(find, query.ips)], serial)


def cluster_master(addresses: Addresses, query: Query) -> Reply:
    config = addresses.config
    master, serial = config.master, config.cluster.serial_no
    if query is None:
        return _ok(master.name, serial)
    if not isinstance(query, Lookup):
        return _bad_argument()
    values = (master.name, config.cluster.master_ip, master.primary_ip)
    return _ok([values[number] for number in query.fields], serial)


def node_ips(addresses: Addresses, query: Query) -> Reply:
    config = addresses.config
    return _ok([node.primary_ip for node in sorted(config.nodes.values(), key=_uuid)], config.cluster.serial_no)


def candidate_ips(addresses: Addresses, query: Query) -> Reply:
    config = addresses.config
    return _ok([node.primary_ip for node in sorted(config.candidates, key=_uuid)], config.cluster.serial_no)


def instance_ips(addresses: Addresses, query: Query) -> Reply:
    if isinstance(query, Lookup):
        raise NotFound("the query must be a link or null")
    config = addresses.config
    found = addresses.on(_link(config, query))
    _refuse_many(found)
    return _ok(found, config.cluster.serial_no)


def node_drbd(addresses: Addresses, query: Query) -> Reply:
    node = addresses.config.node(_name(query, "a node"))
    return _ok(drbd_minors(addresses.config, node), node.serial_no)


def drbd_minors(config: Config, node: Node) -> list[list[Any]]:
    """Node, minor, instance, disk, role and peer for every DRBD device on a node."""
    return [
        [node.name, minor, instance.name, f"disk/{index}", part, peer]
        for instance in sorted(config.instances_on(node.uuid), key=_uuid)
        for index, disk in enumerate(config.disks_of(instance))
        for minor, part, peer in _minors(config, instance, disk, node)
    ]


def _minors(config: Config, instance: Instance, disk: Disk, node: Node) -> list[tuple[int, str, str]]:
    """Minor, role and name of the peer for every DRBD device of a disk on a node."""
    found = [minor for child in disk.children for minor in _minors(config, instance, child, node)]
    if disk.dev_type == "drbd" and len(disk.logical_id) >= 5:
        first, second, _, minor_of_first, minor_of_second, *_ = disk.logical_id
        part = "primary" if instance.primary_node == node.uuid else "secondary"
        for here, there, minor in ((first, second, minor_of_first), (second, first, minor_of_second)):
            if here == node.uuid:
                found.append((minor, part, config.node(there).name))
    return found


def node_instances(addresses: Addresses, query: Query) -> Reply:
    config = addresses.config
    node = config.node(_name(query, "a node"))
    groups = (config.primaries(node.uuid), config.secondaries_on(node.uuid))
    _refuse_many([*groups[0], *groups[1]])
    return _ok([_objects(sorted(group, key=_uuid)) for group in groups], node.serial_no)


def instance_disks(addresses: Addresses, query: Query) -> Reply:
    config = addresses.config
    instance = config.instance(_name(query, "an instance"))
    return _ok(_objects(config.disks_of(instance)), instance.serial_no)


def config_query(addresses: Addresses, query: Query) -> Reply:
    config = addresses.config
    path = _name(query, "a place in the configuration")
    if not path.startswith("/"):
        return _bad_argument()
    value = _section(config, path)
    for key in path.strip("/").split("/")[1:]:
        if not isinstance(value, Mapping) or key not in value:
            return _bad_argument()
        value = value[key]
        if hasattr(value, "uuid"):
            value = to_json(value)
    if isinstance(value, Mapping) and any(hasattr(item, "uuid") for item in value.values()):
        value = dict(zip(value, _objects(value.values()), strict=True))
    return _bad_argument() if value is None else _ok(value, config.cluster.serial_no)


def _section(config: Config, path: str) -> Any:
    """What the first word of a path names: the objects as they are, so that one can be picked cheaply."""
    first = path.strip("/").split("/")[0]
    if first == "cluster":
        return to_json(config.cluster)
    for attribute, section in (("groups", "nodegroups"), *((s, s) for s in SECTIONS.values() if s != "nodegroups")):
        if first == section:
            return getattr(config, attribute)
    return to_json(config.top).get(first)


def data_collectors(addresses: Addresses, query: Query) -> Reply:
    cluster = addresses.config.cluster
    xen = any(name.startswith("xen") for name in cluster.enabled_hypervisors)
    found = {}
    for name, settings in sorted(cluster.data_collectors.items()):
        active = bool(settings.get("active", True)) and (xen or name != "inst-status-xen")
        found[name] = {"active": active, "interval": settings.get("interval", 5_000_000)}
    return _ok(found, cluster.serial_no)


def _uuid(thing: Node | Instance) -> str:
    return thing.uuid


def _refuse_many(things: list[Any]) -> None:
    """TooLong when so many cannot fit, whatever they are: each takes six bytes at least."""
    if len(things) * 6 > LARGEST_REPLY:
        raise TooLong


def _objects(things: Iterable[Any]) -> list[msgspec.Raw]:
    """The JSON of each.  TooLong as soon as they are: nobody waits for the rest of ten thousand."""
    found: list[msgspec.Raw] = []
    left = LARGEST_REPLY
    for thing in things:
        text = msgspec.json.encode(to_json(thing))
        left -= len(text)
        if left < 0:
            raise TooLong
        found.append(msgspec.Raw(text))
    return found


Answerer = Callable[[Addresses, Query], Reply]

TOP, CLUSTER, GROUP, NODE, INSTANCE, DISK = "config", "cluster", "nodegroup", "node", "instance", "disk"
EVERYTHING = (TOP, CLUSTER, GROUP, NODE, INSTANCE, DISK, "network", "filter")
ADDRESSES = "addresses"
"""Stands for the map of instances' addresses: most changes of an instance leave it as it is."""

ANSWERERS: Mapping[int, tuple[Answerer, tuple[str, ...]]] = {
    0: (ping, (TOP,)),
    1: (node_role, (CLUSTER, NODE)),
    2: (node_ip_by_instance_ip, (CLUSTER, NODE, INSTANCE, ADDRESSES)),
    3: (cluster_master, (CLUSTER, NODE)),
    4: (node_ips, (CLUSTER, NODE)),
    5: (candidate_ips, (CLUSTER, NODE)),
    6: (instance_ips, (CLUSTER, ADDRESSES)),
    7: (node_drbd, (NODE, INSTANCE, DISK)),
    8: (node_instances, (NODE, INSTANCE, DISK)),
    9: (instance_disks, (INSTANCE, DISK)),
    10: (config_query, EVERYTHING),
    11: (data_collectors, (CLUSTER,)),
}
"""Type of request -> what answers it, and the kinds of objects that its answers depend on."""
