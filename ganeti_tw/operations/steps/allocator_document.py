"""The cluster as iallocators are told of it; shapes as in Ganeti's ``iallocator`` protocol, version 2."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen

from ganeti_tw.model import filled
from ganeti_tw.model.config import Config
from ganeti_tw.model.disk_templates import space_taken
from ganeti_tw.model.group import Group
from ganeti_tw.model.instance import Instance, Nic
from ganeti_tw.model.names import natural_key
from ganeti_tw.model.node import Node
from ganeti_tw.protocol.instance import RunningInstance
from ganeti_tw.protocol.node import NodeFigures

VERSION = 2


@frozen
class Live:
    """What a node said of itself: its figures and its guests."""

    figures: NodeFigures
    guests: tuple[RunningInstance, ...]


def document(config: Config, live: Mapping[str, Live], request: Mapping[str, Any]) -> str:
    """The text an iallocator reads.

    ``live``: node UUID -> what it said; nodes without stand there as offline.
    Everything is in the order of names, since allocators take the first or last of equals.
    """
    cluster = config.cluster
    groups = sorted(config.groups.values(), key=lambda g: natural_key(g.name))
    nodes = sorted(config.nodes.values(), key=lambda n: natural_key(n.name))
    return _object(
        {
            "version": _text(VERSION),
            "cluster_name": _text(cluster.cluster_name),
            "cluster_tags": _text(cluster.tags),
            "enabled_hypervisors": _text(cluster.enabled_hypervisors),
            "ipolicy": _text(filled.ipolicy(cluster)),
            "nodegroups": _object({g.uuid: _text(_group(config, g)) for g in groups}),
            "nodes": _object({n.name: _text(_node(config, n, live.get(n.uuid))) for n in nodes}),
            "instances": _object({i.name: _text(_instance(config, i)) for i in config.instances_by_name()}),
            "request": _text(request),
        }
    )


def _object(texts: Mapping[str, str]) -> str:
    """A JSON object of values that are text already: one by one, so that other threads get their turn."""
    return "{" + ", ".join(f"{_text(key)}: {text}" for key, text in texts.items()) + "}"


def _text(value: Any) -> str:
    return json.dumps(value, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """Values of the configuration are read-only."""
    return dict(value) if isinstance(value, Mapping) else list(value)


def _group(config: Config, group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "alloc_policy": group.alloc_policy,
        "networks": list(group.networks),
        "ipolicy": config.filled_ipolicy(group),
        "tags": group.tags,
    }


def _node(config: Config, node: Node, live: Live | None) -> dict[str, Any]:
    silent = live is None and node.vm_capable
    found = {
        "tags": node.tags,
        "primary_ip": node.primary_ip,
        "secondary_ip": node.secondary_ip,
        "offline": node.offline or silent,
        "drained": node.drained,
        "master_candidate": node.master_candidate,
        "group": node.group,
        "master_capable": node.master_capable,
        "vm_capable": node.vm_capable,
        "ndparams": config.filled_ndparams(node),
    }
    return found if live is None else {**_figures(config, node, live), **found}


def _figures(config: Config, node: Node, live: Live) -> dict[str, Any]:
    figures, used = live.figures, {g.name: g.memory_mib for g in live.guests if g.state != "shutdown"}
    ours = [(i, config.filled_beparams(i)["maxmem"]) for i in config.primaries(node.uuid)]
    may_grow = sum(max(0, maxmem - used[i.name]) for i, maxmem in ours if i.name in used)
    return {
        "total_memory": figures.memory_total or 0,
        "reserved_memory": figures.memory_node or 0,
        "free_memory": (figures.memory_free or 0) - may_grow,
        "total_disk": figures.disk_total or 0,
        "free_disk": figures.disk_free or 0,
        "total_spindles": 0,
        "free_spindles": 0,
        "total_cpus": figures.cpu_total,
        "reserved_cpus": figures.cpu_total,
        "i_pri_memory": sum(maxmem for _, maxmem in ours),
        "i_pri_up_memory": sum(maxmem for i, maxmem in ours if i.admin_up),
    }


def _instance(config: Config, instance: Instance) -> dict[str, Any]:
    be = config.filled_beparams(instance)
    disks = config.disks_of(instance)
    template = config.disk_template(instance)
    found = {
        "tags": instance.tags,
        "admin_state": instance.admin_state,
        "vcpus": be["vcpus"],
        "memory": be["maxmem"],
        "spindle_use": be["spindle_use"],
        "os": instance.os,
        "nodes": [config.nodes[uuid].name for uuid in config.nodes_holding(instance)],
        "nics": nics_of(config, instance),
        "disks": [{"dev_type": d.dev_type, "size": d.size, "mode": d.mode, "spindles": d.spindles} for d in disks],
        "disk_template": template,
        "disks_active": instance.disks_active,
        "hypervisor": instance.hypervisor,
        "disk_space_total": space_taken(template, (d.size for d in disks)),
    }
    return {**found, "forthcoming": True} if instance.forthcoming else found


def nics_of(config: Config, instance: Instance, nics: Iterable[Nic] | None = None) -> list[dict[str, Any]]:
    """The NICs of an instance, or those it is to have."""
    return [_nic(config, instance, nic) for nic in (instance.nics if nics is None else nics)]


def _nic(config: Config, instance: Instance, nic: Nic) -> dict[str, Any]:
    params = config.filled_nicparams(instance, nic)
    found = {"mac": nic.mac, "ip": nic.ip, "mode": params["mode"], "link": params["link"]}
    if params["mode"] == "bridged":
        found["bridge"] = params["link"]
    if nic.network is not None:
        found["network"] = nic.network
    return found
