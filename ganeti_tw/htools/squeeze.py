"""Which nodes can be switched off when there is little to do, and which must come back.

Every trial starts from the cluster as it is: some nodes are taken for offline, or for
online, each group is balanced, and the result is judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ganeti_tw.htools.balance import Limits, Step, balance
from ganeti_tw.htools.cluster import Cluster
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.policy import Spec
from ganeti_tw.htools.tags import STANDBY
from ganeti_tw.htools.templates import LOCAL

# To the best that single moves can reach.
_BEST = Limits(min_score=float("-inf"), min_gain=0.0, min_gain_limit=0.0)


class Trial(NamedTuple):
    """The nodes switched, and the cluster after the moves that go with it."""

    nodes: list[int]
    cluster: Cluster
    steps: list[Step]


class Bringing(NamedTuple):
    """Nodes to switch on; ``enough`` tells whether that gives the room asked for."""

    trial: Trial
    enough: bool


def measure(standard: Spec, factor: float) -> Instance:
    """An instance without disk of so many times the standard size."""
    return Instance(
        -1,
        "measure",
        memory=int(standard.memory * factor),
        disk=0,
        disks=[],
        disk_spindles=None,
        vcpus=int(standard.cpus * factor),
        status="running",
        auto_balance=False,
        template="ext",
        spindle_use=int(standard.spindle_use * factor),
    )


def has_room(cluster: Cluster, size: Instance) -> bool:
    """Whether every node, offline ones too, could run one more instance of this size.

    Nodes that are switched off tell no figures to a running cluster; nothing is known of their room.
    """
    return not any(isinstance(node.with_primary(size, 0), Fail) for node in cluster.nodes if node.hardware.memory)


def may_go(cluster: Cluster) -> list[int]:
    """Online nodes that hold no disks, the fullest first; never the master."""

    def free_of_disks(node: Node) -> bool:
        return not node.secondaries and all(cluster.instances[i].template not in LOCAL for i in node.primaries)

    found = [n for n in cluster.nodes if not n.offline and not n.hardware.master and free_of_disks(n)]
    found.sort(key=lambda node: -len(node.primaries))
    return [node.hardware.index for node in found]


def may_come(cluster: Cluster) -> list[int]:
    """Offline nodes with a standby tag."""
    return [
        node.hardware.index
        for node in cluster.nodes
        if node.offline and any(tag.startswith(STANDBY) for tag in node.hardware.tags)
    ]


def switch_on(cluster: Cluster, candidates: Sequence[int], least: Instance) -> Bringing:
    """The fewest of the candidates, in order, that make enough room; all of them when none do."""
    for count in range(len(candidates) + 1):
        trial = _try(cluster, candidates[:count], offline=False)
        if _sound(trial.cluster, least):
            return Bringing(trial, True)
    return Bringing(trial, False)


def switch_off(cluster: Cluster, candidates: Sequence[int], target: Instance) -> Trial:
    """As many of the candidates as leave room, tried from the last to the first."""
    chosen = Trial([], cluster, [])
    for index in reversed(candidates):
        trial = _try(cluster, [index, *chosen.nodes], offline=True)
        if _sound(trial.cluster, target):
            chosen = trial
    return chosen


def _sound(cluster: Cluster, size: Instance) -> bool:
    """Whether nothing runs, or is to run, on offline nodes and there is room; nodes with copies stay on anyway."""
    return has_room(cluster, size) and not any(cluster.nodes[place.primary].offline for place in cluster.places)


def _try(cluster: Cluster, nodes: Iterable[int], *, offline: bool) -> Trial:
    switched = list(nodes)
    view = cluster.copy()
    for index in switched:
        hardware = view.nodes[index].hardware.copy()
        hardware.offline = offline
        view.nodes[index] = view.nodes[index].with_hardware(hardware)
    steps = [step for group in view.populated_groups() for step in balance(view, group.index, _BEST)]
    return Trial(switched, view, steps)
