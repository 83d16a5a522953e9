"""Nodes that can be rebooted together.

Two nodes go apart when an instance, or two that share a secondary, would be hurt by
losing both.  What has no second node is moved away first, as far as there is room.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from ganeti_tw.htools.cluster import NOWHERE, BadData, Cluster, Place
from ganeti_tw.htools.colouring import Graph, graph_of
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.moves import Kind, Move, attempt
from ganeti_tw.htools.node import Node


class RebootGroup(NamedTuple):
    """Node indices, and the cluster once they are as empty as was asked for."""

    nodes: list[int]
    cluster: Cluster


def stays_put(cluster: Cluster, node: Node) -> list[Instance]:
    """The instances that run here and have no other node."""
    return [cluster.instances[i] for i in node.primaries if cluster.places[i].secondary == NOWHERE]


def conflicts(cluster: Cluster, nodes: Sequence[int], *, shut_down: bool) -> Graph:
    """Which nodes must not go at once; with ``shut_down`` the instances are stopped, not migrated.

    The vertices are all indices from the lowest to the highest of the nodes.
    """
    wanted = set(nodes)
    edges = [edge for edge in _own_edges(cluster) if wanted.issuperset(edge)]
    if not shut_down:
        known = set(edges)
        for edge in _shared_edges(cluster):
            if edge not in known and wanted.issuperset(edge):
                known.add(edge)
                edges.append(edge)
    return graph_of(range(min(nodes), max(nodes) + 1), edges)


def _own_edges(cluster: Cluster) -> Iterator[tuple[int, int]]:
    for place in cluster.places:
        if place.secondary != NOWHERE:
            yield place.primary, place.secondary
            yield place.secondary, place.primary


def _shared_edges(cluster: Cluster) -> Iterator[tuple[int, int]]:
    """Nodes that would migrate to one and the same secondary."""
    for node in cluster.nodes:
        primaries = list(dict.fromkeys(cluster.places[i].primary for i in node.secondaries))
        for one in primaries:
            for other in primaries:
                yield one, other


Clear = Callable[[Cluster, int, list[int]], bool]
"""Empties a node onto the given ones, changing the view; False when something found no room."""


def split(group: RebootGroup, clear: Clear, problem: str) -> list[RebootGroup]:
    """Parts of a group that can be cleared at once.  BadData with ``problem`` when a node alone cannot."""
    parts = []
    left = group.nodes
    online = [node.hardware.index for node in group.cluster.nodes if not node.offline]
    while left:
        view, taken = group.cluster, list[int]()
        for index in left:
            targets = [n for n in _same_group(view, online, index) if n not in taken]
            trial = view.copy()
            if clear(trial, index, targets):
                view = trial
                taken.append(index)
        if not taken:
            raise BadData(problem)
        parts.append(RebootGroup(taken, view))
        left = [index for index in left if index not in taken]
    return parts


def _same_group(cluster: Cluster, nodes: Iterable[int], index: int) -> list[int]:
    group = cluster.nodes[index].hardware.group
    return [n for n in nodes if n != index and cluster.nodes[n].hardware.group == group]


def move_what_stays_put(cluster: Cluster, index: int, targets: list[int]) -> bool:
    """Each instance without a second node to the first node that takes it."""
    for instance in stays_put(cluster, cluster.nodes[index]):
        left = cluster.nodes[index].without_primary(instance, 0)
        for target in targets:
            node = cluster.nodes[target].with_primary(instance, 0, True)
            if not isinstance(node, Fail):
                cluster.settle({index: left, target: node}, instance.index, Place(target, NOWHERE))
                break
        else:
            return False
    return True


def migrate_away(cluster: Cluster, index: int, targets: list[int]) -> bool:
    """Each mirrored instance to its secondary."""
    return all(
        _make(cluster, cluster.instances[i], [Move(Kind.FAILOVER)])
        for i in cluster.nodes[index].primaries
        if cluster.instances[i].mirrored
    )


def move_copies(cluster: Cluster, index: int, targets: list[int]) -> bool:
    """Each copy of an instance's disks to the first node that takes it."""
    return all(
        _make(
            cluster,
            cluster.instances[i],
            [Move(Kind.REPLACE_SECONDARY, target) for target in targets if target != cluster.places[i].primary],
        )
        for i in cluster.nodes[index].secondaries
    )


def _make(cluster: Cluster, instance: Instance, moves: Sequence[Move]) -> bool:
    """Make the first move that can be made."""
    for move in moves:
        outcome = attempt(cluster, instance, move, True)
        if not isinstance(outcome, Fail):
            cluster.settle(outcome.nodes, instance.index, outcome.place)
            return True
    return False


def moved(before: Cluster, after: Cluster) -> list[tuple[Instance, Place]]:
    """The instances with a node they did not have, and where they are."""
    return [
        (instance, new)
        for instance, old, new in zip(before.instances, before.places, after.places, strict=True)
        if {new.primary, new.secondary} != {old.primary, old.secondary}
    ]
