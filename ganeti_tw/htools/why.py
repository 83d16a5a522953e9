"""Why an instance goes where it goes: the place taken beside every other one.

Each node that was not taken either has a :class:`~ganeti_tw.htools.reasons.Reason`, or
would have led to a score that is worse by so much, by these components.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ganeti_tw.htools.allocate import Allocation, Found, Rules, on_nodes, on_pairs, with_instance
from ganeti_tw.htools.cluster import NOWHERE, Cluster, Place
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.reasons import OFFLINE, Reason, why_not_primary, why_not_secondary, why_unwelcome
from ganeti_tw.htools.redundancy import can_be_lost
from ganeti_tw.htools.score import COMPONENTS, components

# Weighted differences smaller than this are rounding.
_NOTHING = 1e-9


class Part(NamedTuple):
    """What a component of the score adds to a difference, its weight included."""

    component: str
    worse: float


class Rival(NamedTuple):
    """A node that was not taken: ``reason`` forbids it, or it would have been ``worse``.

    ``partner`` names the node it would have gone with.  ``parts`` are largest first;
    ``metric`` is what decided instead of the score on dedicated clusters.
    """

    name: str
    reason: Reason | None = None
    worse: float | None = None
    parts: tuple[Part, ...] = ()
    partner: str = ""
    metric: str = ""


class Question(NamedTuple):
    """A role, and the nodes that did not get it."""

    role: str
    rivals: list[Rival]


class Comparison(NamedTuple):
    """The place taken, None when there is none, and why no other one was."""

    taken: Found | None
    questions: list[Question]


def parts_of(before: Sequence[Node], after: Sequence[Node]) -> tuple[Part, ...]:
    """By which components the second set of nodes is worse, the largest difference first."""
    pairs = zip(COMPONENTS, components(before), components(after), strict=True)
    found = [Part(name, weight * (new - old)) for (name, weight), old, new in pairs]
    return tuple(sorted((part for part in found if abs(part.worse) > _NOTHING), key=lambda part: -abs(part.worse)))


def with_changes(cluster: Cluster, members: Iterable[int], changed: Mapping[int, Node]) -> list[Node]:
    return [changed[n] if n in changed else cluster.nodes[n] for n in members]


class Placing:
    """One new instance among the nodes of some groups; the score is over ``members``."""

    def __init__(
        self,
        cluster: Cluster,
        instance: Instance,
        members: Sequence[int],
        targets: Sequence[int],
        rules: Rules,
        *,
        pairs: bool,
    ) -> None:
        self._cluster = cluster
        self._instance = instance
        self._members = members
        self._targets = list(targets)
        self._usable = [n for n in targets if self._barred(n) is None and not self._refused(rules, n)]
        self._rules = rules
        self._free = rules._replace(capacity_checks=False)
        self._pairs = pairs

    def compare(self, taken: Found | None) -> Comparison:
        """Every other node beside the place taken."""
        place = taken.place if taken else None
        others = [n for n in self._targets if place is None or n != place.primary]
        questions = [Question("primary", [self._as_primary(n, taken) for n in others])]
        if self._pairs and place is not None:
            questions.append(self.beside(place.primary, taken))
        elif self._pairs and (first := self._first_that_fits()) is not None:
            questions.append(self.beside(first, None))
        return Comparison(taken, questions)

    def at(self, place: Place) -> Found | None:
        """The placing at just this place."""
        mates = [] if place.secondary == NOWHERE else [place.secondary]
        return self._best_with(place.primary, mates).best

    def beside(self, primary: int, taken: Found | None) -> Question:
        """The nodes that could have been the secondary of this one."""
        mates = self._mates(primary, everything=True)
        others = [n for n in mates if taken is None or n != taken.place.secondary]
        return Question(f"secondary of {self._name(primary)}", [self._as_secondary(primary, n, taken) for n in others])

    def _name(self, index: int) -> str:
        return self._cluster.nodes[index].hardware.name

    def _barred(self, index: int) -> Reason | None:
        node = self._cluster.nodes[index]
        return OFFLINE if node.offline else None

    @staticmethod
    def _refused(rules: Rules, index: int) -> Reason | None:
        if rules.only is not None and index not in rules.only:
            return Reason("not among the nodes allowed")
        return None

    def _mates(self, primary: int, *, everything: bool = False) -> list[int]:
        group = self._cluster.nodes[primary].hardware.group
        nodes = self._cluster.members(group) if everything else self._usable
        return [n for n in nodes if n != primary and self._cluster.nodes[n].hardware.group == group]

    def _first_that_fits(self) -> int | None:
        return next((n for n in self._usable if self._cannot_run(n) is None), None)

    def _cannot_run(self, index: int) -> Reason | None:
        node = self._cluster.nodes[index]
        policy = self._cluster.groups[node.hardware.group].policy
        return why_unwelcome(policy, self._instance, node.hardware.exclusive_storage) or why_not_primary(
            self._cluster, node, self._instance, self._rules.ignore_soft_errors
        )

    def _as_primary(self, index: int, taken: Found | None) -> Rival:
        name = self._name(index)
        reason = self._barred(index) or self._refused(self._rules, index) or self._cannot_run(index)
        if reason is not None:
            return Rival(name, reason)
        allocation = self._best_with(index, self._mates(index))
        if allocation.best is None:
            return Rival(name, _no_partner(allocation, bool(self._mates(index))))
        return self._against(name, allocation.best, taken, partner=self._pairs)

    def _as_secondary(self, primary: int, index: int, taken: Found | None) -> Rival:
        name = self._name(index)
        reason = self._barred(index) or self._refused(self._rules, index)
        if reason is None:
            reason = why_not_secondary(self._cluster.nodes[index], self._instance, primary)
        if reason is not None:
            return Rival(name, reason)
        allocation = self._best_with(primary, [index])
        if allocation.best is None:
            return Rival(name, self._cannot_run(primary) or _no_partner(allocation, True))
        return self._against(name, allocation.best, taken, partner=False)

    def _best_with(self, primary: int, mates: list[int]) -> Allocation:
        if self._pairs:
            return on_pairs(self._cluster, self._members, self._instance, [(primary, mates)], self._free)
        return on_nodes(self._cluster, self._members, self._instance, [primary], self._free)

    def _against(self, name: str, found: Found, taken: Found | None, *, partner: bool) -> Rival:
        mate = self._name(found.place.secondary) if partner else ""
        if taken is None or found.score < taken.score:
            return Rival(name, self._unsafe(found), partner=mate)
        if self._rules.dedicated:
            return Rival(name, partner=mate, metric=f"{found.score} against {taken.score}")
        best = with_changes(self._cluster, self._members, taken.nodes)
        other = with_changes(self._cluster, self._members, found.nodes)
        return Rival(name, None, found.score - taken.score, parts_of(best, other), mate)

    def _unsafe(self, found: Found) -> Reason:
        """A better place that was not taken has failed the capacity check."""
        view = with_instance(self._cluster, self._instance, found.place, found.nodes)
        members = self._rules.checker.members if self._rules.checker else self._members
        skip = self._rules.skip_offline_checks
        looked_at = [n for n in members if not (skip and view.nodes[n].offline)]
        lost = next((n for n in looked_at if not can_be_lost(view, members, n)), NOWHERE)
        group = self._cluster.groups[self._cluster.nodes[found.place.primary].hardware.group]
        if lost == NOWHERE and not group.allocable:
            return Reason(f"group {group.name} is unallocable", "it would fit")
        if lost == NOWHERE:
            return Reason("it would fit")
        already = not can_be_lost(self._cluster, members, lost)
        detail = f"the instances of {self._name(lost)} would have no other place if it died"
        return Reason("N+1 capacity", detail + (", as is the case already" if already else ""), fail=Fail.N1)


def _no_partner(allocation: Allocation, any_tried: bool) -> Reason:
    if not any_tried:
        return Reason("no second node", "there is no other one in its group")
    counts = ", ".join(f"{fail.value} {count}" for fail, count in allocation.failures.items())
    return Reason("no second node", counts)


class Group(NamedTuple):
    """Rivals that were ``refused`` for the same reason, or are worse by the same component, the closest first."""

    what: str
    names: list[str]
    refused: bool


def grouped(rivals: Iterable[Rival]) -> Iterator[Group]:
    """Equal reasons together, those with the most nodes first; then the worse ones by what made them so."""
    kinds: dict[tuple[Any, ...], list[Rival]] = {}
    for rival in rivals:
        if rival.reason is not None:
            key: tuple[Any, ...] = (0, rival.reason.constraint, rival.reason.unit)
        else:
            key = (1, rival.parts[0].component if rival.parts else rival.metric)
        kinds.setdefault(key, []).append(rival)
    for key, alike in sorted(kinds.items(), key=lambda item: (item[0][0], -len(item[1]))):
        alike.sort(key=lambda rival: rival.worse or 0.0)
        yield Group(_together(alike, reasons=key[0] == 0), [rival.name for rival in alike], key[0] == 0)


def _together(alike: Sequence[Rival], *, reasons: bool) -> str:
    if not reasons:
        return described_worse(alike)
    first = alike[0].reason
    assert first is not None
    if all(rival.reason == first for rival in alike):
        return str(first)
    amounts = [rival.reason.short for rival in alike if rival.reason and rival.reason.short is not None]
    if not amounts:
        return first.constraint
    low, high = min(amounts), max(amounts)
    between = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    return f"{first.constraint} short by {between} {first.unit}".rstrip()


def described_worse(alike: Sequence[Rival]) -> str:
    """``worse by 0.01 to 0.02, most of it disk_load_cv``."""
    amounts = [rival.worse for rival in alike if rival.worse is not None]
    if not amounts:
        return f"metric {alike[0].metric}"
    low, high = min(amounts), max(amounts)
    between = f"{low:.8f}" if low == high else f"{low:.8f} to {high:.8f}"
    parts = alike[0].parts
    return f"worse by {between}" + (f", most of it {parts[0].component}" if parts else "")
