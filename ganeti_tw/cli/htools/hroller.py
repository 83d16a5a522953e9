"""hroller: which nodes can be rebooted together."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti_tw.cli.htools.call import Call, ProgramError, later
from ganeti_tw.htools.cluster import NOWHERE, BadData, Cluster, Place
from ganeti_tw.htools.colouring import Graph, colour_all_ways, statistics
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.reboot import (
    RebootGroup,
    conflicts,
    migrate_away,
    move_copies,
    move_what_stays_put,
    moved,
    split,
    stays_put,
)

_NO_MASTER = "No master node found (maybe not supported by backend)."


def run(call: Call) -> int:
    cluster = call.load().cluster
    options = call.options
    _check_master(call, cluster)
    call.save_original(cluster, "before hroller run")
    nodes = _nodes(call, cluster)
    if not nodes:
        raise ProgramError("Cannot create node graph")
    graph = conflicts(cluster, nodes, shut_down=options.offline_maintenance)
    call.say(f"Node Graph: {_shown(graph, cluster.base)}", 3)
    colourings = colour_all_ways(graph)
    classes = min(colourings.values(), key=len)
    try:
        groups = _cleared(call, [RebootGroup([n for n in each if n in nodes], cluster) for each in classes])
    except BadData as error:
        raise ProgramError(str(error)) from error
    call.say(statistics(colourings), 2)
    groups.sort(key=lambda group: -len(group.nodes))
    groups.sort(key=lambda group: any(cluster.nodes[n].hardware.master for n in group.nodes))
    if options.headers:
        call.say("'First Reboot Group'" if options.one_step_only else "'Node Reboot Groups'")
    shown = groups[:1] if options.one_step_only else groups
    for group in shown:
        _say_group(call, cluster, group)
    if options.json:
        call.give(later("reports").reboot_groups(cluster, [_described(cluster, group) for group in shown]))
    return 0


def _check_master(call: Call, cluster: Cluster) -> None:
    masters = [node.hardware.name for node in cluster.nodes if node.hardware.master]
    if len(masters) > 1:
        listed = ",".join(f'"{name}"' for name in masters)
        raise ProgramError(f"Found more than one master node: [{listed}]")
    if not masters:
        if not call.options.force:
            raise ProgramError(_NO_MASTER)
        call.warn(f"Warning: {_NO_MASTER}")


def _nodes(call: Call, cluster: Cluster) -> list[int]:
    """Those to reboot."""
    options = call.options
    group = None
    if options.group is not None:
        group = cluster.find_group(options.group)
        if group is None:
            raise ProgramError("Cannot find target group.")

    def wanted(node: Node) -> bool:
        if node.offline or (group is not None and node.hardware.group != group.index):
            return False
        if options.node_tags is not None and not set(options.node_tags) & set(node.hardware.tags):
            return False
        return not (options.skip_non_redundant and stays_put(cluster, node))

    return [node.hardware.index for node in cluster.nodes if wanted(node)]


def _cleared(call: Call, groups: Sequence[RebootGroup]) -> list[RebootGroup]:
    """The groups split until each can be as empty as the options want it; BadData when a node cannot."""
    options = call.options
    stages = []
    if not options.ignore_non_redundant:
        stages.append((move_what_stays_put, "Not enough capacity to move non-redundant instances"))
    if options.full_evacuation:
        stages.append((migrate_away, "Failed to migrate instances off nodes"))
        stages.append((move_copies, "Not enough capacity to move secondaries"))
    for clear, problem in stages:
        groups = [part for group in groups for part in split(group, clear, problem)]
    return list(groups)


def _node_names(cluster: Cluster, group: RebootGroup) -> list[str]:
    """The master last."""
    nodes = sorted((cluster.nodes[n].hardware for n in group.nodes), key=lambda each: each.master)
    return [each.name for each in nodes]


def _described(cluster: Cluster, group: RebootGroup) -> tuple[list[str], list[tuple[str, Place]]]:
    leaving = [(instance.name, place) for instance, place in moved(cluster, group.cluster)]
    return _node_names(cluster, group), leaving


def _say_group(call: Call, cluster: Cluster, group: RebootGroup) -> None:
    names = _node_names(cluster, group)
    for line in names if call.options.one_step_only else [",".join(names)]:
        call.say(line)
    if not call.options.print_moves:
        return
    for instance, place in moved(cluster, group.cluster):
        where = [cluster.nodes[n].hardware.name for n in place[:2] if n != NOWHERE]
        call.say(f"  {' '.join([instance.name, *where])}")


def _shown(graph: Graph, base: int) -> str:
    rows = ",".join(f"({n + base},[{','.join(str(m + base) for m in graph[n])}])" for n in graph)
    return f"array ({min(graph) + base},{max(graph) + base}) [{rows}]"
