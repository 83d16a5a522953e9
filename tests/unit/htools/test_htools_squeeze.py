"""Which nodes are switched off, and on again."""

from __future__ import annotations

from unittest import TestCase

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clusters import cluster_of, clusters
from ganeti_tw.htools.cluster import Cluster
from ganeti_tw.htools.squeeze import has_room, may_come, may_go, measure, switch_off, switch_on
from runs import DATA

properties = settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


class SqueezeTests(TestCase):
    @properties
    @given(clusters(most_nodes=6, most_instances=10), st.sampled_from([0.0, 8.0, 64.0]))
    def test_what_is_switched_off_is_empty_and_the_rest_has_room(self, cluster: Cluster, factor: float) -> None:
        size = measure(cluster.policy.standard, factor)
        before = [(node.offline, node.primaries) for node in cluster.nodes]
        trial = switch_off(cluster, may_go(cluster), size)
        self.assertEqual(before, [(node.offline, node.primaries) for node in cluster.nodes])
        for n in trial.nodes:
            node = trial.cluster.nodes[n]
            self.assertTrue(node.offline)
            self.assertFalse(cluster.nodes[n].hardware.master)
            self.assertEqual((node.primaries, node.secondaries), ((), ()))
        if trial.nodes:
            self.assertTrue(has_room(trial.cluster, size))

    def test_nothing_to_bring_back_is_not_enough(self) -> None:
        cluster = cluster_of((DATA / "squeeze.data").read_text())
        bringing = switch_on(cluster, may_come(cluster), measure(cluster.policy.standard, 7.0))
        self.assertEqual(bringing.trial.nodes, [4])
        self.assertFalse(bringing.enough)

    def test_the_fewest_nodes_are_brought_back(self) -> None:
        cluster = cluster_of((DATA / "squeeze.data").read_text())
        bringing = switch_on(cluster, may_come(cluster), measure(cluster.policy.standard, 1.0))
        self.assertEqual((bringing.trial.nodes, bringing.enough), ([], True))

    def test_instances_stay_in_their_groups(self) -> None:
        cluster = cluster_of((DATA / "two-groups.data").read_text())
        trial = switch_off(cluster, may_go(cluster), measure(cluster.policy.standard, 0.1))
        for step in trial.steps:
            groups = {cluster.nodes[n].hardware.group for n in (*step.old[:2], *step.new[:2]) if n >= 0}
            self.assertEqual(len(groups), 1)
