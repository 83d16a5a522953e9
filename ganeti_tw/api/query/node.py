"""Nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ganeti_tw.api.query.fields import (
    NO_ANSWER,
    NO_VALUE,
    NORMAL,
    NOT_ASKED,
    Cell,
    Field,
    Source,
    field,
    nothing,
    own,
    parameter,
    stored,
    table,
)
from ganeti_tw.api.query.resource import Resource, configured, is_text
from ganeti_tw.api.query.view import View
from ganeti_tw.model import defaults
from ganeti_tw.model.config import Config
from ganeti_tw.model.group import Group
from ganeti_tw.model.names import naturally
from ganeti_tw.model.node import Node
from ganeti_tw.model.roles import role
from ganeti_tw.protocol.node import NodeFigures

NODE_PARAMETER_TITLES: Mapping[str, str] = {
    "exclusive_storage": "ExclusiveStorage",
    "oob_program": "OutOfBandProgram",
    "ovs": "OpenvSwitch",
    "ovs_link": "OpenvSwitchLink",
    "ovs_name": "OpenvSwitchName",
    "spindle_count": "SpindleCount",
}


def _figure(name: str, title: str, kind: str, doc: str, value: Callable[[NodeFigures], Any]) -> Field:
    """A live field; without data where the node does not answer or cannot say."""

    def get(node: Node, view: View) -> Cell:
        if node.offline:
            return NOT_ASKED
        if not node.vm_capable:
            return NO_VALUE
        figures = view.figures.get(node.uuid)
        found = value(figures) if figures is not None else None
        return NO_ANSWER if found is None else [NORMAL, found]

    return Field(name, title, kind, doc, get, live=frozenset({Source.FIGURES}))


def _group(node: Node, view: View) -> Group | None:
    return view.config.groups.get(node.group)


def _group_name(node: Node, view: View) -> str | None:
    group = _group(node, view)
    return group.name if group is not None else None


def _group_uuid(node: Node, view: View) -> str | None:
    group = _group(node, view)
    return group.uuid if group is not None else None


def _ndparams(node: Node, view: View) -> dict[str, Any]:
    return view.config.filled_ndparams(node)


def _powered(node: Node, view: View) -> bool | None:
    """Nobody can tell without a program that manages the power."""
    return node.powered if _ndparams(node, view).get("oob_program") else None


def _all(config: Config) -> list[Node]:
    return list(config.nodes.values())


RESOURCE = Resource(
    "node",
    table(
        *stored("node"),
        _figure("bootid", "BootID", "text", "Changes each time it boots", lambda f: f.boot_id),
        _figure("cnodes", "CNodes", "number", "How many NUMA domains it has", lambda f: f.cpu_nodes),
        _figure("cnos", "CNOs", "number", "How many processors its own system uses", lambda f: f.cpu_total),
        _figure("csockets", "CSockets", "number", "How many processor sockets it has", lambda f: f.cpu_sockets),
        _figure("ctotal", "CTotal", "number", "How many logical processors it has", lambda f: f.cpu_total),
        field("custom_ndparams", "CustomNodeParameters", "other", "Node parameters set here", lambda n, v: n.ndparams),
        _figure("dfree", "DFree", "unit", "Free space of the storage for instances", lambda f: f.disk_free),
        nothing("disk_state", "DiskState", "other", "Not used"),
        own("drained", "Drained", "bool", "Whether it gets no new instances"),
        _figure("dtotal", "DTotal", "unit", "Size of the storage for instances", lambda f: f.disk_total),
        field("group", "Group", "text", "Node group it is in", _group_name),
        field("group.uuid", "GroupUUID", "text", "UUID of the node group it is in", _group_uuid),
        nothing("hv_state", "HypervisorState", "other", "Not used"),
        field(
            "master",
            "IsMaster",
            "bool",
            "Whether it is the master",
            lambda n, v: n.uuid == v.config.cluster.master_node,
        ),
        own("master_candidate", "MasterC", "bool", "Whether it keeps a copy of everything and can become master"),
        own("master_capable", "MasterCapable", "bool", "Whether it may become a master candidate"),
        _figure("mfree", "MFree", "unit", "Memory that instances can get", lambda f: f.memory_free),
        _figure("mnode", "MNode", "unit", "Memory its own system uses", lambda f: f.memory_node),
        _figure("mtotal", "MTotal", "unit", "All its memory", lambda f: f.memory_total),
        own("name", "Node", "text", "Its name", host=True),
        *(parameter("ndp", p, NODE_PARAMETER_TITLES, _ndparams) for p in defaults.NODE.values()),
        field("ndparams", "NodeParameters", "other", "Node parameters, with those inherited", _ndparams),
        own("offline", "Offline", "bool", "Whether it is left alone because it does not work"),
        field(
            "pinst_cnt",
            "Pinst",
            "number",
            "How many instances have it as primary node",
            lambda node, view: view.config.primary_count(node.uuid),
        ),
        field(
            "pinst_list",
            "PriInstances",
            "other",
            "Instances that have it as primary node",
            lambda node, view: naturally(i.name for i in view.config.primaries(node.uuid)),
            host=True,
        ),
        field("pip", "PrimaryIP", "text", "Address for management", lambda node, view: node.primary_ip),
        field("powered", "Powered", "bool", "Whether its power is on, as last recorded", _powered),
        field(
            "role",
            "Role",
            "text",
            "M master, C master candidate, R regular, D drained, O offline",
            lambda node, view: role(node, view.config.cluster.master_node),
        ),
        field(
            "sinst_cnt",
            "Sinst",
            "number",
            "How many instances have it as secondary node",
            lambda node, view: view.config.secondary_count(node.uuid),
        ),
        field(
            "sinst_list",
            "SecInstances",
            "other",
            "Instances that have it as secondary node",
            lambda node, view: naturally(i.name for i in view.config.secondaries_on(node.uuid)),
            host=True,
        ),
        field("sip", "SecondaryIP", "text", "Address for replication of disks", lambda node, view: node.secondary_ip),
        _figure("spfree", "SpFree", "number", "Free spindles, where physical volumes are counted", lambda f: None),
        _figure("sptotal", "SpTotal", "number", "All spindles, where physical volumes are counted", lambda f: None),
        own("vm_capable", "VMCapable", "bool", "Whether it may hold instances"),
    ),
    configured(_all, Config.node),
    is_name=is_text,
    must_exist=True,
)
