"""Whether the instances of any one node could run elsewhere if it died."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ganeti_tw.htools.cluster import NOWHERE, Cluster, Place
from ganeti_tw.htools.estimate import Contest
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.moves import Kind, Move, Outcome, attempt
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.policy import violation
from ganeti_tw.htools.templates import DRBD, RESTARTED_ELSEWHERE


def failing(cluster: Cluster, members: Sequence[int], *, skip_offline: bool = False) -> list[int]:
    """The nodes among these that could not be emptied; soft checks do not count."""
    return [
        index
        for index in members
        if not (skip_offline and cluster.nodes[index].offline) and not can_be_lost(cluster, members, index)
    ]


class Checker:
    """Whether states of one set of nodes survive the loss of any node.

    Asked about many similar states, it starts with the node that failed last.
    """

    def __init__(self, members: Sequence[int], *, skip_offline: bool = False) -> None:
        self._order = list(members)
        self.members = list(members)
        self._known = frozenset(members)
        self._skip_offline = skip_offline

    def passes(self, cluster: Cluster, suspects: Sequence[int] = ()) -> bool:
        """Whether the state survives; ``suspects`` are looked at first."""
        for index in suspects:
            if index in self._known and not self._skipped(cluster, index):
                if not can_be_lost(cluster, self.members, index):
                    return False
        for position, index in enumerate(self._order):
            if index in suspects:
                continue
            if self._skipped(cluster, index):
                continue
            if not can_be_lost(cluster, self.members, index):
                self._order.insert(0, self._order.pop(position))
                return False
        return True

    def _skipped(self, cluster: Cluster, index: int) -> bool:
        return self._skip_offline and cluster.nodes[index].offline


def can_be_lost(cluster: Cluster, members: Sequence[int], index: int) -> bool:
    """Fail over, restart or create anew each instance of a node, in this order."""
    node = cluster.nodes[index]
    instances = [cluster.instances[i] for i in node.primaries if cluster.places[i].primary == index]
    mirrored = [instance for instance in instances if instance.template == DRBD]
    if not _can_fail_over(cluster, node, mirrored):
        return False
    if len(mirrored) == len(instances):
        return True
    trial = cluster.copy()
    for instance in mirrored:
        outcome = attempt(trial, instance, Move(Kind.FAILOVER), True)
        if isinstance(outcome, Fail):
            return False
        trial.settle(outcome.nodes, instance.index, outcome.place)
    group = node.hardware.group
    group_members = [n for n in members if cluster.nodes[n].hardware.group == group]
    others = [n for n in group_members if n != index]
    restarted = [instance for instance in instances if instance.template in RESTARTED_ELSEWHERE]
    created = [i for i in instances if i.template != DRBD and i.template not in RESTARTED_ELSEWHERE]
    created.sort(key=lambda instance: -instance.memory)
    # Elsewhere room only gets less on the way, so what has none now need not be tried in vain.
    if not all(_has_room(cluster, instance, others) for instance in created):
        return False
    return all(_restart(trial, instance, others, group_members) for instance in restarted) and all(
        _create_anew(trial, instance, others, members) for instance in created
    )


def _can_fail_over(cluster: Cluster, node: Node, instances: Iterable[Instance]) -> bool:
    """Whether all of these can go to their secondaries together.

    The hard checks of a failover taken together: disks stay where they are, so only
    memory adds up.
    """
    needed: dict[int, int] = {}
    for instance in instances:
        secondary = cluster.places[instance.index].secondary
        if secondary == NOWHERE:
            return False
        other = cluster.nodes[secondary]
        if not node.hardware.admits_migration_to(other.hardware):
            return False
        if other.free_disk <= 0 or (node.free_disk <= 0 and not node.offline):
            return False
        for side in (node, other):
            if side.hardware.exclusive_storage and (side.free_spindles < 0 or instance.disk_spindles is None):
                return False
        needed[secondary] = needed.get(secondary, 0) + instance.used_memory
    return all(cluster.nodes[index].unused_memory - memory > 0 for index, memory in needed.items())


def _restart(cluster: Cluster, instance: Instance, targets: Sequence[int], group: Sequence[int]) -> bool:
    """On the node that leaves the group most even; the later one of equals."""
    contest = Contest[Outcome](cluster, group)
    for target in targets:
        outcome = attempt(cluster, instance, Move(Kind.FAILOVER_TO, target), True)
        if not isinstance(outcome, Fail):
            contest.enter(outcome.nodes, outcome)
    best = contest.last()
    if best is None:
        return False
    cluster.settle(best.what.nodes, instance.index, best.what.place)
    return True


def _has_room(cluster: Cluster, instance: Instance, targets: Iterable[int]) -> bool:
    memory, disk = instance.used_memory, instance.disk if instance.local_disk else 0
    for target in targets:
        node = cluster.nodes[target]
        if node.unused_memory > memory and (not instance.local_disk or node.free_disk > disk):
            return True
    return False


def _create_anew(cluster: Cluster, instance: Instance, targets: Sequence[int], members: Sequence[int]) -> bool:
    place = cluster.places[instance.index]
    source = cluster.nodes[place.primary].without_primary(instance, place.location)
    cluster.nodes[place.primary] = source
    contest = Contest[tuple[int, Node]](cluster, members)
    for target in targets:
        hardware = cluster.nodes[target].hardware
        if violation(cluster.groups[hardware.group].policy, instance, hardware.exclusive_storage) is not None:
            continue
        node = cluster.nodes[target].with_primary(instance, place.location, True)
        if not isinstance(node, Fail):
            contest.enter({target: node}, (target, node))
    best = contest.last()
    if best is None:
        return False
    target, node = best.what
    cluster.settle({target: node}, instance.index, Place(target, place.secondary, place.location))
    return True
