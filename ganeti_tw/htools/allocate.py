"""Where a new instance goes.

Pairs of nodes are scored as Ganeti does it: not from scratch but by updating each
component, first for the primary, then for the secondary.  That shows only in the
last digits, yet those decide between candidates that look equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import sqrt
from typing import Any, NamedTuple

from ganeti_tw.htools.cluster import NOWHERE, BadData, Cluster, Place
from ganeti_tw.htools.dedicated import loss
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.group import ALLOCATION, Group
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.numbers import fixed
from ganeti_tw.htools.policy import violation
from ganeti_tw.htools.redundancy import Checker
from ganeti_tw.htools.score import (
    LOCATION,
    LOCATION_EXCLUSION,
    N1,
    RESERVED_TOTAL,
    SPREAD,
    TAGS,
    WEIGHTS,
    clashes,
    components,
    endangered,
    location_counts,
    score,
)
from ganeti_tw.htools.templates import DRBD

_RESERVED = 2


class Rules(NamedTuple):
    """``capacity_checks`` demands that any node may still fail afterwards; ``only`` holds the nodes allowed.

    ``checker`` makes the capacity check, None for one about the nodes that are scored.
    ``dedicated`` takes the metric of dedicated clusters instead of the score, without capacity checks.
    """

    ignore_soft_errors: bool = False
    capacity_checks: bool = True
    only: frozenset[int] | None = None
    skip_offline_checks: bool = False
    checker: Checker | None = None
    dedicated: bool = False


class Found(NamedTuple):
    """A place and the score it leads to: a number, or a list and a number on dedicated clusters."""

    place: Place
    nodes: dict[int, Node]
    score: Any


class Allocation(NamedTuple):
    """The best place, if any, how many places would do, and how often each check failed."""

    best: Found | None
    successes: int
    failures: dict[Fail, int]

    def describe(self, cluster: Cluster) -> str:
        counts = ", ".join(f"{fail.value}: {self.failures[fail]}" for fail in Fail if self.failures.get(fail))
        if self.best is None:
            return f"No valid allocation solutions, failure reasons: {counts or 'unknown reasons'}"
        names = "/".join(cluster.nodes[n].hardware.name for n in self.best.place[:2] if n != NOWHERE)
        failed = sum(self.failures.values())
        return (
            f"score: {_shown(self.best.score)}, successes {self.successes}, failures {failed}"
            f" ({counts}) for node(s) {names}"
        )


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return fixed(value, 8)
    counts, left = value
    return f"([{','.join(map(str, counts))}],{left})"


class Candidate(NamedTuple):
    """A place that fits; of equal scores the highest ``order`` wins."""

    score: Any
    order: int
    place: Place
    nodes: dict[int, Node]


def on_nodes(
    cluster: Cluster, members: Sequence[int], instance: Instance, targets: Iterable[int], rules: Rules
) -> Allocation:
    """The best single node among the targets; the score is over ``members``."""
    candidates: list[Candidate] = []
    failures: dict[Fail, int] = {}
    for target in targets:
        node = as_primary(cluster, instance, target, 0, rules.ignore_soft_errors)
        if isinstance(node, Fail):
            failures[node] = failures.get(node, 0) + 1
            continue
        value: Any
        if rules.dedicated:
            value = loss(cluster, {target: node})
        else:
            value = score([node if n == target else cluster.nodes[n] for n in members])
        candidates.append(Candidate(value, len(candidates), Place(target, NOWHERE), {target: node}))
    return choose(cluster, members, instance, candidates, failures, rules)


def on_pairs(
    cluster: Cluster, members: Sequence[int], instance: Instance, pairs: Sequence[tuple[int, list[int]]], rules: Rules
) -> Allocation:
    """The best primary and secondary among the pairs given as primary and possible secondaries."""
    candidates: list[Candidate] = []
    failures: dict[Fail, int] = {}
    base = Running(cluster, members)
    for p, partners in pairs:
        located = bool(cluster.nodes[p].hardware.location_tags)
        node = as_primary(cluster, instance, p, 0, rules.ignore_soft_errors)
        if isinstance(node, Fail):
            failures[node] = failures.get(node, 0) + len(partners)
            continue
        half = base.after(cluster.nodes[p], node)
        for s in partners:
            location = cluster.common_locations(p, s) if located else 0
            if location:
                moved = as_primary(cluster, instance, p, location, rules.ignore_soft_errors)
                if isinstance(moved, Fail):
                    failures[moved] = failures.get(moved, 0) + 1
                    continue
                half_here = base.after(cluster.nodes[p], moved)
            else:
                moved, half_here = node, half
            other = cluster.nodes[s].with_secondary(instance, p)
            if isinstance(other, Fail):
                failures[other] = failures.get(other, 0) + 1
                continue
            value: Any
            if rules.dedicated:
                value = loss(cluster, {p: moved, s: other})
            else:
                value = half_here.score_after(cluster.nodes[s], other)
            place = Place(p, s, location)
            candidates.append(Candidate(value, len(candidates), place, {p: moved, s: other}))
    return choose(cluster, members, instance, candidates, failures, rules)


def as_primary(cluster: Cluster, instance: Instance, target: int, location: int, force: bool) -> Node | Fail:
    """The node with the instance, or why the policy or the node itself refuses it; ``force`` waives soft checks."""
    node = cluster.nodes[target]
    policy = cluster.groups[node.hardware.group].policy
    return violation(policy, instance, node.hardware.exclusive_storage) or node.with_primary(instance, location, force)


def choose(
    cluster: Cluster,
    members: Sequence[int],
    instance: Instance,
    candidates: list[Candidate],
    failures: dict[Fail, int],
    rules: Rules,
) -> Allocation:
    """The lowest score, the last one of equals; those that leave no way out of a dying node do not count."""
    checker = None
    if rules.capacity_checks and not rules.dedicated:
        checker = rules.checker or Checker(members, skip_offline=rules.skip_offline_checks)
    ranked = sorted(candidates, key=lambda each: (each.score, -each.order))
    return first_safe(cluster, instance, ranked, len(candidates), failures, checker)


def first_safe(
    cluster: Cluster,
    instance: Instance,
    ranked: Iterable[Candidate],
    successes: int,
    failures: dict[Fail, int],
    checker: Checker | None,
) -> Allocation:
    """The first of so many that passes the capacity check; those before it count as failures."""
    for candidate in ranked:
        if checker is None or checker.passes_with(cluster, instance, candidate.place, candidate.nodes):
            return Allocation(Found(candidate.place, candidate.nodes, candidate.score), successes, failures)
        successes -= 1
        failures[Fail.N1] = failures.get(Fail.N1, 0) + 1
    return Allocation(None, successes, failures)


def with_instance(cluster: Cluster, instance: Instance, place: Place, nodes: dict[int, Node]) -> Cluster:
    """A view in which the instance is where it was found room; a new one must have the next free index."""
    view = cluster.copy()
    view.put(instance, place, nodes)
    return view


class Running:
    """The components of a score, kept so that replacing one node updates them."""

    __slots__ = ("_count", "_location_counts", "_sums", "_values", "_variances")

    def __init__(self, cluster: Cluster, members: Sequence[int]) -> None:
        nodes = [cluster.nodes[n] for n in members]
        online = [node for node in nodes if not node.offline]
        self._count = float(len(online)) or 1.0
        self._values = components(nodes)
        columns = list(zip(*[node.metrics() for node in online], strict=True)) or [()] * len(SPREAD)
        self._sums = []
        self._variances = []
        for column in columns:
            amount = 0.0
            for value in column:
                amount += value
            mean = amount / self._count
            squares = 0.0
            for value in column:
                squares += (value - mean) * (value - mean)
            self._sums.append(amount)
            self._variances.append(squares / self._count)
        self._location_counts = location_counts(online)

    def after(self, old: Node, new: Node) -> Running:
        """The components once ``new``, which is online, stands in place of ``old``."""
        later = Running.__new__(Running)
        later._count = count = self._count
        later._values = values = self._values.copy()
        later._sums = sums = self._sums.copy()
        later._variances = variances = self._variances.copy()
        later._location_counts = self._location_counts
        for number, (x, y) in enumerate(zip(old.metrics(), new.metrics(), strict=True)):
            if x == y:
                continue
            change = y - x
            square = y * y - x * x
            amount = sums[number]
            variance = variances[number] + ((count * square - 2.0 * amount * change) - change * change) / (
                count * count
            )
            variances[number] = variance = max(0.0, variance)
            sums[number] = amount + change
            values[SPREAD[number]] = sqrt(variance)
        values[RESERVED_TOTAL] += new.metrics()[_RESERVED] - old.metrics()[_RESERVED]
        values[N1] += endangered(new) - endangered(old)
        if old.location_score != new.location_score:
            values[LOCATION] += new.location_score - old.location_score
        if old.exclusion is not new.exclusion:
            later._update_tags(old, new)
        return later

    def score_after(self, old: Node, new: Node) -> float:
        """As ``after(old, new).score()``."""
        return self.after(old, new).score()

    def score(self) -> float:
        result = 0.0
        for weight, value in zip(WEIGHTS, self._values, strict=True):
            result += weight * value
        return result

    def _update_tags(self, old: Node, new: Node) -> None:
        self._values[TAGS] += clashes(new) - clashes(old)
        if not new.hardware.location_tags:
            return
        counts = self._location_counts.copy()
        for key, count in location_counts([old]).items():
            counts[key] -= count
        for key, count in location_counts([new]).items():
            counts[key] = counts.get(key, 0) + count
        self._location_counts = counts
        self._values[LOCATION_EXCLUSION] = float(sum(max(count - 1, 0) for count in counts.values()))


def in_group(
    cluster: Cluster, group: int, members: Sequence[int], instance: Instance, count: int, rules: Rules
) -> Allocation:
    """The best place in a group; the score and the capacity check are over ``members``.

    BadData when there is nothing to try.
    """
    targets = [
        n for n in cluster.members(group) if not cluster.nodes[n].offline and (rules.only is None or n in rules.only)
    ]
    if count == 1:
        if not targets:
            raise BadData("No online nodes")
        return on_nodes(cluster, members, instance, targets, rules)
    if count != 2:
        raise BadData("Unsupported number of nodes, only one or two  supported")
    pairs = [(p, [s for s in targets if s != p]) for p in targets]
    if len(targets) < 2:
        raise BadData("Not enough online nodes")
    return on_pairs(cluster, members, instance, pairs, rules)


def on_second_node(cluster: Cluster, instance: Instance, rules: Rules) -> tuple[Allocation, Cluster]:
    """A secondary for an instance that has none, in its group; also the view in which it is a mirrored one."""
    place = cluster.places[instance.index]
    mirrored = instance.as_template(DRBD)
    view = cluster.copy()
    view.instances[instance.index] = mirrored
    without = cluster.nodes[place.primary].without_primary(instance, place.location)
    view.nodes[place.primary] = without
    group = without.hardware.group
    targets = [n for n in cluster.members(group) if n != place.primary and not cluster.nodes[n].offline]
    members = range(len(cluster.nodes))
    return on_pairs(view, members, mirrored, [(place.primary, targets)], rules), view


class GroupResult(NamedTuple):
    group: Group
    allocation: Allocation

    def describe(self, cluster: Cluster) -> str:
        return f"Group {self.group.name} ({self.group.allocation}): {self.allocation.describe(cluster)}"


class Choice(NamedTuple):
    """The group chosen, if any, and a line about each group that was looked at."""

    chosen: GroupResult | None
    messages: list[str]


def in_best_group(
    cluster: Cluster,
    instance: Instance,
    count: int,
    rules: Rules,
    groups: Iterable[int] | None = None,
) -> Choice:
    """The best place in the best group; the score is the whole cluster's."""
    allowed = None if groups is None else set(groups)
    members = range(len(cluster.nodes))
    results: list[GroupResult] = []
    connected: list[Group] = []
    messages: list[str] = []
    for group in cluster.populated_groups():
        if allowed is not None and group.index not in allowed:
            continue
        if set(instance.networks) <= set(group.networks):
            connected.append(group)
        else:
            missing = f"group {group.name} is not connected to a network required by instance {instance.name}"
            messages.append(f"Group {group.name}: error The {missing}" if rules.dedicated else missing)
    for group in connected:
        try:
            result = GroupResult(group, in_group(cluster, group.index, members, instance, count, rules))
        except BadData as error:
            messages.append(f"Group {group.name}: error {error}")
            continue
        results.append(result)
        messages.append(result.describe(cluster))
    good = [r for r in results if r.allocation.best is not None and r.group.allocable]
    chosen = min(good, key=_preference, default=None)
    return Choice(chosen, messages)


def _preference(result: GroupResult) -> tuple[int, Any, int]:
    value = result.allocation.best.score if result.allocation.best else 0.0
    return ALLOCATION.index(result.group.allocation), value, -result.group.index


def in_named_group(cluster: Cluster, instance: Instance, count: int, rules: Rules, group: Group) -> GroupResult:
    """The best place in this very group, whatever its allocation policy; the score is the group's own."""
    if not set(instance.networks) <= set(group.networks):
        raise BadData(f"The group {group.name} is not connected to a network required by instance {instance.name}")
    members = cluster.members(group.index)
    return GroupResult(group, in_group(cluster, group.index, members, instance, count, rules))
