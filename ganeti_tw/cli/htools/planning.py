"""hbal's plans: how far to look, for how long, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ganeti_tw.cli.htools.call import Call
from ganeti_tw.htools.balance import Limits, Step
from ganeti_tw.htools.cluster import Cluster
from ganeti_tw.htools.cost import MIB_PER_GIB, Cost, cost_of, penalty, together
from ganeti_tw.htools.lookahead import plan


def steps_of(call: Call, cluster: Cluster, group: int, wanted: Limits) -> Iterator[Step]:
    """The steps as the options want them, each made as it is asked for."""
    options = call.options
    end = None if options.time_budget is None else call.clock() + options.time_budget
    return plan(cluster, group, wanted, options.lookahead, lambda: end is not None and call.clock() >= end)


def cost_line(step: Step, before: float, price: float) -> str:
    """What one move sends and what is left of its gain; ``before`` is the score before it."""
    cost = cost_of(step.instance, step.move.kind)
    gain = before - step.score
    return (
        f"       sends {_shown(cost)}: gain {gain:.8f}, net {gain - penalty(step.instance, step.move.kind, price):.8f}"
    )


def cost_of_all(steps: Sequence[Step], start: float, price: float) -> str:
    cost = together(cost_of(step.instance, step.move.kind) for step in steps)
    gain = start - steps[-1].score if steps else 0.0
    net = gain - price * cost.gib
    return f"Plan cost: {_shown(cost)} at {price:g} points for each GiB: gain {gain:.8f}, net {net:.8f}"


def _shown(cost: Cost) -> str:
    return f"{cost.disk / MIB_PER_GIB:.1f} GiB of disks and {cost.memory / MIB_PER_GIB:.1f} GiB of memory"
