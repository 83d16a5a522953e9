"""Where new instances go."""

from __future__ import annotations

from unittest import TestCase

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clusters import clusters
from ganeti_tw.htools.allocate import Rules, in_best_group, with_instance
from ganeti_tw.htools.cluster import NOWHERE, Cluster
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.redundancy import failing
from ganeti_tw.htools.score import score

properties = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def new_instance(cluster: Cluster, memory: int, template: str) -> Instance:
    return Instance(
        len(cluster.instances),
        "new",
        memory=memory,
        disk=10240,
        disks=[10240],
        disk_spindles=None,
        vcpus=1,
        status="running",
        auto_balance=True,
        template=template,
    )


class AllocationTests(TestCase):
    @properties
    @given(clusters(), st.sampled_from([256, 2048, 8192]), st.sampled_from(["drbd", "plain", "ext"]), st.booleans())
    def test_a_place_is_online_has_room_and_the_promised_score(
        self, cluster: Cluster, memory: int, template: str, careful: bool
    ) -> None:
        instance = new_instance(cluster, memory, template)
        rules = Rules(capacity_checks=careful)
        choice = in_best_group(cluster, instance, 2 if template == "drbd" else 1, rules)
        if choice.chosen is None:
            return
        best = choice.chosen.allocation.best
        assert best is not None
        for number in best.place[:2]:
            if number != NOWHERE:
                self.assertFalse(cluster.nodes[number].offline)
                self.assertGreater(best.nodes[number].unused_memory, 0)
                self.assertGreater(best.nodes[number].free_disk, 0)
        view = with_instance(cluster, instance, best.place, best.nodes)
        self.assertAlmostEqual(score(view.nodes), best.score, places=7)
        if careful:
            self.assertEqual(failing(view, range(len(view.nodes))), [])
        self.assertEqual(len(cluster.instances) + 1, len(view.instances), "the view asked about is unchanged")
