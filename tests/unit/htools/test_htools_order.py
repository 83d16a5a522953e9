"""The order of the input decides ties and nothing else."""

from __future__ import annotations

from random import Random
from unittest import TestCase

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clusters import cluster_of, new_instance, text_of
from ganeti_tw.htools.allocate import Rules, in_best_group
from ganeti_tw.htools.cluster import Cluster
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.health import health
from ganeti_tw.htools.node import Node

properties = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def shuffled(text: str, seed: int) -> str:
    """The same cluster with its nodes and instances in another order."""
    random = Random(seed)
    groups, nodes, instances, *rest = text.split("\n\n")
    lines = [part.splitlines() for part in (nodes, instances)]
    for each in lines:
        random.shuffle(each)
    return "\n\n".join([groups, *("\n".join(each) for each in lines), *rest])


def figures(node: Node) -> tuple[object, ...]:
    return (
        node.unused_memory,
        node.reserved,
        node.n1_failure,
        node.used_cpus,
        node.free_disk,
        node.planned_free_memory,
        node.exclusion,
        node.location_score,
        len(node.primaries),
        len(node.secondaries),
    )


def by_name(cluster: Cluster) -> dict[str, tuple[object, ...]]:
    return {node.hardware.name: figures(node) for node in cluster.nodes}


class OrderTests(TestCase):
    @properties
    @given(st.integers(0, 10**9), st.integers(0, 10**9), st.booleans())
    def test_figures_score_and_problems_are_the_same(self, seed: int, order: int, plain: bool) -> None:
        text = text_of(seed, 5, 20, plain=plain)
        one, other = cluster_of(text), cluster_of(shuffled(text, order))
        self.assertEqual(by_name(one), by_name(other))
        first, second = health(one, 0, capacity=False), health(other, 0, capacity=False)
        self.assertEqual(first.problems, second.problems)
        self.assertAlmostEqual(first.score, second.score, places=9)

    @properties
    @given(
        st.integers(0, 10**9), st.integers(0, 10**9), st.sampled_from(["drbd", "plain"]), st.sampled_from([512, 20000])
    )
    def test_a_new_instance_finds_as_many_places_and_as_good_a_one(
        self, seed: int, order: int, template: str, memory: int
    ) -> None:
        text = text_of(seed, 5, 20)
        found: list[tuple[int, dict[Fail, int], float | None]] = []
        for content in (text, shuffled(text, order)):
            cluster = cluster_of(content)
            instance = new_instance(cluster, memory, template)
            choice = in_best_group(cluster, instance, 2 if template == "drbd" else 1, Rules(capacity_checks=False))
            if choice.chosen is None:
                found.append((0, {}, None))
                continue
            allocation = choice.chosen.allocation
            assert allocation.best is not None
            found.append((allocation.successes, allocation.failures, round(allocation.best.score, 7)))
        self.assertEqual(found[0], found[1])
