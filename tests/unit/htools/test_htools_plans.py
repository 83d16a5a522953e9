"""Plans under --plan-cost and --lookahead keep what they promise."""

from __future__ import annotations

import io
import json
from itertools import count
from unittest import TestCase

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clusters import clusters
from ganeti_tw.cli.htools.entry import main
from ganeti_tw.htools.balance import Best, Limits, balance, movable, moves_of
from ganeti_tw.htools.cluster import NOWHERE, Cluster
from ganeti_tw.htools.cost import Cost, cost_of, penalty
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.lookahead import _one_by_one, plan
from ganeti_tw.htools.moves import Kind, attempt
from ganeti_tw.htools.score import clashes, score
from ganeti_tw.htools.search import ranking
from ganeti_tw.htools.trim import replayed, worth
from runs import InFolder

properties = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
prices = st.sampled_from([0.0, 1e-4, 3e-3, 0.1])
limits = st.builds(
    Limits,
    steps=st.sampled_from([-1, 0, 1, 5]),
    restricted_migration=st.booleans(),
    evacuating=st.booleans(),
    disk_moves=st.booleans(),
    price=prices,
)


def state(cluster: Cluster) -> list[tuple[int, int]]:
    return [place[:2] for place in cluster.places]


class EveryPlanTests(TestCase):
    """All of it for greedy plans, priced ones, and those of several depths."""

    @settings(properties, max_examples=50)
    @given(clusters(), limits, st.integers(1, 3))
    def test_it_overcommits_nothing_breaks_no_rule_and_gives_the_scores_it_promised(
        self, cluster: Cluster, wanted: Limits, depth: int
    ) -> None:
        before = cluster.copy()
        start = score(before.nodes)
        steps = list(plan(cluster, 0, wanted, depth))
        again = before.copy()
        self.assertEqual(replayed(again, 0, steps, wanted), steps)
        self.assertEqual(state(again), state(cluster))
        end = score(cluster.nodes)
        self.assertEqual(end, steps[-1].score if steps else start)
        self.assertLessEqual(end, start)
        self.assertLessEqual(worth(start, steps, wanted.price), start)
        if wanted.steps >= 0:
            self.assertLessEqual(len(steps), wanted.steps)
        for step in steps:
            for number in {*step.new[:2]} - {*step.old[:2], NOWHERE}:
                self.assertFalse(cluster.nodes[number].offline)
        self.check_nodes(before, cluster)

    def check_nodes(self, before: Cluster, after: Cluster) -> None:
        for old, new in zip(before.nodes, after.nodes, strict=True):
            hardware = new.hardware
            if set(new.primaries) - set(old.primaries):
                self.assertGreater(new.unused_memory, 0)
            if not old.n1_failure and not new.offline:
                self.assertFalse(new.n1_failure)
            if new.free_disk < old.free_disk:
                self.assertGreater(new.free_disk, 0)
            if old.instance_spindles <= hardware.max_spindles and not new.offline:
                self.assertLessEqual(new.instance_spindles, hardware.max_spindles)
            if old.cpu_ratio <= hardware.vcpu_ratio and not new.offline:
                self.assertLessEqual(new.cpu_ratio, hardware.vcpu_ratio)
            # What does not run yet may join a tag.
            if not any(instance.forthcoming for instance in before.instances):
                self.assertLessEqual(clashes(new), clashes(old))


class CostTests(TestCase):
    def instance(self, status: str = "running") -> Instance:
        return Instance(
            0,
            "web",
            memory=2048,
            disk=30000,
            disks=[10000, 20000],
            disk_spindles=None,
            vcpus=1,
            status=status,
            auto_balance=True,
            template="drbd",
        )

    def test_each_part_of_a_move_counts(self) -> None:
        expected = {
            Kind.FAILOVER: Cost(0, 2048),
            Kind.FAILOVER_TO: Cost(0, 2048),
            Kind.REPLACE_SECONDARY: Cost(30000, 0),
            Kind.REPLACE_AND_FAILOVER: Cost(30000, 2048),
            Kind.REPLACE_PRIMARY: Cost(30000, 4096),
            Kind.FAILOVER_AND_REPLACE: Cost(30000, 2048),
        }
        self.assertEqual({kind: cost_of(self.instance(), kind) for kind in Kind}, expected)

    def test_what_does_not_run_has_no_memory_to_move(self) -> None:
        self.assertEqual(cost_of(self.instance("ADMIN_down"), Kind.FAILOVER), Cost(0, 0))

    @properties
    @given(clusters(), prices)
    def test_a_plan_is_worth_less_without_any_of_its_moves(self, cluster: Cluster, price: float) -> None:
        before = cluster.copy()
        start = score(before.nodes)
        wanted = Limits(price=price or 1e-5)
        steps = list(plan(cluster, 0, wanted, 1))
        for left_out in range(len(steps)):
            other = replayed(before.copy(), 0, [*steps[:left_out], *steps[left_out + 1 :]], wanted)
            if other is not None:
                self.assertGreater(worth(start, other, wanted.price), worth(start, steps, wanted.price))

    @properties
    @given(clusters())
    def test_too_high_a_price_gives_an_empty_plan(self, cluster: Cluster) -> None:
        steps = list(plan(cluster, 0, Limits(price=1e9), 1))
        # Stopped instances without local disks move for nothing.
        self.assertEqual([penalty(step.instance, step.move.kind, 1.0) for step in steps], [0.0] * len(steps))


