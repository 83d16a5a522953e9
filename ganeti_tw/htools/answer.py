"""The answer to an iallocator's question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ganeti_tw.htools.allocate import (
    Choice,
    Found,
    Rules,
    in_best_group,
    in_named_group,
    on_second_node,
    with_instance,
)
from ganeti_tw.htools.cluster import NOWHERE, BadData, Cluster
from ganeti_tw.htools.dedicated import is_dedicated
from ganeti_tw.htools.evacuate import Evacuation, change_group, evacuate, relocate
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.group import Group
from ganeti_tw.htools.iallocator import (
    Allocate,
    AllocateSecondary,
    Evacuate,
    MultiAllocate,
    Relocate,
    Request,
)
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.moves import attempt
from ganeti_tw.htools.tags import tag_instance


class Answer(NamedTuple):
    """``info`` for people, ``result`` for the program that asked; ``cluster`` as it would be afterwards."""

    info: str
    result: Any
    cluster: Cluster


def answer(cluster: Cluster, request: Request, rules: Rules, only: Sequence[str] | None = None) -> Answer:
    """What to do about a request; ``only`` names the nodes that may be used, over the request's own list.

    BadData says why it cannot be done.
    """
    if isinstance(request, Allocate):
        return _allocate(cluster, request, rules, only)
    if isinstance(request, MultiAllocate):
        return _allocate_many(cluster, request, rules, only)
    if isinstance(request, AllocateSecondary):
        return _allocate_secondary(cluster, request, rules)
    if isinstance(request, Relocate):
        return _relocate(cluster, request, rules)
    instances = [instance_named(cluster, name) for name in request.names]
    if isinstance(request, Evacuate):
        return _evacuated(evacuate(cluster, instances, request.mode, force=rules.ignore_soft_errors))
    targets = [group_named(cluster, uuid).index for uuid in request.targets]
    return _evacuated(change_group(cluster, instances, targets, rules))


def instance_named(cluster: Cluster, name: str) -> Instance:
    """By its whole name; BadData when there is none."""
    for instance in cluster.instances:
        if instance.name == name:
            return instance
    raise BadData(f"Unknown instance '{name}'")


def group_named(cluster: Cluster, name: str) -> Group:
    """By name or UUID; BadData when there is none."""
    group = cluster.find_group(name)
    if group is None:
        raise BadData(f"Wrong number of elems found with name {name}")
    return group


def _names(cluster: Cluster, found: Found) -> list[str]:
    return [cluster.nodes[n].hardware.name for n in found.place[:2] if n != NOWHERE]


def restricted(cluster: Cluster, rules: Rules, names: Sequence[str] | None) -> Rules:
    """Allowing only nodes with these names; None allows all."""
    if names is None:
        return rules
    wanted = set(names)
    return rules._replace(only=frozenset(n.hardware.index for n in cluster.nodes if n.hardware.name in wanted))


def rules_for(cluster: Cluster, rules: Rules, group: Group | None) -> Rules:
    """With the metric that suits the group, or all that take new instances."""
    groups = [each.index for each in cluster.groups if each.allocable] if group is None else [group.index]
    return rules._replace(dedicated=is_dedicated(cluster, groups))


def _find(
    cluster: Cluster,
    request: Allocate,
    group: str | None,
    rules: Rules,
    only: Sequence[str] | None,
    *,
    alone: bool = True,
) -> tuple[Found | None, str]:
    """A place, if there is one, and the words about it; ``alone`` is false for one of several instances."""
    rules = restricted(cluster, rules, request.only if only is None else only)
    tag_instance(cluster, request.instance)
    if group is not None:
        named = group_named(cluster, group)
        rules = rules_for(cluster, rules, named)
        here = in_named_group(cluster, request.instance, request.nodes_needed, rules, named)
        # As Ganeti words it: for several instances at once the metric of dedicated clusters goes without the group.
        brief = rules.dedicated and not alone
        return here.allocation.best, (here.allocation if brief else here).describe(cluster)
    rules = rules_for(cluster, rules, None)
    choice: Choice = in_best_group(cluster, request.instance, request.nodes_needed, rules)
    if choice.chosen is None:
        return None, ", ".join(choice.messages)
    selected = f"Selected group: {choice.chosen.group.name}"
    return choice.chosen.allocation.best, ", ".join([selected, *choice.messages])


def _allocate(cluster: Cluster, request: Allocate, rules: Rules, only: Sequence[str] | None) -> Answer:
    request.instance.index = len(cluster.instances)
    found, words = _find(cluster, request, request.group, rules, only)
    if found is None:
        raise BadData(words)
    view = with_instance(cluster, request.instance, found.place, found.nodes)
    return Answer(words, _names(cluster, found), view)


def _allocate_many(cluster: Cluster, request: MultiAllocate, rules: Rules, only: Sequence[str] | None) -> Answer:
    placed: list[list[Any]] = []
    failed: list[list[str]] = []
    for entry in request.instances:
        entry.instance.index = len(cluster.instances)
        found, words = _find(cluster, entry, request.group, rules, only, alone=False)
        if found is not None:
            cluster = with_instance(cluster, entry.instance, found.place, found.nodes)
            placed.append([entry.instance.name, _names(cluster, found)])
        elif request.group is not None:
            failed.append([entry.instance.name, words])
        else:
            raise BadData(words)
    words = f"{len(failed)} instances failed to allocate and {len(placed)} were allocated successfully"
    return Answer(words, [placed, failed], cluster)


def _allocate_secondary(cluster: Cluster, request: AllocateSecondary, rules: Rules) -> Answer:
    instance = instance_named(cluster, request.name)
    if cluster.places[instance.index].secondary != NOWHERE:
        raise BadData("Instance already has a secondary")
    allocation, view = on_second_node(cluster, instance, rules)
    if allocation.best is None:
        raise BadData(allocation.describe(cluster))
    view = with_instance(view, view.instances[instance.index], allocation.best.place, allocation.best.nodes)
    name = cluster.nodes[allocation.best.place.secondary].hardware.name
    return Answer(allocation.describe(cluster), name, view)


def _relocate(cluster: Cluster, request: Relocate, rules: Rules) -> Answer:
    instance = instance_named(cluster, request.name)
    by_name = {node.hardware.name: node.hardware.index for node in cluster.nodes}
    unknown = [name for name in request.leaving if name not in by_name]
    if unknown:
        raise BadData(f"Unknown node '{unknown[0]}'")
    leaving = [by_name[name] for name in request.leaving]
    move = relocate(cluster, instance, leaving, request.nodes_needed, force=rules.ignore_soft_errors)
    view = cluster.copy()
    outcome = attempt(view, instance, move, rules.ignore_soft_errors)
    assert not isinstance(outcome, Fail)
    view.settle(outcome.nodes, instance.index, outcome.place)
    return Answer("success", [cluster.nodes[move.target].hardware.name], view)


def _evacuated(result: Evacuation) -> Answer:
    moved = [[each.instance.name, each.group, each.nodes] for each in result.moved]
    failed = [[instance.name, why] for instance, why in result.failed]
    jobs = [each.operations for each in result.moved]
    words = f"{len(failed)} instances failed to move and {len(moved)} were moved successfully"
    return Answer(words, [moved, failed, jobs], result.cluster)
