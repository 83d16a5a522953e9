"""Moving instances off their nodes, or to another group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ganeti_tw.htools.allocate import Rules, in_best_group
from ganeti_tw.htools.cluster import NOWHERE, BadData, Cluster
from ganeti_tw.htools.estimate import Contest
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.jobs import Opcode, opcodes
from ganeti_tw.htools.moves import Kind, Move, Outcome, attempt
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.templates import DRBD, EXTERNAL

PRIMARY, SECONDARY, ALL = "primary-only", "secondary-only", "all"
MODES = (PRIMARY, SECONDARY, ALL)


class Moved(NamedTuple):
    """An instance that has a new place, and the operations that bring it there."""

    instance: Instance
    group: str
    nodes: list[str]
    operations: list[Opcode]


class Planned(NamedTuple):
    """How one instance was dealt with: what was there to choose from, and the moves; none when it failed."""

    instance: Instance
    before: Cluster
    mode: str
    group: int
    targets: list[int]
    moves: list[Move]


class Evacuation(NamedTuple):
    """What could be moved, and for the others why not.  The cluster is as after all moves."""

    moved: list[Moved]
    failed: list[tuple[Instance, str]]
    cluster: Cluster
    planned: list[Planned]


def evacuate(cluster: Cluster, instances: Sequence[Instance], mode: str, *, force: bool = False) -> Evacuation:
    """Each instance in turn away from the nodes these instances have in the mode's roles."""
    cluster = cluster.copy()
    leaving: set[int] = set()
    for instance in instances:
        place = cluster.places[instance.index]
        if mode != SECONDARY:
            leaving.add(place.primary)
        if mode != PRIMARY:
            leaving.add(place.secondary)
    result = Evacuation([], [], cluster, [])
    for instance in instances:
        place = cluster.places[instance.index]
        group = cluster.nodes[place.primary].hardware.group
        targets = [
            n
            for n in cluster.members(group)
            if n not in leaving and not cluster.nodes[n].offline and n != place.primary
        ]
        _record(cluster, instance, mode, group, targets, force, result)
    return result


def change_group(cluster: Cluster, instances: Sequence[Instance], targets: Sequence[int], rules: Rules) -> Evacuation:
    """Each instance in turn to the best of the target groups, or of all but their own."""
    cluster = cluster.copy()
    homes = {cluster.nodes[cluster.places[i.index].primary].hardware.group for i in instances}
    allowed = [group.index for group in cluster.groups if not targets or group.index in targets]
    wanted = [group for group in allowed if group not in homes and cluster.members(group)]
    if not wanted:
        names = ", ".join(cluster.groups[index].name for index in allowed)
        reason = f"no groups for evacuation: allowed groups was {names}, all of which have such instances or no nodes"
        return Evacuation([], [(instance, reason) for instance in instances], cluster, [])
    result = Evacuation([], [], cluster, [])
    for instance in instances:
        choice = in_best_group(cluster, instance, 2 if instance.template == DRBD else 1, rules, wanted)
        if choice.chosen is None:
            result.failed.append((instance, ", ".join(choice.messages)))
            result.planned.append(Planned(instance, cluster.copy(), ALL, NOWHERE, [], []))
            continue
        group = choice.chosen.group.index
        place = cluster.places[instance.index]
        available = [n for n in cluster.members(group) if not cluster.nodes[n].offline and n not in place[:2]]
        _record(cluster, instance, ALL, group, available, rules.ignore_soft_errors, result)
    return result


def _record(
    cluster: Cluster,
    instance: Instance,
    mode: str,
    group: int,
    targets: Sequence[int],
    force: bool,
    result: Evacuation,
) -> None:
    moves: list[Move] = []
    before = cluster.copy()
    try:
        moves = _plan(cluster, instance, mode, group, targets, force)
    except BadData as error:
        result.failed.append((instance, str(error)))
        return
    finally:
        result.planned.append(Planned(instance, before, mode, group, list(targets), moves))
    operations: list[Opcode] = []
    for move in moves:
        outcome = attempt(cluster, instance, move, force)
        assert not isinstance(outcome, Fail)
        cluster.settle(outcome.nodes, instance.index, outcome.place)
        operations += opcodes(cluster, instance, move)
    place = cluster.places[instance.index]
    nodes = [cluster.nodes[n].hardware for n in place[:2] if n != NOWHERE]
    result.moved.append(Moved(instance, cluster.groups[nodes[0].group].name, [n.name for n in nodes], operations))