class LookaheadTests(TestCase):
    @settings(properties, max_examples=40)
    @given(clusters(), limits, st.integers(2, 4))
    def test_never_worse_than_single_moves_and_always_the_same(
        self, cluster: Cluster, wanted: Limits, depth: int
    ) -> None:
        start = score(cluster.nodes)
        greedy = list(balance(cluster.copy(), 0, wanted))
        steps = list(plan(cluster.copy(), 0, wanted, depth))
        self.assertLessEqual(worth(start, steps, wanted.price), worth(start, greedy, wanted.price))
        self.assertEqual(list(plan(cluster.copy(), 0, wanted, depth)), steps)

    @properties
    @given(clusters())
    def test_a_depth_of_one_is_the_plan_of_single_moves(self, cluster: Cluster) -> None:
        self.assertEqual(list(plan(cluster.copy(), 0, Limits(), 1)), list(balance(cluster.copy(), 0, Limits())))

    @properties
    @given(clusters(most_nodes=5, most_instances=12), st.integers(0, 6))
    def test_stopped_at_any_time_it_is_no_worse(self, cluster: Cluster, calls: int) -> None:
        start = score(cluster.nodes)
        asked = count()
        steps = list(plan(cluster.copy(), 0, Limits(), 3, lambda: next(asked) >= calls))
        greedy = list(balance(cluster.copy(), 0, Limits()))
        self.assertLessEqual(worth(start, steps, 0.0), worth(start, greedy, 0.0))

    @properties
    @given(clusters(), limits, st.integers(1, 9))
    def test_arrays_and_one_by_one_rank_alike(self, cluster: Cluster, wanted: Limits, many: int) -> None:
        members, candidates = cluster.members(0), movable(cluster, 0, wanted)
        arrays = ranking(cluster, members, candidates, wanted)
        if arrays is None:
            return
        slow = _one_by_one(members, candidates, wanted)
        states = [cluster.copy()]
        for _ in balance(cluster, 0, Limits(steps=3)):
            states.append(cluster.copy())

        def shown(found: list[Best]) -> list[tuple[str, object, float, float]]:
            return [(each.instance.name, each.move, each.score, each.worth) for each in found]

        for view in (*states, *states[::-1]):
            self.assertEqual(shown(arrays(view, many)), shown(slow(view, many)))

    @properties
    @given(clusters(most_nodes=4, most_instances=10), st.integers(1, 5))
    def test_the_ranking_is_that_of_all_moves(self, cluster: Cluster, many: int) -> None:
        members, wanted = cluster.members(0), Limits()
        candidates = movable(cluster, 0, wanted)
        every = []
        for index in candidates:
            targets = [n for n in members if not cluster.nodes[n].offline]
            for move in moves_of(cluster, cluster.instances[index], targets, wanted):
                outcome = attempt(cluster, cluster.instances[index], move)
                if not isinstance(outcome, Fail):
                    every.append(score([outcome.nodes.get(n, cluster.nodes[n]) for n in members]))
        got = [best.score for best in _one_by_one(members, candidates, wanted)(cluster, many)]
        self.assertEqual(got, sorted(every)[:many])


class ToolTests(InFolder):
    def last_score(self, *words: str) -> float:
        found = json.loads(self.run_tool("hbal", "-t", "three-nodes.data", "--json", *words).stdout)
        value: float = found["final"]["score"]
        return value

    def test_two_moves_that_end_better_than_three(self) -> None:
        got = self.run_tool("hbal", "-t", "three-nodes.data", "--lookahead", "3").stdout
        self.assertIn("Cluster score improved from 6.48073528 to 2.19049913\nSolution length=2\n", got)
        self.assertLess(self.last_score("--lookahead", "3"), self.last_score())

    def test_costs_are_shown_for_each_move_and_in_all(self) -> None:
        got = self.run_tool("hbal", "-t", "three-nodes.data", "--plan-cost=0.01").stdout
        self.assertIn("sends 20.0 GiB of disks and 2.0 GiB of memory: gain 3.65251124, net 3.43251124", got)
        total = "Plan cost: 30.0 GiB of disks and 2.0 GiB of memory at 0.01 points for each GiB"
        self.assertIn(f"{total}: gain 4.16875989, net 3.84875989", got)

    def test_steps_are_those_of_the_commands(self) -> None:
        got = self.run_tool("hbal", "-t", "three-nodes.data", "--lookahead", "3", "-C").stdout
        self.assertEqual(got.count("gnt-instance replace-disks"), 2)

    def run_at(self, clock: count[int], *words: str) -> str:
        stdout, stderr = io.StringIO(), io.StringIO()
        status = main(
            "hbal", words, stdin=io.StringIO(), stdout=stdout, stderr=stderr, clock=lambda: float(next(clock))
        )
        self.assertEqual((status, stderr.getvalue()), (0, ""))
        return stdout.getvalue()

    def test_the_budget_is_taken_from_the_clock_given(self) -> None:
        words = ("-t", "three-nodes.data", "--lookahead", "3", "--time-budget")
        self.assertIn("to 2.20433691", self.run_at(count(), *words, "0"))
        self.assertIn("to 2.20433691", self.run_at(count(step=10), *words, "5"))
        self.assertIn("to 2.19049913", self.run_at(count(), *words, "50"))

    def test_bad_values(self) -> None:
        for word in ("--lookahead=0", "--lookahead=9", "--lookahead=x", "--plan-cost=-1", "--plan-cost=0",
                     "--plan-cost=much", "--time-budget=-1"):  # fmt: skip
            got = self.run_tool("hbal", "-t", "three-nodes.data", word)
            self.assertEqual(got.status, 1, word)
            self.assertTrue(got.stderr.startswith("Error while parsing command line arguments:\n"), got.stderr)

    def test_explanations_go_along(self) -> None:
        got = self.run_tool("hbal", "-t", "three-nodes.data", "--lookahead", "3", "--plan-cost", "--explain")
        self.assertEqual(got.status, 0)
        self.assertIn("not elsewhere with", got.stdout)
