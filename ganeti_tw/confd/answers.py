"""What confd answers, by request type; pure.  Source: ``src/Ganeti/Confd/Server.hs`` as observed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from functools import lru_cache
from typing import Any

from ganeti_tw.confd.packet import BadPacket, Lookup, Reply, Request
from ganeti_tw.errors import NotFound
from ganeti_tw.model.codec import SECTIONS, to_json
from ganeti_tw.model.config import Config
from ganeti_tw.model.disk import Disk
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.node import Node

OK, ERROR, NOT_IMPLEMENTED = 0, 1, 2
UNKNOWN_ENTRY, BAD_ARGUMENT = 0, 2  # answers that go with status ERROR


class Role(IntEnum):
    """Of a node, as answered."""

    MASTER = 0
    CANDIDATE = 1
    OFFLINE = 2
    DRAINED = 3
    REGULAR = 4


def answer(config: Config | None, request: Request) -> Reply:
    """The answer to a request; status 1 with a text when there is no configuration or no such object.

    BadPacket for a type there is none of: it gets no answer at all.
    """
    answerer = ANSWERERS.get(request.type)
    if answerer is None:
        raise BadPacket(f"there is no request type {request.type}")
    if config is None:
        return Reply(ERROR, "this host has no configuration", 0)
    try:
        return answerer(config, request.query)
    except NotFound as e:
        return Reply(ERROR, str(e), 0)


def _ok(answer: Any, serial: int) -> Reply:
    return Reply(OK, answer, serial)


def _bad_argument() -> Reply:
    return Reply(ERROR, BAD_ARGUMENT, 0)


def _name(query: Any, of: str) -> str:
    if not isinstance(query, str):
        raise NotFound(f"the query must be the name of {of}")
    return query


def _ping(config: Config, query: Any) -> Reply:
    return _ok(config.version, 0)


def _node_role(config: Config, query: Any) -> Reply:
    asked = _name(query, "a node")
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


@lru_cache(maxsize=1)
def _addresses(config: Config) -> Mapping[str, Mapping[str, str]]:
    """Link -> address of a NIC -> UUID of the instance's primary node; kept for the latest configuration."""
    found: dict[str, dict[str, str]] = {}
    for instance in config.instances.values():
        for nic in instance.nics:
            if nic.ip:
                link = config.filled_nicparams(instance, nic)["link"]
                found.setdefault(link, {})[nic.ip] = instance.primary_node
    return found


def _default_link(config: Config) -> str:
    link: str = config.cluster.nicparams.get("default", {}).get("link", "")
    return link


def _node_ip_by_instance_ip(config: Config, query: Any) -> Reply:
    if not isinstance(query, Lookup):
        return _bad_argument()
    link = _default_link(config) if query.link is None else query.link
    nodes = _addresses(config).get(link, {})
    serial = config.cluster.serial_no

    def find(ip: str) -> Reply:
        return _ok(config.nodes[nodes[ip]].primary_ip, serial) if ip in nodes else Reply(ERROR, UNKNOWN_ENTRY, 0)

    if query.ip is not None:
        return find(query.ip)
    return _ok([[one.status, one.answer, one.serial] for one in map(find, query.ips)], serial)


def _cluster_master(config: Config, query: Any) -> Reply:
    master, serial = config.master, config.cluster.serial_no
    if query is None:
        return _ok(master.name, serial)
    if not isinstance(query, Lookup):
        return _bad_argument()
    values = (master.name, config.cluster.master_ip, master.primary_ip)
    return _ok([values[number] for number in query.fields], serial)


def _node_ips(config: Config, query: Any) -> Reply:
    nodes = sorted(config.nodes.values(), key=lambda node: node.uuid)
    return _ok([node.primary_ip for node in nodes], config.cluster.serial_no)


def _candidate_ips(config: Config, query: Any) -> Reply:
    nodes = sorted(config.candidates, key=lambda node: node.uuid)
    return _ok([node.primary_ip for node in nodes], config.cluster.serial_no)


def _instance_ips(config: Config, query: Any) -> Reply:
    if isinstance(query, Lookup):
        raise NotFound("the query must be a link or null")
    link = _default_link(config) if query is None else query
    return _ok(sorted(_addresses(config).get(link, {})), config.cluster.serial_no)


def _node_drbd(config: Config, query: Any) -> Reply:
    node = config.node(_name(query, "a node"))
    return _ok(
        [
            [node.name, minor, instance.name, f"disk/{index}", part, peer]
            for instance in sorted((*config.primaries(node.uuid), *config.secondaries_on(node.uuid)), key=_uuid)
            for index, disk in enumerate(config.disks_of(instance))
            for minor, part, peer in _minors(config, instance, disk, node)
        ],
        node.serial_no,
    )


def _minors(config: Config, instance: Instance, disk: Disk, node: Node) -> list[tuple[int, str, str]]:
    """Minor, role and name of the peer for every DRBD device of a disk on a node."""
    found = [minor for child in disk.children for minor in _minors(config, instance, child, node)]
    if disk.dev_type == "drbd":
        first, second, _, minor_of_first, minor_of_second, *_ = disk.logical_id
        part = "primary" if instance.primary_node == node.uuid else "secondary"
        for here, there, minor in ((first, second, minor_of_first), (second, first, minor_of_second)):
            if here == node.uuid:
                found.append((minor, part, config.node(there).name))
    return found


def _node_instances(config: Config, query: Any) -> Reply:
    node = config.node(_name(query, "a node"))
    groups = (config.primaries(node.uuid), config.secondaries_on(node.uuid))
    return _ok([[to_json(instance) for instance in sorted(group, key=_uuid)] for group in groups], node.serial_no)


def _instance_disks(config: Config, query: Any) -> Reply:
    instance = config.instance(_name(query, "an instance"))
    return _ok([to_json(disk) for disk in config.disks_of(instance)], instance.serial_no)


def _config_query(config: Config, query: Any) -> Reply:
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
    if isinstance(value, Mapping):
        value = {key: to_json(item) if hasattr(item, "uuid") else item for key, item in value.items()}
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


def _data_collectors(config: Config, query: Any) -> Reply:
    xen = any(name.startswith("xen") for name in config.cluster.enabled_hypervisors)
    found = {}
    for name, settings in sorted(config.cluster.data_collectors.items()):
        active = bool(settings.get("active", True)) and (xen or name != "inst-status-xen")
        found[name] = {"active": active, "interval": settings.get("interval", 5_000_000)}
    return _ok(found, config.cluster.serial_no)


def _uuid(thing: Instance) -> str:
    return thing.uuid


ANSWERERS: dict[int, Callable[[Config, Any], Reply]] = {
    0: _ping,
    1: _node_role,
    2: _node_ip_by_instance_ip,
    3: _cluster_master,
    4: _node_ips,
    5: _candidate_ips,
    6: _instance_ips,
    7: _node_drbd,
    8: _node_instances,
    9: _instance_disks,
    10: _config_query,
    11: _data_collectors,
}
