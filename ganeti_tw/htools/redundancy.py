"""Whether the instances of any one node could run elsewhere if it died."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ganeti_tw.htools.cluster import NOWHERE, Cluster, Place
from ganeti_tw.htools.estimate import Contest
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.moves import Kind, Move, Outcome, attempt
from ganeti_tw.htools.node import Node, failed_over
from ganeti_tw.htools.packing import Load, Space, fit
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
        # How often it was not plain whether a node can be lost.
        self.tried = 0
        # What was asked last with one more instance, and what was found for each place.
        self._asked: tuple[list[Node], Instance] | None = None
        self._answers: dict[Place, bool] = {}

    def passes_with(self, cluster: Cluster, instance: Instance, place: Place, nodes: Mapping[int, Node]) -> bool:
        """Whether the state survives once the instance is there, which makes these nodes of those it is on."""
        asked = self._asked
        if asked is None or asked[0] != cluster.nodes or not instance.is_like(asked[1]):
            self._asked = list(cluster.nodes), instance
            self._answers = {}
        if place not in self._answers:
            view = cluster.copy()
            view.put(instance, place, nodes)
            self._answers[place] = self.passes(view, place[:1])
        return self._answers[place]

    def passes(self, cluster: Cluster, suspects: Sequence[int] = ()) -> bool:
        """Whether the state survives; ``suspects`` are looked at first."""
        for index in suspects:
            if index in self._known and not self._skipped(cluster, index):
                if not self._can_be_lost(cluster, index):
                    return False
        for position, index in enumerate(self._order):
            if index in suspects:
                continue
            if self._skipped(cluster, index):
                continue
            if not self._can_be_lost(cluster, index):
                self._order.insert(0, self._order.pop(position))
                return False
        return True

    def _can_be_lost(self, cluster: Cluster, index: int) -> bool:
        leaving = _leaving(cluster, self.members, index)
        plain = _plainly(cluster, leaving)
        if plain is None:
            self.tried += 1
            return _tried(cluster, self.members, leaving)
        return plain

    def is_hopeless(self, cluster: Cluster) -> bool:
        """Whether no state with more instances can survive either."""
        for position, index in enumerate(self._order):
            if not self._skipped(cluster, index) and is_beyond_help(cluster, self.members, index):
                self._order.insert(0, self._order.pop(position))
                return True
        return False

    def _skipped(self, cluster: Cluster, index: int) -> bool:
        return self._skip_offline and cluster.nodes[index].offline


def can_be_lost(cluster: Cluster, members: Sequence[int], index: int) -> bool:
    """Fail over, restart or create anew each instance of a node, in this order."""
    leaving = _leaving(cluster, members, index)
    plain = _plainly(cluster, leaving)
    return _tried(cluster, members, leaving) if plain is None else plain


def is_beyond_help(cluster: Cluster, members: Sequence[int], index: int) -> bool:
    """Whether the node cannot be lost, nor after more instances have been placed anywhere."""
    return _plainly(cluster, _leaving(cluster, members, index)) is False


class _Leaving(NamedTuple):
    """A node's instances by what becomes of them when it dies, and the nodes they may go to."""

    node: Node
    mirrored: list[Instance]
    restarted: list[Instance]
    created: list[Instance]
    others: list[int]


def _leaving(cluster: Cluster, members: Sequence[int], index: int) -> _Leaving:
    node = cluster.nodes[index]
    instances = [cluster.instances[i] for i in node.primaries if cluster.places[i].primary == index]
    created = [i for i in instances if i.template != DRBD and i.template not in RESTARTED_ELSEWHERE]
    created.sort(key=lambda instance: -instance.memory)
    group = node.hardware.group
    return _Leaving(
        node,
        [instance for instance in instances if instance.template == DRBD],
        [instance for instance in instances if instance.template in RESTARTED_ELSEWHERE],
        created,
        [n for n in members if n != index and cluster.nodes[n].hardware.group == group],
    )


def _plainly(cluster: Cluster, leaving: _Leaving) -> bool | None:
    """Whether they all have a place, where that is plain; a plain no stays one when more is placed."""
    taken = _taken_by_failovers(cluster, leaving.node, leaving.mirrored)
    if taken is None:
        return False
    if not leaving.restarted and not leaving.created:
        return True
    return _fit(cluster, leaving, taken)


