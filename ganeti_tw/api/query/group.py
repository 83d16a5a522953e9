"""Node groups."""

from __future__ import annotations

from typing import Any

from ganeti_tw.api.query.fields import field, own, parameter, stored, table
from ganeti_tw.api.query.node import NODE_PARAMETER_TITLES
from ganeti_tw.api.query.resource import Resource, configured, is_text
from ganeti_tw.api.query.view import View
from ganeti_tw.model import defaults, filled
from ganeti_tw.model.config import Config
from ganeti_tw.model.group import Group
from ganeti_tw.model.names import naturally


def _ndparams(group: Group, view: View) -> dict[str, Any]:
    return filled.ndparams(view.config.cluster, group)


def _nodes(group: Group, view: View) -> list[str]:
    return naturally(n.name for n in view.config.nodes_of(group.uuid))


def _instance_count(group: Group, view: View) -> int:
    return sum(view.config.primary_count(n.uuid) for n in view.config.nodes_of(group.uuid))


def _instances(group: Group, view: View) -> list[str]:
    nodes = view.config.nodes_of(group.uuid)
    return naturally(i.name for n in nodes for i in view.config.primaries(n.uuid))


def _all(config: Config) -> list[Group]:
    return list(config.groups.values())


RESOURCE = Resource(
    "group",
    table(
        *stored("node group"),
        own("alloc_policy", "AllocPolicy", "text", "Whether allocators put instances here"),
        field(
            "custom_diskparams", "CustomDiskParameters", "other", "Disk parameters set here", lambda g, v: g.diskparams
        ),
        field(
            "custom_ipolicy",
            "CustomInstancePolicy",
            "other",
            "Parts of the instance policy set here",
            lambda g, v: g.ipolicy,
        ),
        field("custom_ndparams", "CustomNDParams", "other", "Node parameters set here", lambda g, v: g.ndparams),
        field(
            "diskparams",
            "DiskParameters",
            "other",
            "Disk parameters by template, with those inherited",
            lambda group, view: view.config.filled_diskparams(group),
        ),
        field(
            "ipolicy",
            "InstancePolicy",
            "other",
            "What instances may be like, with what is inherited",
            lambda group, view: view.config.filled_ipolicy(group),
        ),
        own("name", "Group", "text", "Its name"),
        *(parameter("ndp", p, NODE_PARAMETER_TITLES, _ndparams) for p in defaults.NODE.values()),
        field("ndparams", "NDParams", "other", "Node parameters, with those inherited", _ndparams),
        field(
            "node_cnt", "Nodes", "number", "How many nodes it has", lambda g, view: len(view.config.nodes_of(g.uuid))
        ),
        field("node_list", "NodeList", "other", "Its nodes", _nodes, host=True),
        field("pinst_cnt", "Instances", "number", "How many instances have their primary node here", _instance_count),
        field("pinst_list", "InstanceList", "other", "Instances whose primary node is here", _instances, host=True),
    ),
    configured(_all, Config.group),
    is_name=is_text,
    must_exist=True,
)
