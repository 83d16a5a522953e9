"""Plans that look further than one move.

The plan of single best moves comes first, and stays unless another one ends better.
Then chains of moves are tried of which only the end must be better than the start:
from where the first plan ends, and from the beginning.  Of the chains of each length
the best few go on.  Nothing here depends on chance, so without a time limit the same
cluster gives the same plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ganeti_tw.htools.balance import Best, Limits, Moved, Step, balance, enter_moves, movable, work_of_a_step
from ganeti_tw.htools.cluster import Cluster, Place
from ganeti_tw.htools.estimate import Ranking
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.moves import attempt
from ganeti_tw.htools.score import lower_bound, score
from ganeti_tw.htools.trim import trimmed, worth

# So many of the best chains of each length go on, each by so many moves.
_WIDTH = 6

# From so much work in a step on, importing NumPy pays: moves are ranked time and again.
_MUCH = 300

Ranked = Callable[[Cluster, int], "list[Best]"]
"""So many of the moves of most worth, the best first; they may be worse than none."""


def plan(
    cluster: Cluster, group: int, limits: Limits, depth: int, expired: Callable[[], bool] = lambda: False
) -> Iterator[Step]:
    """The steps of the best plan found, each made as it is asked for.

    ``depth`` is the length of the chains; ``expired`` is asked before each and ends the search.
    """
    if depth <= 1 and not limits.price:
        yield from balance(cluster, group, limits)
        return
    for step in _best_plan(cluster, group, limits, depth, expired):
        outcome = attempt(cluster, step.instance, step.move, limits.ignore_soft_errors)
        assert not isinstance(outcome, Fail), "a step of the plan"
        cluster.settle(outcome.nodes, step.instance.index, outcome.place)
        yield step


def _best_plan(cluster: Cluster, group: int, limits: Limits, depth: int, expired: Callable[[], bool]) -> Sequence[Step]:
    start = score([cluster.nodes[n] for n in cluster.members(group)])
    view = cluster.copy()
    greedy = list(balance(view, group, limits))
    best = trimmed(cluster, group, greedy, limits)
    if depth > 1:
        chains = _Chains(cluster, group, limits, depth, expired)
        for state, steps in ((view, greedy), (cluster.copy(), [])):
            longer = trimmed(cluster, group, chains.extend(state, steps), limits)
            if worth(start, longer, limits.price) < worth(start, best, limits.price):
                best = longer
    return best


class _Link(NamedTuple):
    """A state some moves away: ``worth`` counts the prices of these moves."""

    cluster: Cluster
    steps: list[Step]
    price: float
    worth: float


class _Chains:
    def __init__(self, cluster: Cluster, group: int, limits: Limits, depth: int, expired: Callable[[], bool]) -> None:
        self._group = group
        self._members = cluster.members(group)
        self._limits = limits
        self._depth = depth
        self._expired = expired
        nodes = [cluster.nodes[n] for n in self._members]
        self._floor = lower_bound(nodes) + limits.min_score
        self._ranked = _ranked(cluster, self._members, movable(cluster, group, limits), limits)

    def extend(self, cluster: Cluster, steps: Sequence[Step]) -> list[Step]:
        """The steps with chains added as long as one makes it better; the cluster goes along."""
        found = list(steps)
        now = score([cluster.nodes[n] for n in self._members])
        while now > self._floor and not self._expired():
            room = self._depth if self._limits.steps < 0 else min(self._depth, self._limits.steps - len(found))
            chain = self._best_chain(cluster, now, room)
            if chain is None:
                break
            for step in chain:
                outcome = attempt(cluster, step.instance, step.move, self._limits.ignore_soft_errors)
                assert not isinstance(outcome, Fail), "a step of the chain"
                cluster.settle(outcome.nodes, step.instance.index, outcome.place)
            found += chain
            now = chain[-1].score
        return found

    def _best_chain(self, cluster: Cluster, now: float, length: int) -> list[Step] | None:
        """The chain of most worth that makes it better by as much as a single move would have to."""
        limits = self._limits
        best: _Link | None = None
        links = [_Link(cluster, [], 0.0, now)]
        for _ in range(length):
            links = self._longer(links)
            for link in links:
                gain = now - link.steps[-1].score
                if link.worth < (best.worth if best else now) and (
                    now > limits.min_gain_limit or gain >= limits.min_gain
                ):
                    best = link
        return best.steps if best else None

    def _longer(self, links: Sequence[_Link]) -> list[_Link]:
        """The best chains that are one move longer; of those that lead to the same state the first."""
        found: dict[frozenset[tuple[int, Place]], _Link] = {}
        for link in links:
            for move in self._ranked(link.cluster, _WIDTH):
                view = link.cluster.copy()
                old = view.places[move.instance.index]
                view.settle(move.outcome.nodes, move.instance.index, move.outcome.place)
                steps = [*link.steps, Step(move.instance, move.move, old, move.outcome.place, move.score)]
                price = link.price + (move.worth - move.score)
                key = frozenset({step.instance.index: step.new for step in steps}.items())
                new = _Link(view, steps, price, move.score + price)
                if key not in found or new.worth < found[key].worth:
                    found[key] = new
        return sorted(found.values(), key=lambda link: link.worth)[:_WIDTH]


def _ranked(cluster: Cluster, members: Sequence[int], candidates: Sequence[int], limits: Limits) -> Ranked:
    if work_of_a_step(members, candidates) >= _MUCH:
        from ganeti_tw.htools.search import ranking  # noqa: PLC0415  NumPy is heavy

        found = ranking(cluster, members, candidates, limits)
        if found is not None:
            return found
    return _one_by_one(members, candidates, limits)


def _one_by_one(members: Sequence[int], candidates: Sequence[int], limits: Limits) -> Ranked:
    def ranked(cluster: Cluster, count: int) -> list[Best]:
        ranking = Ranking[Moved](cluster, members, count)
        enter_moves(ranking, cluster, members, candidates, limits)
        return [Best(*won.what, won.score, won.worth) for won in ranking.first()]

    return ranked
