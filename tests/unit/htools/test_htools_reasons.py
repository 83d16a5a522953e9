"""Reasons name the check that failed, and what is missing is what would have been enough."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from unittest import TestCase

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clusters import cluster_of, clusters, text_of, with_own_spindles
from ganeti_tw.htools.balance import Limits, moves_of
from ganeti_tw.htools.cluster import Cluster
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.moves import attempt
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.policy import Policy, Spec, violation
from ganeti_tw.htools.prepare import set_limits
from ganeti_tw.htools.reasons import Reason, why_not_move, why_not_primary, why_not_secondary, why_unwelcome

properties = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def tight(draw: st.DrawFn) -> Cluster:
    """Clusters in which every limit is near."""
    cluster = draw(clusters(most_nodes=5, most_instances=20))
    if draw(st.booleans()):
        text = with_own_spindles(text_of(draw(st.integers(0, 10**6)), 4, 10, plain=True), draw(st.integers(0, 2)))
        cluster = cluster_of(text)
    ratio, low = draw(st.sampled_from([0.5, 1.0, 2.0])), draw(st.sampled_from([0.0, 0.3, 0.7]))
    set_limits(cluster, ratio, low)
    for node in cluster.nodes:
        node.hardware.max_spindles = draw(st.sampled_from([2.0, 8.0, 1000.0]))
    return cluster


def sized(cluster: Cluster, memory: int, disk: int, template: str, spindles: int | None, tag: str) -> Instance:
    instance = Instance(
        len(cluster.instances),
        "new",
        memory=memory,
        disk=disk,
        disks=[disk],
        disk_spindles=spindles,
        vcpus=2,
        status="running",
        auto_balance=True,
        template=template,
    )
    instance.exclusion = (tag,)
    return instance


instances = st.tuples(
    st.sampled_from([128, 4096, 20000, 70000]),
    st.sampled_from([1024, 50000, 500000]),
    st.sampled_from(["drbd", "plain", "ext"]),
    st.sampled_from([None, 1, 3]),
    st.sampled_from(["svc:a", "svc:z"]),
)


class ReasonTests(TestCase):
    @settings(properties, max_examples=120)
    @given(tight(), instances, st.booleans(), st.booleans())
    def test_the_reason_is_the_check_that_failed(
        self, cluster: Cluster, size: tuple[int, int, str, int | None, str], force: bool, later: bool
    ) -> None:
        instance = sized(cluster, *size)
        if later:
            instance.forthcoming = True
            instance._derive()
        for node in cluster.nodes:
            answer = node.with_primary(instance, 0, force)
            reason = why_not_primary(cluster, node, instance, force)
            self.assertEqual(answer if isinstance(answer, Fail) else None, reason and reason.fail, reason)
            for waive in (False, True):
                answer = node.with_secondary(instance, 0, force, waive_disk=waive)
                reason = why_not_secondary(node, instance, 0, force, waive_disk=waive)
                self.assertEqual(answer if isinstance(answer, Fail) else None, reason and reason.fail, reason)

    @settings(properties, max_examples=60)
    @given(tight(), st.booleans())
    def test_moves_that_fail_say_why(self, cluster: Cluster, force: bool) -> None:
        for instance in cluster.instances:
            if not instance.movable:
                continue
            for move in moves_of(cluster, instance, range(len(cluster.nodes)), Limits()):
                answer = attempt(cluster, instance, move, force)
                reason = why_not_move(cluster, instance, move, force)
                self.assertEqual(answer if isinstance(answer, Fail) else None, reason and reason.fail, (move, reason))

    @settings(properties, max_examples=60)
    @given(tight(), instances)
    def test_that_much_more_is_enough_and_less_is_not(
        self, cluster: Cluster, size: tuple[int, int, str, int | None, str]
    ) -> None:
        instance = sized(cluster, *size)
        checks: tuple[Callable[[Node], Reason | None], ...] = (
            lambda node: why_not_primary(cluster, node, instance),
            lambda node: why_not_secondary(node, instance, 0),
        )
        for node, check in product(cluster.nodes, checks):
            answer = check(node)
            # With forthcoming instances counted there are other figures that lack.
            if answer is None or answer.short is None or answer.unit != "MiB" or "counted" in answer.detail:
                continue
            for more, enough in ((answer.short - 1, False), (answer.short, True)):
                other = node._copy()
                if "disk" in answer.constraint:
                    other.free_disk += int(more)
                    other.planned_free_disk += int(more)
                else:
                    other.unused_memory += int(more)
                    other.planned_free_memory += int(more)
                again = check(other)
                same = again is not None and again.constraint == answer.constraint and "counted" not in again.detail
                self.assertEqual(same, not enough, (answer, again))

    def test_numbers_and_names(self) -> None:
        cluster = cluster_of(text_of(1, 2, 0, plain=True))
        node = cluster.nodes[0]
        free = node.unused_memory
        reason = why_not_primary(cluster, node, sized(cluster, free, 1024, "ext", None, "svc:a"))
        self.assertEqual(str(reason), f"memory short by 1 MiB: {free} needed, {free} unused")
        first = sized(cluster, 128, 1024, "ext", None, "svc:a")
        first.name = "web1"
        cluster.instances.append(first)
        held = node.with_primary(first, 0)
        assert not isinstance(held, Fail)
        reason = why_not_primary(cluster, held, sized(cluster, 128, 1024, "ext", None, "svc:a"))
        self.assertEqual(str(reason), "exclusion tag svc:a: held by web1")


class PolicyReasonTests(TestCase):
    @settings(properties, max_examples=200)
    @given(
        st.lists(
            st.tuples(*[st.builds(Spec, *[st.integers(1, 3) for _ in range(6)]) for _ in range(2)]), max_size=3
        ).map(tuple),
        st.integers(1, 3),
        st.lists(st.integers(1, 3), max_size=3),
        st.integers(1, 3),
        st.one_of(st.none(), st.integers(1, 3)),
        st.sampled_from(["drbd", "diskless"]),
        st.booleans(),
    )
    def test_the_field_named_is_the_one_broken(
        self,
        bounds: tuple[tuple[Spec, Spec], ...],
        memory: int,
        disks: list[int],
        cpus: int,
        spindles: int | None,
        template: str,
        exclusive: bool,
    ) -> None:
        instance = Instance(
            0,
            "new",
            memory=memory,
            disk=sum(disks),
            disks=disks,
            disk_spindles=spindles,
            vcpus=cpus,
            status="running",
            auto_balance=True,
            template=template,
        )
        policy = Policy(Spec(1, 1, 1, 1, 1, 1), bounds, ("drbd",), 4.0, 32.0)
        reason = why_unwelcome(policy, instance, exclusive)
        self.assertEqual(violation(policy, instance, exclusive), reason and reason.fail)
        if reason is not None:
            self.assertTrue(reason.constraint.startswith("policy "))

    def test_text(self) -> None:
        cluster = cluster_of(text_of(1, 2, 0, plain=True))
        low, high = Spec(1, 1, 1, 1, 1, 1), Spec(512, 9, 99999, 9, 9, 9)
        policy = Policy(low, ((low, high),), ("drbd", "plain"), 4.0, 32.0)
        self.assertEqual(
            str(why_unwelcome(policy, sized(cluster, 1024, 10, "drbd", None, "x"), False)),
            "policy memory-size: 1024, at most 512",
        )
        self.assertEqual(
            str(why_unwelcome(policy, sized(cluster, 512, 10, "ext", None, "x"), False)),
            "policy disk-templates: ext is not among drbd, plain",
        )