def _plan(
    cluster: Cluster, instance: Instance, mode: str, group: int, targets: Sequence[int], force: bool
) -> list[Move]:
    """The moves to make one after the other.  BadData says why there are none."""
    template = instance.template
    if template in EXTERNAL:
        if mode == SECONDARY:
            raise BadData(f"Instances with disk template '{template}' can't execute change secondary")
        return [best_target(cluster, instance, Kind.FAILOVER_TO, group, targets, force)]
    if template != DRBD or cluster.places[instance.index].secondary == NOWHERE:
        raise BadData(f"Instances of type {template} cannot be relocated")
    if mode == SECONDARY:
        return [best_target(cluster, instance, Kind.REPLACE_SECONDARY, group, targets, force)]
    if mode == ALL:
        return _new_pair(cluster, instance, group, targets, force)
    outcome = attempt(cluster, instance, Move(Kind.FAILOVER), force)
    if isinstance(outcome, Fail):
        raise BadData(outcome.value)
    return [Move(Kind.FAILOVER)]


def best_target(
    cluster: Cluster, instance: Instance, kind: Kind, group: int, targets: Sequence[int], force: bool
) -> Move:
    """The move of this kind that leaves the group most even; the later node of equals."""
    contest = Contest[Move](cluster, cluster.members(group))
    failures = []
    for target in targets:
        move = Move(kind, target)
        outcome = attempt(cluster, instance, move, force)
        if isinstance(outcome, Fail):
            failures.append(f" Node {cluster.nodes[target].hardware.name} failed: {outcome.value};")
        else:
            contest.enter(outcome.nodes, move)
    best = contest.last()
    if best is None:
        raise BadData("Can't find any good node: " + "".join(failures))
    return best.what


_FIRST, _NEW_PRIMARY, _TO_PRIMARY, _FINAL = (
    "Failing over to the secondary",
    "Changing secondary to new primary",
    "Failing over to new primary",
    "Changing secondary to final secondary",
)


def _new_pair(cluster: Cluster, instance: Instance, group: int, targets: Sequence[int], force: bool) -> list[Move]:
    """Both nodes anew, by way of a secondary that becomes primary; the later pair of equals."""
    refused = "Can't find any good nodes for relocation: "
    start = cluster.copy()
    before: dict[int, Node] = {}
    moves: list[Move] = []
    if len(targets) > 1 and cluster.nodes[cluster.places[instance.index].primary].offline:
        outcome = _step(start, instance, Move(Kind.FAILOVER), force)
        if isinstance(outcome, Fail):
            raise BadData(f"{refused}Allocation failed: {_FIRST}: {outcome.value}")
        before = outcome.nodes
        moves = [Move(Kind.FAILOVER)]
    contest = Contest[list[Move]](cluster, cluster.members(group))
    problem = "no nodes available"
    for primary in targets:
        if len(targets) < 2:
            break
        state = start.copy()
        changed = dict(before)
        path = [Move(Kind.REPLACE_SECONDARY, primary), Move(Kind.FAILOVER)]
        failed: str | None = None
        for what, move in zip((_NEW_PRIMARY, _TO_PRIMARY), path, strict=True):
            outcome = _step(state, instance, move, force)
            if isinstance(outcome, Fail):
                failed = f"Allocation failed: {what}: {outcome.value}"
                break
            changed.update(outcome.nodes)
        if failed is not None:
            problem = failed
            continue
        for secondary in targets:
            if secondary == primary:
                continue
            last = Move(Kind.REPLACE_SECONDARY, secondary)
            final = attempt(state, instance, last, force)
            if isinstance(final, Fail):
                problem = f"Allocation failed: {_FINAL}: {final.value}"
            else:
                contest.enter({**changed, **final.nodes}, [*moves, *path, last])
    best = contest.last()
    if best is None:
        raise BadData(refused + problem)
    return best.what


def _step(cluster: Cluster, instance: Instance, move: Move, force: bool) -> Outcome | Fail:
    outcome = attempt(cluster, instance, move, force)
    if not isinstance(outcome, Fail):
        cluster.settle(outcome.nodes, instance.index, outcome.place)
    return outcome


def relocate(cluster: Cluster, instance: Instance, leaving: Sequence[int], count: int, *, force: bool) -> Move:
    """The move that takes a mirrored instance off one node.  BadData when there is none."""
    if instance.template == DRBD:
        role, kind, old = "secondary", Kind.REPLACE_SECONDARY, cluster.places[instance.index].secondary
    elif instance.template in EXTERNAL:
        role, kind, old = "primary", Kind.FAILOVER_TO, cluster.places[instance.index].primary
    else:
        raise BadData("Can't relocate non-mirrored instances")
    if count != 1:
        raise BadData(f"Exchange {count} nodes mode is not implemented")
    if list(leaving) != [old]:
        listed = ",".join(str(n + cluster.base) for n in leaving)
        raise BadData(
            "Unsupported request: excluded nodes not equal to instance's"
            f" {role}({old + cluster.base} versus [{listed}])"
        )
    primary = cluster.places[instance.index].primary
    group = cluster.nodes[primary].hardware.group
    targets = [n for n in cluster.members(group) if n not in (primary, old) and not cluster.nodes[n].offline]
    return best_target(cluster, instance, kind, group, targets, force)
