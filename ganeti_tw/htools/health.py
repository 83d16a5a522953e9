"""What is wrong with nodes and groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ganeti_tw.htools.cluster import Cluster
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.redundancy import failing
from ganeti_tw.htools.score import clashes, score


def bad_nodes(nodes: Iterable[Node]) -> list[Node]:
    """Online nodes that could not take over what is reserved on them."""
    return [node for node in nodes if node.n1_failure and not node.offline]


def bad_instances(bad: Iterable[Node]) -> set[int]:
    """The instances with a part on such nodes."""
    return {index for node in bad for index in (*node.primaries, *node.secondaries)}


def breaks_policy(node: Node) -> bool:
    """Whether CPUs or spindles are shared further than the group's policy allows."""
    hardware = node.hardware
    return node.instance_spindles > hardware.max_spindles or node.cpu_ratio > hardware.vcpu_ratio


class Health(NamedTuple):
    """Counts of problems of a group; ``unsafe`` is None when it was not looked at."""

    n1_failures: int
    conflicts: int
    offline_primaries: int
    offline_secondaries: int
    unsafe: int | None
    score: float

    @property
    def problems(self) -> tuple[int, ...]:
        counts = self[:4]
        return counts if self.unsafe is None else (*counts, self.unsafe)


def health(cluster: Cluster, group: int, *, capacity: bool = True) -> Health:
    """As hcheck counts: "offline secondaries" are offline nodes, whatever is on them."""
    members = cluster.members(group)
    nodes: Sequence[Node] = [cluster.nodes[n] for n in members]
    offline = [node for node in nodes if node.offline]
    return Health(
        n1_failures=len(bad_nodes(nodes)),
        conflicts=len([node for node in nodes if clashes(node)]),
        offline_primaries=sum(len(node.primaries) for node in offline),
        offline_secondaries=len(offline),
        unsafe=len(failing(cluster, members)) if capacity else None,
        score=score(nodes),
    )