def _tried(cluster: Cluster, members: Sequence[int], leaving: _Leaving) -> bool:
    """The same by placing each where the score is best, until the rest is plain."""
    if _taken_by_failovers(cluster, leaving.node, leaving.mirrored) is None:
        return False
    trial = cluster.copy()
    moving = [(instance, *cluster.places[instance.index]) for instance in leaving.mirrored]
    for number, node in failed_over(cluster.nodes, moving).items():
        trial.nodes[number] = node
    for instance, primary, secondary, location in moving:
        trial.places[instance.index] = Place(secondary, primary, location)
    others = leaving.others
    among = set(others) | {leaving.node.hardware.index}
    group = [n for n in members if n in among]
    rest = leaving._replace(mirrored=[])
    while rest.restarted or rest.created:
        if rest.restarted:
            placed = _restart(trial, rest.restarted[0], others, group)
            rest = rest._replace(restarted=rest.restarted[1:])
        else:
            placed = _create_anew(trial, rest.created[0], others, members)
            rest = rest._replace(created=rest.created[1:])
        plain = _fit(trial, rest, {}) if placed else False
        if plain is not None:
            return plain
    return True


def _taken_by_failovers(cluster: Cluster, node: Node, instances: Iterable[Instance]) -> dict[int, int] | None:
    """The memory these take on their secondaries together, None when they cannot all go there.

    The hard checks of a failover taken together: disks stay where they are, so only
    memory adds up.
    """
    needed: dict[int, int] = {}
    for instance in instances:
        secondary = cluster.places[instance.index].secondary
        if secondary == NOWHERE:
            return None
        other = cluster.nodes[secondary]
        if not node.hardware.admits_migration_to(other.hardware):
            return None
        if other.free_disk <= 0 or (node.free_disk <= 0 and not node.offline):
            return None
        for side in (node, other):
            if side.hardware.exclusive_storage and (side.free_spindles < 0 or instance.disk_spindles is None):
                return None
        needed[secondary] = needed.get(secondary, 0) + instance.used_memory
    return needed if all(cluster.nodes[index].unused_memory > memory for index, memory in needed.items()) else None


def _restart(cluster: Cluster, instance: Instance, targets: Sequence[int], group: Sequence[int]) -> bool:
    """On the node that leaves the group most even; the later one of equals."""
    choices: list[Outcome] = []
    for target in targets:
        # A soft check is not made, and this hard one excludes most when room is scarce.
        if cluster.nodes[target].unused_memory > instance.used_memory:
            outcome = attempt(cluster, instance, Move(Kind.FAILOVER_TO, target), True)
            if not isinstance(outcome, Fail):
                choices.append(outcome)
    best = _evenest(cluster, group, choices)
    if best is None:
        return False
    cluster.settle(best.nodes, instance.index, best.place)
    return True


def _evenest(cluster: Cluster, members: Sequence[int], choices: Sequence[Outcome]) -> Outcome | None:
    """The choice with the lowest score, the last one of equals; None when there is none."""
    if len(choices) < 2:
        return choices[0] if choices else None
    contest = Contest[Outcome](cluster, members)
    for choice in choices:
        contest.enter(choice.nodes, choice)
    best = contest.last()
    return None if best is None else best.what


def _fit(cluster: Cluster, leaving: _Leaving, taken: Mapping[int, int]) -> bool | None:
    """Whether what is restarted or created plainly fits; ``taken`` is the memory that failovers take before."""
    node = leaving.node
    nodes = [cluster.nodes[n] for n in leaving.others]
    if any(other.hardware.exclusive_storage for other in nodes) and any(i.local_disk for i in leaving.created):
        return None
    rooms = [
        Space(other.unused_memory - taken.get(n, 0), other.free_disk)
        for n, other in zip(leaving.others, nodes, strict=True)
    ]
    open_to = tuple(n for n, other in enumerate(nodes) if node.hardware.admits_migration_to(other.hardware))
    loads = [Load(instance.used_memory, 0, open_to) for instance in leaving.restarted]
    policy = cluster.groups[node.hardware.group].policy
    exclusive = [other.hardware.exclusive_storage for other in nodes]
    for instance in leaving.created:
        barred = {each for each in set(exclusive) if violation(policy, instance, each)}
        welcome = tuple(n for n, each in enumerate(exclusive) if each not in barred)
        loads.append(Load(instance.used_memory, instance.disk if instance.local_disk else 0, welcome))
    return fit(rooms, loads)


def _create_anew(cluster: Cluster, instance: Instance, targets: Sequence[int], members: Sequence[int]) -> bool:
    place = cluster.places[instance.index]
    source = cluster.nodes[place.primary].without_primary(instance, place.location)
    cluster.nodes[place.primary] = source
    choices: list[Outcome] = []
    for target in targets:
        if cluster.nodes[target].unused_memory <= instance.used_memory:
            continue
        hardware = cluster.nodes[target].hardware
        if violation(cluster.groups[hardware.group].policy, instance, hardware.exclusive_storage) is not None:
            continue
        node = cluster.nodes[target].with_primary(instance, place.location, True)
        if not isinstance(node, Fail):
            choices.append(Outcome({target: node}, Place(target, place.secondary, place.location)))
    best = _evenest(cluster, members, choices)
    if best is None:
        return False
    cluster.settle(best.nodes, instance.index, best.place)
    return True
