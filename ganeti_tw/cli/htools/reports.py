"""The documents of ``--json``; ``docs/reference/htools.rst`` lists their keys.

Names are whole, memory and disk in MiB.  What does not apply is null; keys are
never left out, but for those of an option that was not given.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

from ganeti_tw.htools.balance import Step
from ganeti_tw.htools.cluster import NOWHERE, Cluster, Place
from ganeti_tw.htools.cost import cost_of, together
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.group import Group
from ganeti_tw.htools.health import Health, bad_instances, bad_nodes, breaks_policy
from ganeti_tw.htools.jobs import commands, job_sets, opcodes
from ganeti_tw.htools.moves import Kind
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.score import COMPONENTS, components, lower_bound, score, total
from ganeti_tw.htools.sizes import Size
from ganeti_tw.htools.space import Filled
from ganeti_tw.htools.stats import Totals, totals
from ganeti_tw.htools.templates import nodes_needed

Document = dict[str, Any]

# Grows when a key changes its meaning or goes; new keys leave it as it is.
_FORMAT = 1


def document(tool: str, **parts: Any) -> Document:
    """What every document begins with, and its parts."""
    return {"tool": tool, "format": _FORMAT, **parts}


def shown(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)


def number(value: float) -> float | None:
    """JSON has no infinities."""
    return value if isfinite(value) else None


def _components(nodes: Sequence[Node]) -> list[Document]:
    return [
        {"name": name, "weight": weight, "value": number(value)}
        for (name, weight), value in zip(COMPONENTS, components(nodes), strict=True)
    ]


def balance_of(nodes: Sequence[Node]) -> Document:
    """The score of some nodes and what it is made of."""
    return {"score": number(total(components(nodes))), "components": _components(nodes)}


def _place(cluster: Cluster, place: Place) -> Document:
    names = [None if n == NOWHERE else cluster.nodes[n].hardware.name for n in place[:2]]
    return {"primary": names[0], "secondary": names[1]}


def moves(cluster: Cluster, steps: Sequence[Step]) -> list[Document]:
    """The moves in order; ``job_set`` counts from 1, those of one set may run side by side."""
    set_of = {id(step): count for count, each in enumerate(job_sets(steps), start=1) for step in each}
    return [
        {
            "instance": step.instance.name,
            "kind": step.move.kind.name.lower(),
            "target": cluster.nodes[step.move.target].hardware.name if step.move.kind is not Kind.FAILOVER else None,
            "from": _place(cluster, step.old),
            "to": _place(cluster, step.new),
            "disk_copied": cost_of(step.instance, step.move.kind).disk,
            "memory_moved": cost_of(step.instance, step.move.kind).memory,
            "job_set": set_of[id(step)],
            "commands": [f"gnt-instance {words}" for words in commands(cluster, step.instance, step.move)],
            "opcodes": opcodes(cluster, step.instance, step.move),
        }
        for step in steps
    ]


def hbal(
    cluster: Cluster,
    group: Group | None,
    status: str,
    before: Sequence[Node],
    steps: Sequence[Step],
    *,
    cut: int,
    price: float | None,
) -> Document:
    """``before`` are the group's nodes at the start; the cluster is as it is after the steps.

    ``cut`` is how many of the sets of jobs were asked for, below 0 for all; ``price`` is that of ``--plan-cost``.
    """
    rows = moves(cluster, steps)
    last = score(before)
    for row, step in zip(rows, steps, strict=True):
        row["score"], row["gain"] = number(step.score), number(last - step.score)
        last = step.score
    cost = together(cost_of(step.instance, step.move.kind) for step in steps)
    gain = score(before) - last
    after = [cluster.nodes[node.hardware.index] for node in before]
    return document(
        "hbal",
        status=status,
        group=group and {"name": group.name, "uuid": group.uuid},
        nodes=len(before),
        instances=len(cluster.instances_of(group.index)) if group else 0,
        lower_bound=number(lower_bound(before)),
        bad_nodes=[node.hardware.name for node in bad_nodes(before)],
        policy_violating_nodes=[node.hardware.name for node in before if breaks_policy(node)],
        initial=balance_of(before),
        final=balance_of(after),
        cost={
            "disk_copied": cost.disk,
            "memory_moved": cost.memory,
            "price": price,
            "gain": number(gain),
            "net_gain": None if price is None else number(gain - price * cost.gib),
        },
        moves=[row for row in rows if row["job_set"] <= cut] if cut >= 0 else rows,
    )


def problems(health: Health) -> Document:
    return {
        "n1_failures": health.n1_failures,
        "conflicts": health.conflicts,
        "offline_primaries": health.offline_primaries,
        "offline_nodes": health.offline_secondaries,
        "unsafe_nodes": health.unsafe,
        "score": number(health.score),
    }


def hcheck(
    groups: Sequence[Group], before: Sequence[Health], after: Sequence[Health] | None, unhealthy: bool
) -> Document:
    rows = [
        {
            "name": group.name,
            "uuid": group.uuid,
            "initial": problems(was),
            "final": None if after is None else problems(after[place]),
        }
        for place, (group, was) in enumerate(zip(groups, before, strict=True))
    ]
    return document("hcheck", needs_rebalancing=unhealthy, simulated=after is not None, groups=rows)


def hinfo(cluster: Cluster, suffix: str) -> Document:
    return document(
        "hinfo",
        tags=cluster.tags,
        common_suffix=suffix,
        n1_happy=not bad_nodes(cluster.nodes),
        split_instances=[instance.name for instance in cluster.split_instances()],
        groups=[_group(cluster, group) for group in cluster.groups],
        nodes=[_node(cluster, node) for node in cluster.nodes],
        instances=[
            {
                "name": instance.name,
                **_place(cluster, place),
                "status": instance.status,
                "disk_template": instance.template,
                "memory": instance.memory,
                "disk": instance.disk,
                "vcpus": instance.vcpus,
                "auto_balance": instance.auto_balance,
            }
            for instance, place in zip(cluster.instances, cluster.places, strict=True)
        ],
        **balance_of(cluster.nodes),
    )


def _group(cluster: Cluster, group: Group) -> Document:
    nodes = [cluster.nodes[n] for n in cluster.members(group.index)]
    bad = bad_nodes(nodes)
    return {
        "name": group.name,
        "uuid": group.uuid,
        "alloc_policy": group.allocation,
        "nodes": len(nodes),
        "instances": len(cluster.instances_of(group.index)),
        "bad_nodes": len(bad),
        "bad_instances": len(bad_instances(bad)),
        "score": number(score(nodes)),
    }


def _node(cluster: Cluster, node: Node) -> Document:
    hardware = node.hardware
    return {
        "name": hardware.name,
        "group": cluster.groups[hardware.group].name,
        "offline": hardware.offline,
        "master": hardware.master,
        "n1_failure": node.n1_failure,
        "memory_total": hardware.memory,
        "memory_unused": node.unused_memory,
        "memory_reserved": node.reserved,
        "disk_total": hardware.total_disk,
        "disk_free": node.free_disk,
        "cpus": hardware.cpus,
        "vcpus_used": node.used_cpus,
        "primaries": len(node.primaries),
        "secondaries": len(node.secondaries),
    }


def reboot_groups(cluster: Cluster, groups: Iterable[tuple[Sequence[str], Iterable[tuple[str, Place]]]]) -> Document:
    """Of each group the nodes' names in their order, and where the instances that must leave go."""
    rows = [
        {"nodes": list(names), "moves": [{"instance": name, "to": _place(cluster, place)} for name, place in moved]}
        for names, moved in groups
    ]
    return document("hroller", groups=rows)


