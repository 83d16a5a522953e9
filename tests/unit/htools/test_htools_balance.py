"""Plans that make a group more even, and the two ways to find them."""

from __future__ import annotations

from unittest import TestCase

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clusters import cluster_of, clusters, text_of
from ganeti_tw.htools.arrays import Nodes
from ganeti_tw.htools.balance import _MUCH, Limits, balance, movable, moves_of, one_by_one, work_of_a_step
from ganeti_tw.htools.cluster import NOWHERE, Cluster
from ganeti_tw.htools.exact import Exact
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.jobs import job_sets
from ganeti_tw.htools.moves import attempt
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.prepare import derive
from ganeti_tw.htools.score import clashes, score
from ganeti_tw.htools.search import vectorised

properties = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

limits = st.builds(
    Limits,
    steps=st.just(6),
    restricted_migration=st.booleans(),
    ignore_soft_errors=st.booleans(),
    evacuating=st.booleans(),
    disk_moves=st.booleans(),
    instance_moves=st.booleans(),
    price=st.sampled_from([0.0, 0.0, 1e-4, 1e-2]),
)


def group_score(cluster: Cluster) -> float:
    return score(cluster.nodes)


def real_clashes(cluster: Cluster, node: Node) -> int:
    """Instances too many with one exclusion tag, but for those that do not run yet, which may go anywhere."""
    tags = [tag for index in node.primaries for tag in cluster.instances[index].exclusion]
    return len(tags) - len(set(tags))


class ForthcomingTests(TestCase):
    def test_what_is_to_come_may_join_an_exclusion_tag_and_what_runs_may_not(self) -> None:
        cluster = cluster_of(text_of(1, 2, 0))
        node = cluster.nodes[0]
        for forthcoming in (False, True):
            one, other = (
                Instance(
                    number,
                    f"inst{number}",
                    memory=128,
                    disk=0,
                    disks=[],
                    disk_spindles=None,
                    vcpus=1,
                    status="running",
                    auto_balance=True,
                    template="ext",
                    forthcoming=forthcoming,
                )
                for number in range(2)
            )
            one.exclusion = other.exclusion = ("svc:a",)
            taken = node.with_primary(one, 0)
            assert not isinstance(taken, Fail)
            both = taken.with_primary(other, 0)
            if forthcoming:
                assert not isinstance(both, Fail)
                self.assertEqual(clashes(both), 1)
            else:
                self.assertEqual(both, Fail.TAGS)


class SearchTests(TestCase):
    @properties
    @given(clusters(), limits)
    def test_arrays_and_one_by_one_find_the_same_moves(self, cluster: Cluster, wanted: Limits) -> None:
        members = cluster.members(0)
        candidates = movable(cluster, 0, wanted)
        slow = one_by_one(members, candidates, wanted)
        every = vectorised(cluster, members, candidates, wanted)
        bounded = vectorised(cluster, members, candidates, wanted, few=0)
        now = group_score(cluster)
        for _ in range(wanted.steps):
            one = slow(cluster, now)
            for search in (every, bounded):
                other = search(cluster, now)
                if one is None or other is None:
                    self.assertEqual((one, other), (None, None))
                else:
                    found = other.instance.name, other.move, other.score, other.worth
                    self.assertEqual((one.instance.name, one.move, one.score, one.worth), found)
            if one is None:
                return
            cluster.settle(one.outcome.nodes, one.instance.index, one.outcome.place)
            now = one.score

    def test_a_run_that_changes_over_to_arrays(self) -> None:
        cluster = cluster_of(text_of(5, 8, 90, plain=True))
        members, candidates = cluster.members(0), movable(cluster, 0, Limits())
        one_step = work_of_a_step(members, candidates)
        arrays = vectorised(cluster.copy(), members, candidates, Limits())
        view, now, steps = cluster.copy(), group_score(cluster), 0
        for step in balance(cluster, 0, Limits()):
            best = arrays(view, now)
            assert best is not None
            self.assertEqual((best.instance, best.move, best.score), (step.instance, step.move, step.score))
            view.settle(best.outcome.nodes, best.instance.index, best.outcome.place)
            now = best.score
            steps += 1
        self.assertLess(one_step, _MUCH)
        self.assertGreater(steps * one_step, 2 * _MUCH)

    def test_bounds_hold_through_a_whole_run(self) -> None:
        for seed in range(3):
            cluster = cluster_of(text_of(seed, 16, 120, plain=seed > 0))
            members = cluster.members(0)
            candidates = movable(cluster, 0, Limits())
            every = vectorised(cluster, members, candidates, Limits(), few=10**9)
            bounded = vectorised(cluster, members, candidates, Limits(), few=0)
            now = group_score(cluster)
            while (one := every(cluster, now)) is not None:
                other = bounded(cluster, now)
                assert other is not None
                self.assertEqual(
                    (one.instance.name, one.move, one.score), (other.instance.name, other.move, other.score)
                )
                cluster.settle(one.outcome.nodes, one.instance.index, one.outcome.place)
                now = one.score
            self.assertIsNone(bounded(cluster, now))

    @properties
    @given(clusters(most_nodes=5, most_instances=15))
    def test_scores_from_arrays_are_real_to_the_last_bit(self, cluster: Cluster) -> None:
        members = cluster.members(0)
        if all(cluster.nodes[n].offline for n in members):
            return
        exact = Exact(cluster, members, Nodes(cluster, members, []))
        outcomes = []
        for index in movable(cluster, 0, Limits()):
            for move in moves_of(cluster, cluster.instances[index], members, Limits()):
                outcome = attempt(cluster, cluster.instances[index], move, True)
                if not isinstance(outcome, Fail):
                    outcomes.append(outcome.nodes)
        wanted = [score([changed.get(n, cluster.nodes[n]) for n in members]) for changed in outcomes]
        self.assertEqual(exact.scores(cluster, outcomes), wanted)


