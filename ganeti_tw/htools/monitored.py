"""How busy instances are by what the monitoring daemons of their nodes report."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ganeti_tw.htools.cluster import BadData, Cluster

BY_NODE = "cpu-avg-load"
BY_DOMAIN = "xen-cpu-avg-load"

Answers = Mapping[str, Any]
"""Name of a node -> the ``data`` of its report; a node that gave none is left out."""


def read_reports(content: str, collector: str) -> dict[str, Any]:
    """The answers in a file: a JSON list of ``{"node": NAME, "reports": [REPORT, ...]}``, of which the last counts."""
    try:
        document = json.loads(content)
        return {each["node"]: data for each in document for data in _data_of(each["reports"], collector)}
    except (ValueError, RecursionError) as error:
        raise BadData(f"not JSON: {error}") from None
    except (TypeError, KeyError):
        shape = '[{"node": NAME, "reports": [{"name": NAME, "data": ...}, ...]}, ...]'
        raise BadData(f"not of the form {shape}") from None


def _data_of(reports: Iterable[Mapping[str, Any]], collector: str) -> Iterable[Any]:
    return [report["data"] for report in reports if report["name"] == collector]


def apply_node_loads(cluster: Cluster, answers: Answers) -> None:
    """Give each node the load it measured, and its primary instances their parts by virtual CPUs.

    What the node itself uses stays with the node when its instances leave.
    BadData, and nothing is changed, unless all nodes that are not offline gave an answer.
    """
    loads = {}
    for node in cluster.nodes:
        load = _total(answers.get(node.hardware.name))
        if load is not None:
            loads[node.hardware.index] = load
    _require_all(cluster, loads, BY_NODE)
    for instance, place in zip(cluster.instances, cluster.places, strict=True):
        node = cluster.nodes[place.primary]
        if place.primary in loads and node.used_cpus:
            share = loads[place.primary] / node.used_cpus * instance.vcpus
            instance.load = (share, *instance.load[1:])
    for index, load in loads.items():
        cluster.nodes[index].cpu_load = load


def apply_domain_loads(cluster: Cluster, answers: Answers) -> None:
    """Give each instance the load that was measured of it.

    BadData, and nothing is changed, unless all nodes that are not offline gave
    an answer and all instances are in them.
    """
    good = {
        node.hardware.index: answers[node.hardware.name]
        for node in cluster.nodes
        if _are_loads(answers.get(node.hardware.name))
    }
    _require_all(cluster, good, BY_DOMAIN)
    # An instance that was just moved may be in two answers.
    loads: dict[str, float] = {}
    for data in good.values():
        loads = {**data, **loads}
    unknown = [instance.name for instance in cluster.instances if instance.name not in loads]
    if unknown:
        raise BadData(f"{BY_DOMAIN} says nothing of {_some(unknown)}")
    for node in cluster.nodes:
        node.cpu_load = 0.0
    for instance, place in zip(cluster.instances, cluster.places, strict=True):
        instance.load = (float(loads[instance.name]), *instance.load[1:])
        cluster.nodes[place.primary].cpu_load += instance.load[0]


def _require_all(cluster: Cluster, found: Mapping[int, Any], collector: str) -> None:
    hardware = [node.hardware for node in cluster.nodes]
    silent = [each.name for each in hardware if not each.offline and each.index not in found]
    if silent:
        raise BadData(f"no usable {collector} of {_some(silent)}")


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _total(data: Any) -> float | None:
    """The load of a node, None unless the data has the shape it should have."""
    if not isinstance(data, Mapping) or not isinstance(data.get("cpus"), list):
        return None
    numbers = (data.get("cpu_number"), data.get("cpu_total"), *data["cpus"])
    return float(data["cpu_total"]) if all(_is_number(value) for value in numbers) else None


def _are_loads(data: Any) -> bool:
    return isinstance(data, Mapping) and all(_is_number(value) for value in data.values())


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e9
