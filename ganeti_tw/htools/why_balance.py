"""Why a balancing run makes the moves it makes, leaves others, and stops."""

from __future__ import annotations

from typing import NamedTuple

from ganeti_tw.htools.balance import Best, Limits, Step, best_move, movable, moves_of
from ganeti_tw.htools.cluster import NOWHERE, Cluster
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.jobs import shown
from ganeti_tw.htools.moves import Kind, Move, attempt
from ganeti_tw.htools.reasons import OFFLINE, Reason, why_not_move
from ganeti_tw.htools.score import lower_bound, score
from ganeti_tw.htools.why import Part, Rival, parts_of, with_changes


class StepWhy(NamedTuple):
    """``gained`` are the parts of what the score fell by; ``others`` the best move of any other instance."""

    gain: float
    gained: tuple[Part, ...]
    rivals: list[Rival]
    others: Rival | None


class Explainer:
    """Follows a run move by move; the cluster given is the one at its start, and not changed."""

    def __init__(self, cluster: Cluster, group: int, limits: Limits) -> None:
        self._cluster = cluster.copy()
        self._group = group
        self._limits = limits
        self._members = cluster.members(group)
        self._score = score([cluster.nodes[n] for n in self._members])
        self._steps = 0

    def left_out(self) -> list[Rival]:
        """The group's instances that no move may touch."""
        allowed = set(movable(self._cluster, self._group, self._limits))
        found = []
        for index in self._cluster.instances_of(self._group):
            if index not in allowed:
                found.append(Rival(self._cluster.instances[index].name, self._why_left_out(index)))
        return found

    def _why_left_out(self, index: int) -> Reason:
        instance, place = self._cluster.instances[index], self._cluster.places[index]
        if not instance.movable:
            return Reason("disk template", f"{instance.template} instances are not moved")
        if not instance.auto_balance:
            return Reason("auto_balance is off")
        if index in self._limits.excluded:
            return Reason("--exclude-instances")
        if self._limits.selected is not None and index not in self._limits.selected:
            return Reason("not among --select-instances")
        other = self._cluster.nodes[place.secondary].hardware.group
        return Reason("its nodes are in two groups", self._cluster.groups[other].name)

    def step(self, step: Step) -> StepWhy:
        """Why this one; it is then made here too."""
        cluster, instance = self._cluster, step.instance
        before = [cluster.nodes[n] for n in self._members]
        outcome = attempt(cluster, instance, step.move, self._limits.ignore_soft_errors)
        assert not isinstance(outcome, Fail), "a step of the plan"
        after = with_changes(cluster, self._members, outcome.nodes)
        place = cluster.places[instance.index]
        rivals = []
        if step.move.kind is not Kind.FAILOVER and place.secondary != NOWHERE:
            rivals.append(self._rival("by failover only", instance, [Move(Kind.FAILOVER)], step))
        for target in self._members:
            if target in place[:2]:
                continue
            rival = self._target(instance, target, step)
            if rival is not None:
                rivals.append(rival)
        others = self._others(step)
        why = StepWhy(self._score - step.score, parts_of(after, before), rivals, others)
        cluster.settle(outcome.nodes, instance.index, outcome.place)
        self._score = step.score
        self._steps += 1
        return why

    def _target(self, instance: Instance, target: int, step: Step) -> Rival | None:
        """The node as target of any other move than the one made; None where there is no other."""
        name = self._cluster.nodes[target].hardware.name
        if self._cluster.nodes[target].offline:
            return Rival(name, OFFLINE)
        moves = [m for m in moves_of(self._cluster, instance, [target], self._limits) if m.kind is not Kind.FAILOVER]
        others = [move for move in moves if move != step.move]
        if not others:
            barred = Reason("no such moves wanted", "--no-disk-moves or --no-instance-moves")
            return None if moves else Rival(name, barred)
        return self._rival(name, instance, others, step)

    def _rival(self, name: str, instance: Instance, moves: list[Move], step: Step) -> Rival:
        """The best of some moves beside the one made."""
        cluster, force = self._cluster, self._limits.ignore_soft_errors
        if moves[0].kind is Kind.FAILOVER and moves[0] not in moves_of(cluster, instance, [], self._limits):
            return Rival(name, Reason("not possible", "its secondary is offline, or --no-instance-moves was given"))
        best: Best | None = None
        for move in moves:
            outcome = attempt(cluster, instance, move, force)
            if isinstance(outcome, Fail):
                continue
            value = score(with_changes(cluster, self._members, outcome.nodes))
            if best is None or value < best.score:
                best = Best(instance, move, outcome, value, value)
        if best is None:
            reasons = [why for move in moves if (why := why_not_move(cluster, instance, move, force)) is not None]
            return Rival(name, reasons[0])
        chosen = attempt(cluster, instance, step.move, force)
        assert not isinstance(chosen, Fail), "a step of the plan"
        here = with_changes(cluster, self._members, chosen.nodes)
        there = with_changes(cluster, self._members, best.outcome.nodes)
        return Rival(name, None, best.score - step.score, parts_of(here, there), shown(cluster, best.move))

    def _others(self, step: Step) -> Rival | None:
        limits = self._limits._replace(excluded=self._limits.excluded | {step.instance.index})
        best = best_move(self._cluster, self._group, limits, self._score)
        if best is None:
            return None
        where = shown(self._cluster, best.move)
        return Rival(best.instance.name, None, best.score - step.score, (), where)

    def end(self) -> str:
        """Why there is no further move."""
        limits = self._limits
        nodes = [self._cluster.nodes[n] for n in self._members]
        if 0 <= limits.steps <= self._steps:
            return f"stopped after {self._steps} moves by --max-length"
        if self._score <= lower_bound(nodes) + limits.min_score:
            return f"the score is within --min-score {limits.min_score:g} of the least that can be reached"
        best = best_move(self._cluster, self._group, limits, self._score)
        if best is None:
            return "no single move makes it any better"
        gain = self._score - best.score
        return (
            f"the best further move, {best.instance.name} {shown(self._cluster, best.move)}, would gain {gain:.8f}:"
            f" less than --min-gain {limits.min_gain:g}, which counts from a score of {limits.min_gain_limit:g} on down"
        )
