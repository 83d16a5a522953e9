"""A plan without the moves that later ones have made useless."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ganeti_tw.htools.balance import Limits, Step, moves_of
from ganeti_tw.htools.cluster import Cluster
from ganeti_tw.htools.cost import penalty
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.moves import attempt
from ganeti_tw.htools.score import score


def worth(start: float, steps: Sequence[Step], price: float) -> float:
    """What a plan comes to, ``start`` when it is empty: the last score and the price of all moves; lower is better."""
    total = steps[-1].score if steps else start
    for step in steps:
        total += penalty(step.instance, step.move.kind, price)
    return total


def replayed(cluster: Cluster, group: int, steps: Iterable[Step], limits: Limits) -> list[Step] | None:
    """The same moves from another state on, which is changed; None when one cannot be made there."""
    members = cluster.members(group)
    found: list[Step] = []
    for step in steps:
        old = cluster.places[step.instance.index]
        if not _made(cluster, step, limits):
            return None
        value = score([cluster.nodes[n] for n in members])
        found.append(Step(step.instance, step.move, old, cluster.places[step.instance.index], value))
    return found


def _made(cluster: Cluster, step: Step, limits: Limits) -> bool:
    """Whether the step's move is allowed here; it is made if so."""
    instance, target = step.instance, step.move.target
    targets = [target] if target >= 0 and not cluster.nodes[target].offline else []
    if step.move not in moves_of(cluster, instance, targets, limits):
        return False
    outcome = attempt(cluster, instance, step.move, limits.ignore_soft_errors)
    if isinstance(outcome, Fail):
        return False
    cluster.settle(outcome.nodes, instance.index, outcome.place)
    return True


def trimmed(cluster: Cluster, group: int, steps: Sequence[Step], limits: Limits) -> list[Step]:
    """The plan without each move that it is worth no less without; the cluster is as before the plan."""
    members = cluster.members(group)
    kept = list(steps)
    # The states before each step, so that only what follows a left-out step is made again.
    before = _states(cluster, kept, limits)
    number = len(kept) - 1
    while number >= 0:
        view = before[number].copy()
        if all(_made(view, step, limits) for step in kept[number + 1 :]):
            saved = penalty(kept[number].instance, kept[number].move.kind, limits.price)
            if score([view.nodes[n] for n in members]) <= kept[-1].score + saved:
                rest = replayed(before[number].copy(), group, kept[number + 1 :], limits)
                assert rest is not None, "they could be made just now"
                kept = [*kept[:number], *rest]
                before = _states(cluster, kept, limits)
                number = len(kept)
        number -= 1
    return kept


def _states(cluster: Cluster, steps: Iterable[Step], limits: Limits) -> list[Cluster]:
    view = cluster.copy()
    states = []
    for step in steps:
        states.append(view.copy())
        outcome = attempt(view, step.instance, step.move, limits.ignore_soft_errors)
        assert not isinstance(outcome, Fail), "a step of the plan"
        view.settle(outcome.nodes, step.instance.index, outcome.place)
    return states
