"""Why an iallocator's question was answered as it was.

The answer is worked out again step by step, since each instance is placed into what
the ones before it have left.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ganeti_tw.htools.allocate import Found, Rules, in_best_group, in_named_group, on_second_node, with_instance
from ganeti_tw.htools.answer import group_named, instance_named, restricted, rules_for
from ganeti_tw.htools.cluster import NOWHERE, Cluster
from ganeti_tw.htools.evacuate import Evacuation, Planned, change_group, evacuate
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.iallocator import (
    Allocate,
    AllocateSecondary,
    Evacuate,
    MultiAllocate,
    Relocate,
    Request,
)
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.moves import Kind, Move, attempt
from ganeti_tw.htools.reasons import OFFLINE, Reason, why_not_move
from ganeti_tw.htools.score import score
from ganeti_tw.htools.tags import tag_instance
from ganeti_tw.htools.templates import DRBD, EXTERNAL
from ganeti_tw.htools.why import Comparison, Placing, Question, Rival, parts_of, with_changes


class AnswerWhy(NamedTuple):
    """One instance of the question; ``remarks`` tell how its group was chosen, or why it stays."""

    cluster: Cluster
    instance: Instance
    remarks: list[str]
    comparison: Comparison | None


def why_answered(
    cluster: Cluster, request: Request, rules: Rules, only: Sequence[str] | None = None
) -> Iterator[AnswerWhy]:
    """For each instance of the request; BadData as for the answer itself."""
    if isinstance(request, Allocate):
        yield _placed(cluster, request, request.group, rules, only)
    elif isinstance(request, MultiAllocate):
        for entry in request.instances:
            entry.instance.index = len(cluster.instances)
            why = _placed(cluster, entry, request.group, rules, only)
            yield why
            taken = why.comparison.taken if why.comparison else None
            if taken is not None:
                cluster = with_instance(cluster, entry.instance, taken.place, taken.nodes)
    elif isinstance(request, AllocateSecondary):
        yield _second(cluster, instance_named(cluster, request.name), rules)
    elif isinstance(request, Relocate):
        instance = instance_named(cluster, request.name)
        yield _relocated(cluster, instance, rules.ignore_soft_errors)
    else:
        instances = [instance_named(cluster, name) for name in request.names]
        if isinstance(request, Evacuate):
            result = evacuate(cluster, instances, request.mode, force=rules.ignore_soft_errors)
        else:
            targets = [group_named(cluster, uuid).index for uuid in request.targets]
            result = change_group(cluster, instances, targets, rules)
        yield from _evacuated(result, rules.ignore_soft_errors)


def _placed(
    cluster: Cluster, request: Allocate, named: str | None, rules: Rules, only: Sequence[str] | None
) -> AnswerWhy:
    instance = request.instance
    rules = restricted(cluster, rules, request.only if only is None else only)
    tag_instance(cluster, instance)
    if named is not None:
        group = group_named(cluster, named)
        rules = rules_for(cluster, rules, group)
        members = cluster.members(group.index)
        taken = in_named_group(cluster, instance, request.nodes_needed, rules, group).allocation.best
        placing = Placing(cluster, instance, members, members, rules, pairs=request.nodes_needed == 2)
        return AnswerWhy(cluster, instance, [], placing.compare(taken))
    rules = rules_for(cluster, rules, None)
    choice = in_best_group(cluster, instance, request.nodes_needed, rules)
    everything = range(len(cluster.nodes))
    if choice.chosen is None:
        found: Found | None = None
        targets = list(everything)
    else:
        found = choice.chosen.allocation.best
        targets = cluster.members(choice.chosen.group.index)
    if request.nodes_needed not in (1, 2):
        return AnswerWhy(cluster, instance, choice.messages, None)
    placing = Placing(cluster, instance, everything, targets, rules, pairs=request.nodes_needed == 2)
    return AnswerWhy(cluster, instance, choice.messages, placing.compare(found))


def _second(cluster: Cluster, instance: Instance, rules: Rules) -> AnswerWhy:
    place = cluster.places[instance.index]
    if place.secondary != NOWHERE:
        return AnswerWhy(cluster, instance, ["it has a secondary already"], None)
    allocation, view = on_second_node(cluster, instance, rules)
    mirrored = view.instances[instance.index]
    placing = Placing(view, mirrored, range(len(cluster.nodes)), [place.primary], rules, pairs=True)
    return AnswerWhy(view, mirrored, [], Comparison(allocation.best, [placing.beside(place.primary, allocation.best)]))


def _relocated(cluster: Cluster, instance: Instance, force: bool) -> AnswerWhy:
    place = cluster.places[instance.index]
    if instance.template == DRBD:
        kind, old = Kind.REPLACE_SECONDARY, place.secondary
    elif instance.template in EXTERNAL:
        kind, old = Kind.FAILOVER_TO, place.primary
    else:
        return AnswerWhy(cluster, instance, [f"{instance.template} instances cannot be relocated"], None)
    group = cluster.members(cluster.nodes[place.primary].hardware.group)
    targets = [n for n in group if n not in (place.primary, old)]
    return _by_one_move(cluster, instance, kind, targets, [], force)


def _by_one_move(
    cluster: Cluster, instance: Instance, kind: Kind, targets: Sequence[int], barred: Sequence[int], force: bool
) -> AnswerWhy:
    """Every target of one kind of move beside the best of them, the later of equals."""
    members = cluster.members(cluster.nodes[cluster.places[instance.index].primary].hardware.group)
    outcomes = {}
    rivals: list[Rival] = []
    for target in targets:
        name = cluster.nodes[target].hardware.name
        outcome = attempt(cluster, instance, Move(kind, target), force)
        if cluster.nodes[target].offline:
            rivals.append(Rival(name, OFFLINE))
        elif target in barred:
            rivals.append(Rival(name, Reason("to be left", "an instance of the request has a node there")))
        elif isinstance(outcome, Fail):
            rivals.append(Rival(name, why_not_move(cluster, instance, Move(kind, target), force)))
        else:
            nodes = with_changes(cluster, members, outcome.nodes)
            outcomes[target] = (score(nodes), -target, outcome, nodes)
    if not outcomes:
        return AnswerWhy(cluster, instance, [], Comparison(None, [Question("to another node", rivals)]))
    chosen = min(outcomes, key=lambda target: outcomes[target][:2])
    best, _, outcome, here = outcomes[chosen]
    for target, (value, _, _, there) in outcomes.items():
        if target != chosen:
            name = cluster.nodes[target].hardware.name
            rivals.append(Rival(name, None, value - best, parts_of(here, there)))
    question = Question("secondary" if kind is Kind.REPLACE_SECONDARY else "primary", rivals)
    return AnswerWhy(cluster, instance, [], Comparison(Found(outcome.place, outcome.nodes, best), [question]))


def _evacuated(result: Evacuation, force: bool) -> Iterator[AnswerWhy]:
    failed = {instance.index: why for instance, why in result.failed}
    for planned in result.planned:
        yield _evacuated_one(planned, failed.get(planned.instance.index), force)


def _evacuated_one(planned: Planned, failed: str | None, force: bool) -> AnswerWhy:
    cluster, instance = planned.before, planned.instance
    kinds = {move.kind for move in planned.moves}
    one = next(iter(kinds)) if len(planned.moves) == 1 else None
    if failed is not None and instance.template in EXTERNAL and planned.mode != "secondary-only":
        one = Kind.FAILOVER_TO
    if failed is not None and instance.template == DRBD and planned.mode == "secondary-only":
        one = Kind.REPLACE_SECONDARY
    if one in (Kind.FAILOVER_TO, Kind.REPLACE_SECONDARY):
        place = cluster.places[instance.index]
        group = [n for n in cluster.members(planned.group) if n not in place[:2]]
        barred = [n for n in group if n not in planned.targets]
        return _by_one_move(cluster, instance, one, group, barred, force)
    if failed is not None:
        return AnswerWhy(cluster, instance, [failed], None)
    if one is Kind.FAILOVER:
        return AnswerWhy(cluster, instance, ["it fails over to its secondary; only primaries are to be left"], None)
    return AnswerWhy(cluster, instance, [_both_nodes(planned)], _pair(planned, force))


def _both_nodes(planned: Planned) -> str:
    ways = {Kind.FAILOVER: "fail over", Kind.REPLACE_SECONDARY: "new secondary"}
    return "both its nodes are new: " + ", then ".join(
        ways[move.kind]
        + (f" {planned.before.nodes[move.target].hardware.name}" if move.kind is Kind.REPLACE_SECONDARY else "")
        for move in planned.moves
    )


def _pair(planned: Planned, force: bool) -> Comparison | None:
    """Other nodes as the first of the two new secondaries, which becomes the primary."""
    cluster, instance = planned.before, planned.instance
    members = cluster.members(planned.group)
    here = _after(cluster, instance, planned.moves, force)
    first = next(n for n, move in enumerate(planned.moves) if move.kind is Kind.REPLACE_SECONDARY)
    head, (new, *rest) = planned.moves[:first], planned.moves[first:]
    final = rest[-1].target
    chosen = [here.nodes[n] for n in members]
    best = score(chosen)
    start = _after(cluster, instance, head, force)
    first_options = {
        n: [Move(new.kind, n), *rest[:-1], Move(new.kind, new.target if n == final else final)]
        for n in planned.targets
        if n != new.target
    }
    second_options = {n: [new, *rest[:-1], Move(new.kind, n)] for n in planned.targets if n not in (new.target, final)}
    names = [node.hardware.name for node in cluster.nodes]
    questions = []
    for role, options in (("primary", first_options), (f"secondary of {names[new.target]}", second_options)):
        rivals = []
        for node, moves in options.items():
            view = start.copy()
            reason = _make(view, instance, moves, force)
            if reason is not None:
                rivals.append(Rival(names[node], reason))
                continue
            there = [view.nodes[n] for n in members]
            mate = names[moves[-1].target] if role == "primary" else ""
            rivals.append(Rival(names[node], None, score(there) - best, parts_of(chosen, there), mate))
        questions.append(Question(role, rivals))
    return Comparison(Found(here.places[instance.index], {}, best), questions)


def _after(cluster: Cluster, instance: Instance, moves: Sequence[Move], force: bool) -> Cluster:
    view = cluster.copy()
    reason = _make(view, instance, moves, force)
    assert reason is None, "moves of the plan"
    return view


def _make(view: Cluster, instance: Instance, moves: Sequence[Move], force: bool) -> Reason | None:
    for move in moves:
        outcome = attempt(view, instance, move, force)
        if isinstance(outcome, Fail):
            return why_not_move(view, instance, move, force)
        view.settle(outcome.nodes, instance.index, outcome.place)
    return None
