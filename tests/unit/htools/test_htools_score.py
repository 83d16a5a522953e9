"""The score, worked out by hand."""

from __future__ import annotations

from math import sqrt
from unittest import TestCase

from clusters import cluster_of
from ganeti_tw.htools.score import COMPONENTS, components, lower_bound, score
from runs import DATA

# Of alpha, beta, gamma, and what the spread over them counts in the score.
FIGURES = {
    "free_mem_cv": ((0.59375, 0.84375, 0.96875), 0.07795120),
    "free_disk_cv": ((0.65, 0.70, 0.95), 0.06561673),
    "reserved_mem_cv": ((0.0625, 0.375, 0.125), 0.13501543),
    "vcpu_ratio_cv": ((9 / 8, 3 / 8, 1 / 8), 0.21245915),
    "cpu_load_cv": ((3, 2, 0), 1.24721913),
    "mem_load_cv": ((3, 2, 0), 1.24721913),
    "net_load_cv": ((3, 2, 0), 1.24721913),
    "disk_load_cv": ((4, 5, 1), 1.69967317),
    "spindles_cv": ((4 / 32, 5 / 32, 1 / 32), 0.02655739),
    "free_mem_cv_forth": ((0.59375, 0.78125, 0.96875), 0.07654655),
    "free_disk_cv_forth": ((0.65, 0.70, 0.95), 0.06561673),
    "vcpu_ratio_cv_forth": ((9 / 8, 3 / 8, 1 / 8), 0.21245915),
    "spindles_cv_forth": ((4 / 32, 5 / 32, 1 / 32), 0.02655739),
}
SUMS = {"reserved_mem_rtotal": 0.140625}


class ThreeNodesTests(TestCase):
    def setUp(self) -> None:
        self.nodes = cluster_of((DATA / "three-nodes.data").read_text()).nodes

    def test_memory_by_node(self) -> None:
        rows = [(n.instance_memory, n.unused_memory, n.reserved) for n in self.nodes]
        self.assertEqual(rows, [(6144, 9728, 1024), (2048, 13824, 6144), (0, 15872, 2048)])

    def test_each_component(self) -> None:
        for (name, weight), value in zip(COMPONENTS, components(self.nodes), strict=True):
            figures, counted = FIGURES.get(name, ((), SUMS.get(name, 0.0)))
            self.assertAlmostEqual(weight * value, counted, places=8, msg=name)
            if figures:
                mean = sum(figures) / 3
                by_hand = sqrt(sum((figure - mean) ** 2 for figure in figures) / 3)
                self.assertAlmostEqual(value, by_hand, places=12, msg=name)

    def test_the_whole_and_its_bound(self) -> None:
        self.assertEqual(f"{score(self.nodes):.8f}", "6.48073528")
        self.assertEqual(lower_bound(self.nodes), 0.0234375)


class LocationExclusionTests(TestCase):
    """Two racks, each with two instances of one kind, of which one is still to come in the second."""

    def test_forthcoming_instances_count_on_their_node_but_not_at_its_location(self) -> None:
        group = "11111111-2222-3333-4444-555555555555"
        nodes = [f"n{n}|16384|512|15000|99999|99999|8|N|{group}|1|rack:{n}|N|0|1|1.0" for n in range(2)]
        here = [f"i{n}|512|1024|1|running|Y|n{n // 2}||ext|svc:a|1|-|{'Y' if n == 3 else 'N'}" for n in range(4)]
        tags = ["htools:iextags:svc", "htools:nlocation:rack"]
        parts = [[f"main|{group}|preferred||"], nodes, here, tags]
        cluster = cluster_of("\n\n".join("\n".join(lines) for lines in parts) + "\n")
        values = dict(zip((name for name, _ in COMPONENTS), components(cluster.nodes), strict=True))
        self.assertEqual(values["pri_tags_score"], 2)
        self.assertEqual(values["location_exclusion_score"], 1)