class Space:
    """hspace's results, taken one after the other."""

    def __init__(self, cluster: Cluster, template: str) -> None:
        self.document = document(
            "hspace",
            disk_template=template,
            nodes_needed=nodes_needed(template),
            nodes=len(cluster.nodes),
            initial=_totals(totals(cluster)),
        )

    def add(self, name: str, size: Size, filled: Filled, allowed: bool) -> None:
        """A run that began with this size; not ``allowed`` where nodes in trouble forbade it."""
        cluster = filled.cluster
        rows = [
            {
                "instance": instance.name,
                **_place(cluster, place),
                "memory": instance.memory,
                "disk": instance.disk,
                "vcpus": instance.vcpus,
                "spindles": instance.disk_spindles,
            }
            for instance, place in list(zip(cluster.instances, cluster.places, strict=True))[filled.first :]
        ]
        self.document[name] = {
            "size": {"memory": size.memory, "disk": size.disk, "vcpus": size.cpus, "spindles": size.spindles},
            "allowed": allowed,
            "instances": len(rows),
            "placements": rows,
            "failures": _failures(filled.failures),
            "final": _totals(totals(cluster)),
        }


def _failures(failures: Mapping[Fail, int]) -> list[Document]:
    """Why no more fit at the end, most frequent first."""
    present = [fail for fail in Fail if failures.get(fail)]
    return [{"reason": fail.value, "count": failures[fail]} for fail in sorted(present, key=lambda f: -failures[f])]


def _totals(stats: Totals) -> Document:
    return {
        "score": number(stats.score),
        "instances": stats.instances,
        "memory_total": stats.total_memory,
        "memory_free": stats.free_memory,
        "memory_available": stats.available_memory,
        "memory_used": stats.used_memory,
        "disk_total": stats.total_disk,
        "disk_free": stats.free_disk,
        "disk_available": stats.available_disk,
        "disk_used": stats.used_disk,
        "cpus": stats.total_cpus,
        "vcpus_allowed": stats.max_cpus,
        "vcpus_used": stats.used_cpus,
        "spindles_total": stats.total_spindles,
        "spindles_free": stats.free_spindles,
        "largest_memory_available": stats.most_memory,
        "largest_disk_available": stats.most_disk,
    }
