"""Making a group more even, one move at a time.

Each step takes the best single move; ties go to the first in the order of
:func:`moves_of`.  The first few steps of small groups are searched move by move, all
else with NumPy (``search``), with the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from ganeti_tw.htools.cluster import NOWHERE, Cluster, Place
from ganeti_tw.htools.cost import penalty
from ganeti_tw.htools.estimate import Contest, Ranking
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.moves import Kind, Move, Outcome, attempt
from ganeti_tw.htools.score import lower_bound, score
from ganeti_tw.htools.templates import EXTERNAL

# The work that takes as long as importing NumPy, as counted by work_of_a_step.
_MUCH = 12_000

Moved: TypeAlias = tuple[Instance, Move, Outcome]
"""An instance, where it would go, and what would become of the nodes."""


class Limits(NamedTuple):
    """When to stop, and which moves are wanted.

    ``price`` is what a GiB sent over the network must gain in points of score.
    ``steps`` below 0 means any number.  ``excluded`` and ``selected`` hold instance
    indices; None selects all.
    """

    steps: int = -1
    min_score: float = 1e-9
    min_gain: float = 1e-2
    min_gain_limit: float = 0.1
    disk_moves: bool = True
    instance_moves: bool = True
    evacuating: bool = False
    restricted_migration: bool = False
    ignore_soft_errors: bool = False
    excluded: frozenset[int] = frozenset()
    selected: frozenset[int] | None = None
    price: float = 0.0


class Step(NamedTuple):
    """One move made: from where to where, and the group's score after it."""

    instance: Instance
    move: Move
    old: Place
    new: Place
    score: float


class Best(NamedTuple):
    """The winner of a step.  ``worth`` is its score with its price added; lower is better."""

    instance: Instance
    move: Move
    outcome: Outcome
    score: float
    worth: float


Search = Callable[[Cluster, float], "Best | None"]
"""The move of most worth that beats a score; moves must be given to ``Cluster.settle`` between calls."""


def movable(cluster: Cluster, group: int, limits: Limits) -> list[int]:
    """The indices of the instances a balancing run may touch."""
    found = []
    for index in cluster.instances_of(group):
        instance, place = cluster.instances[index], cluster.places[index]
        if not (instance.movable and instance.auto_balance) or index in limits.excluded:
            continue
        if limits.selected is not None and index not in limits.selected:
            continue
        if place.secondary != NOWHERE and cluster.nodes[place.secondary].hardware.group != group:
            continue
        found.append(index)
    return found


def moves_of(cluster: Cluster, instance: Instance, targets: Sequence[int], limits: Limits) -> Iterator[Move]:
    """The moves to try, in the order that decides ties; ``targets`` are the online nodes of the group."""
    place = cluster.places[instance.index]
    if not instance.mirrored:
        if instance.template in EXTERNAL and limits.instance_moves:
            for target in targets:
                if target not in place[:2]:
                    yield Move(Kind.FAILOVER_TO, target)
        return
    if place.secondary == NOWHERE:
        return
    via_secondary = limits.instance_moves and not cluster.nodes[place.secondary].offline
    if via_secondary:
        yield Move(Kind.FAILOVER)
    if not limits.disk_moves:
        return
    kinds = _kinds(limits, cluster.nodes[place.primary].offline, via_secondary)
    for target in targets:
        if target not in place[:2]:
            for kind in kinds:
                yield Move(kind, target)


def _kinds(limits: Limits, primary_offline: bool, via_secondary: bool) -> tuple[Kind, ...]:
    if not limits.instance_moves or (limits.restricted_migration and not primary_offline):
        return (Kind.REPLACE_SECONDARY,)
    if not via_secondary:
        return (Kind.REPLACE_SECONDARY, Kind.REPLACE_AND_FAILOVER)
    if limits.restricted_migration:
        return (Kind.REPLACE_SECONDARY, Kind.REPLACE_AND_FAILOVER, Kind.FAILOVER_AND_REPLACE)
    return (Kind.REPLACE_SECONDARY, Kind.REPLACE_AND_FAILOVER, Kind.REPLACE_PRIMARY, Kind.FAILOVER_AND_REPLACE)


def balance(cluster: Cluster, group: int, limits: Limits) -> Iterator[Step]:
    """Make the moves one by one, changing the cluster as they are asked for."""
    members = cluster.members(group)
    nodes = [cluster.nodes[n] for n in members]
    floor = lower_bound(nodes) + limits.min_score
    now = score(nodes)
    candidates = movable(cluster, group, limits)
    search = _search(cluster, members, candidates, limits)
    done = 0
    while now > floor and (limits.steps < 0 or done < limits.steps):
        best = search(cluster, now)
        if best is None or not (now > limits.min_gain_limit or now - best.score >= limits.min_gain):
            return
        old = cluster.places[best.instance.index]
        cluster.settle(best.outcome.nodes, best.instance.index, best.outcome.place)
        now = best.score
        done += 1
        yield Step(best.instance, best.move, old, best.outcome.place, now)


def best_move(cluster: Cluster, group: int, limits: Limits, now: float) -> Best | None:
    """The best single move, if one beats ``now``, the group's score."""
    members = cluster.members(group)
    return _search(cluster, members, movable(cluster, group, limits), limits)(cluster, now)


def _search(cluster: Cluster, members: Sequence[int], candidates: Sequence[int], limits: Limits) -> Search:
    plain = one_by_one(members, candidates, limits)
    work, done = work_of_a_step(members, candidates), 0
    arrays: Search | None = None

    def search(cluster: Cluster, now: float) -> Best | None:
        nonlocal done, arrays
        done += work
        if done <= _MUCH:
            return plain(cluster, now)
        if arrays is None:
            from ganeti_tw.htools.search import vectorised  # noqa: PLC0415  NumPy is heavy

            arrays = vectorised(cluster, members, candidates, limits)
        return arrays(cluster, now)

    return search


def work_of_a_step(members: Sequence[int], candidates: Sequence[int]) -> int:
    """How long it takes move by move: each instance may go to each node, and all nodes are scored."""
    return len(candidates) * len(members) ** 2


def leaving_offline(cluster: Cluster, place: Place) -> bool:
    return cluster.nodes[place.primary].offline or (
        place.secondary != NOWHERE and cluster.nodes[place.secondary].offline
    )


def enter_moves(
    contest: Contest[Moved] | Ranking[Moved],
    cluster: Cluster,
    members: Sequence[int],
    candidates: Sequence[int],
    limits: Limits,
) -> None:
    """Every move of a candidate that is possible competes."""
    targets = [n for n in members if not cluster.nodes[n].offline]
    for index in candidates:
        instance = cluster.instances[index]
        if limits.evacuating and not leaving_offline(cluster, cluster.places[index]):
            continue
        for move in moves_of(cluster, instance, targets, limits):
            outcome = attempt(cluster, instance, move, limits.ignore_soft_errors)
            if not isinstance(outcome, Fail):
                price = penalty(instance, move.kind, limits.price)
                contest.enter(outcome.nodes, (instance, move, outcome), price)


def one_by_one(members: Sequence[int], candidates: Sequence[int], limits: Limits) -> Search:
    """A search that tries one move after the other."""

    def search(cluster: Cluster, now: float) -> Best | None:
        contest = Contest[Moved](cluster, members)
        enter_moves(contest, cluster, members, candidates, limits)
        winner = contest.first()
        return Best(*winner.what, winner.score, winner.worth) if winner is not None and winner.worth < now else None

    return search