class PlanTests(TestCase):
    @properties
    @given(clusters())
    def test_a_plan_replayed_gives_the_scores_promised(self, cluster: Cluster) -> None:
        replay = cluster.copy()
        steps = list(balance(cluster, 0, Limits(steps=8)))
        for step in steps:
            outcome = attempt(replay, step.instance, step.move)
            assert not isinstance(outcome, Fail)
            replay.settle(outcome.nodes, step.instance.index, outcome.place)
            self.assertEqual(outcome.place, step.new)
            self.assertEqual(group_score(replay), step.score)

    @properties
    @given(clusters())
    def test_every_step_is_better_and_what_was_sound_stays_so(self, cluster: Cluster) -> None:
        before = cluster.copy()
        last = group_score(cluster)
        for step in balance(cluster, 0, Limits(steps=8)):
            self.assertLess(step.score, last)
            last = step.score
        for old, new in zip(before.nodes, cluster.nodes, strict=True):
            if len(new.primaries) > len(old.primaries):
                self.assertFalse(new.offline)
                self.assertGreater(new.unused_memory, 0)
            if new.hardware.offline:
                self.assertLessEqual(set(new.primaries), set(old.primaries) | set(old.secondaries))
            if old.free_disk > 0 and not old.offline:
                self.assertGreater(new.free_disk, 0)
            if not old.n1_failure and not new.offline:
                self.assertFalse(new.n1_failure)
            self.assertLessEqual(real_clashes(cluster, new), real_clashes(cluster, old))

    @properties
    @given(clusters())
    def test_books_kept_move_by_move_equal_books_made_anew(self, cluster: Cluster) -> None:
        for _ in balance(cluster, 0, Limits(steps=8)):
            pass
        kept = [
            (n.unused_memory, n.reserved, n.used_cpus, n.instance_spindles, n.exclusion, n.location_score, n.n1_failure)
            for n in cluster.nodes
        ]
        lost = [node.hardware.lost_memory for node in cluster.nodes]
        derive(cluster)
        for node, memory in zip(cluster.nodes, lost, strict=True):
            node.hardware.lost_memory = memory
            node._settle_memory()
        again = [
            (n.unused_memory, n.reserved, n.used_cpus, n.instance_spindles, n.exclusion, n.location_score, n.n1_failure)
            for n in cluster.nodes
        ]
        self.assertEqual(kept, again)

    @properties
    @given(clusters())
    def test_no_set_of_jobs_touches_a_node_twice(self, cluster: Cluster) -> None:
        steps = list(balance(cluster, 0, Limits(steps=8)))
        sets = job_sets(steps)
        self.assertEqual([step for each in sets for step in each], steps)
        for each in sets:
            touched: set[int] = set()
            for step in each:
                nodes = {*step.old[:2], *step.new[:2]} - {NOWHERE}
                self.assertTrue(touched.isdisjoint(nodes))
                touched |= nodes
