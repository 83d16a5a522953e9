"""Where new instances go."""

from __future__ import annotations

from unittest import TestCase

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clusters import cluster_of, clusters, new_instance, text_of, with_own_spindles
from ganeti_tw.htools.allocate import Rules, in_best_group, with_instance
from ganeti_tw.htools.cluster import NOWHERE, Cluster
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.policy import Policy, Spec, violation
from ganeti_tw.htools.redundancy import failing
from ganeti_tw.htools.score import score

properties = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


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


specs = st.builds(
    Spec,
    memory=st.sampled_from([128, 1024, 4096]),
    cpus=st.integers(1, 3),
    disk_size=st.sampled_from([1024, 10240, 20480]),
    disk_count=st.integers(1, 2),
    nics=st.just(1),
    spindle_use=st.integers(1, 3),
)
policies = st.builds(
    Policy,
    standard=specs,
    bounds=st.lists(st.tuples(specs, specs), min_size=1, max_size=3).map(tuple),
    templates=st.sampled_from([("drbd",), ("drbd", "plain"), ("plain", "ext", "diskless")]),
    vcpu_ratio=st.just(4.0),
    spindle_ratio=st.just(32.0),
)


def values(instance: Instance) -> tuple[int, ...]:
    return instance.memory, instance.vcpus, instance.disk, 1, instance.spindle_use


def sizes(spec: Spec) -> tuple[int, ...]:
    return spec.memory, spec.cpus, spec.disk_size, spec.disk_count, spec.spindle_use


class PolicyTests(TestCase):
    @settings(properties, max_examples=200)
    @given(
        clusters(most_nodes=3, most_instances=3),
        policies,
        st.sampled_from([512, 2048]),
        st.sampled_from(["drbd", "ext"]),
    )
    def test_an_instance_is_welcome_where_one_pair_and_the_templates_say_so(
        self, cluster: Cluster, policy: Policy, memory: int, template: str
    ) -> None:
        instance = new_instance(cluster, memory, template)
        within = any(
            all(low <= value <= high for low, value, high in zip(sizes(a), values(instance), sizes(b), strict=True))
            for a, b in policy.bounds
        )
        welcome = within and template in policy.templates
        self.assertEqual(violation(policy, instance, False) is None, welcome)
        for group in cluster.groups:
            group.policy = policy
        choice = in_best_group(cluster, instance, 2 if template == "drbd" else 1, Rules(capacity_checks=False))
        if not welcome:
            self.assertIsNone(choice.chosen)

    def test_of_several_pairs_the_first_says_what_is_wrong(self) -> None:
        cluster = cluster_of(text_of(1, 2, 0))
        low, small, big = Spec(1, 1, 1, 1, 1, 1), Spec(100, 9, 99999, 9, 9, 9), Spec(9999, 0, 99999, 9, 9, 9)
        policy = Policy(low, ((low, small), (low, big)), ("drbd",), 4.0, 32.0)
        self.assertEqual(violation(policy, new_instance(cluster, 512, "drbd"), False), Fail.MEM)
        self.assertEqual(
            violation(policy._replace(bounds=policy.bounds[::-1]), new_instance(cluster, 512, "drbd"), False), Fail.CPU
        )
        good = policy._replace(bounds=((low, big._replace(cpus=9)),), templates=("plain",))
        self.assertEqual(violation(good, new_instance(cluster, 512, "drbd"), False), Fail.DISK)


class TagTests(TestCase):
    @properties
    @given(clusters(), st.sampled_from(["svc:a", "svc:b", "svc:c"]), st.booleans())
    def test_an_exclusion_tag_is_never_doubled_unless_soft_errors_are_ignored(
        self, cluster: Cluster, tag: str, careless: bool
    ) -> None:
        instance = new_instance(cluster, 512, "ext")
        instance.exclusion = (tag,)
        rules = Rules(ignore_soft_errors=careless, capacity_checks=False)
        choice = in_best_group(cluster, instance, 1, rules)
        taken = [bool(node.exclusion.get(tag)) for node in cluster.nodes if not node.offline]
        if choice.chosen is None:
            return
        best = choice.chosen.allocation.best
        assert best is not None
        count = best.nodes[best.place.primary].exclusion[tag]
        self.assertEqual(count, cluster.nodes[best.place.primary].exclusion.get(tag, 0) + 1)
        if not careless:
            self.assertEqual(count, 1)
            self.assertLessEqual(choice.chosen.allocation.failures.get(Fail.TAGS, 0), sum(taken))


class ExclusiveStorageTests(TestCase):
    @properties
    @given(
        st.integers(0, 10**6),
        st.integers(0, 3),
        st.integers(0, 4),
        st.one_of(st.none(), st.integers(1, 3)),
        st.booleans(),
    )
    def test_spindles_are_never_shared(
        self, seed: int, instances: int, spare: int, wanted: int | None, careless: bool
    ) -> None:
        cluster = cluster_of(with_own_spindles(text_of(seed, 3, instances, plain=True), spare))
        instance = new_instance(cluster, 256, "drbd")
        instance.disk_spindles = wanted
        rules = Rules(ignore_soft_errors=careless, capacity_checks=False)
        choice = in_best_group(cluster, instance, 2, rules)
        if wanted is None or wanted > spare:
            self.assertIsNone(choice.chosen)
            self.assertIn("FailSpindles", choice.messages[0])
            return
        assert choice.chosen is not None, choice.messages
        best = choice.chosen.allocation.best
        assert best is not None
        for number in best.place[:2]:
            self.assertEqual(best.nodes[number].free_spindles, spare - wanted)
            self.assertEqual(best.nodes[number].instance_spindles, 0)
