"""How many more instances fit."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from unittest import TestCase

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clusters import cluster_of, clusters, sizes_between, text_of, with_own_spindles
from ganeti_tw.htools.allocate import Rules, on_nodes, on_pairs
from ganeti_tw.htools.cluster import NOWHERE, BadData, Cluster
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.numbers import fixed
from ganeti_tw.htools.openings import Openings
from ganeti_tw.htools.policy import violation
from ganeti_tw.htools.prepare import Wishes, prepare
from ganeti_tw.htools.redundancy import Checker, failing
from ganeti_tw.htools.sizes import Size
from ganeti_tw.htools.space import Filled, Kind, Room
from ganeti_tw.htools.text import parse
from ganeti_tw.htools.vacancies import Vacancies
from runs import DATA, InFolder

properties = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
templates = st.sampled_from(["drbd", "plain", "ext", "diskless"])
short = st.sampled_from([Fail.MEM, Fail.DISK])
sizes = st.builds(
    Size,
    memory=st.sampled_from([512, 2048, 8192]),
    disk=st.sampled_from([1024, 10240, 102400]),
    cpus=st.integers(1, 4),
    spindles=st.just(1),
)


@st.composite
def untagged(draw: st.DrawFn) -> Cluster:
    """Clusters whose nodes have no locations, which pairs of nodes would share."""
    text = text_of(draw(st.integers(0, 10**9)), draw(st.integers(2, 7)), draw(st.integers(0, 20)))
    if draw(st.booleans()):
        text = with_own_spindles(text_of(draw(st.integers(0, 10**9)), 4, 10, plain=True), draw(st.integers(0, 9)))
    cluster = parse(text)
    cluster.tags = [tag for tag in cluster.tags if not tag.startswith("htools:nlocation:")]
    return prepare(cluster, Wishes(max_cpu=draw(st.sampled_from([None, 1.5])))).cluster


def online(cluster: Cluster) -> list[int]:
    return [node.hardware.index for node in cluster.nodes if not node.offline]


def room(cluster: Cluster, template: str, rules: Rules) -> Room:
    return Room(cluster, Kind(template, 1), online(cluster), frozenset(), rules)


def new_instance(cluster: Cluster, size: Size, template: str) -> Instance:
    return Instance(
        len(cluster.instances),
        "new-0",
        memory=size.memory,
        disk=size.disk,
        disks=(size.disk,),
        disk_spindles=size.spindles,
        vcpus=size.cpus,
        status="running",
        auto_balance=True,
        template=template,
    )


class ArraysTests(TestCase):
    @settings(properties, max_examples=150)
    @given(untagged(), sizes, st.booleans())
    def test_pairs_are_those_found_one_by_one(self, cluster: Cluster, size: Size, one_more: bool) -> None:
        vacancies = Vacancies(cluster, online(cluster))
        targets = online(cluster)
        pairs = [(p, [s for s in targets if s != p]) for p in targets if len(targets) > 1]
        for _ in range(1 + one_more):
            instance = new_instance(cluster, size, "drbd")
            want = on_pairs(cluster, range(len(cluster.nodes)), instance, pairs, Rules(capacity_checks=False))
            got = vacancies.best_pair(cluster, instance)
            self.assertEqual((got.successes, got.failures), (want.successes, want.failures))
            self.assertEqual(got.best and got.best[::2], want.best and want.best[::2])
            if want.best is not None:
                cluster.instances.append(instance)
                cluster.places.append(want.best.place)
                cluster.settle(want.best.nodes, instance.index, want.best.place)


class OpeningsTests(TestCase):
    @settings(properties, max_examples=200)
    @given(untagged(), st.lists(sizes, min_size=1, max_size=3), templates, st.booleans())
    def test_nodes_are_those_found_one_by_one(
        self, cluster: Cluster, wanted: list[Size], template: str, careful: bool
    ) -> None:
        everything = range(len(cluster.nodes))
        openings = Openings(online(cluster), ignore_soft_errors=False)
        for size in wanted:
            for _ in range(3):
                instance = new_instance(cluster, size, template)
                rules = Rules(capacity_checks=careful)
                want = on_nodes(cluster, everything, instance, online(cluster), rules)
                got = openings.find(cluster, instance, Checker(everything) if careful else None)
                self.assertEqual((got.successes, got.failures), (want.successes, want.failures))
                self.assertEqual(got.best and got.best[::2], want.best and want.best[::2])
                if got.best is not None:
                    cluster.put(instance, got.best.place, got.best.nodes)

    def test_of_nodes_that_are_equal_the_last_is_taken(self) -> None:
        """And the next best ones of a state that was asked about before are those of that state."""
        cluster = parse(text_of_equal_nodes(4))
        openings = Openings(range(4), ignore_soft_errors=False)
        size = Size(memory=1024, disk=1024, cpus=1, spindles=1)
        taken = []
        before = cluster.copy()
        for _ in range(5):
            instance = new_instance(cluster, size, "plain")
            best = openings.find(cluster, instance, None).best
            assert best is not None
            taken.append(best.place.primary)
            cluster.put(instance, best.place, best.nodes)
        self.assertEqual(taken, [3, 2, 1, 0, 3])
        again = openings.find(before, new_instance(before, size, "plain"), None).best
        assert again is not None
        self.assertEqual(again.place.primary, 3)


def text_of_equal_nodes(count: int) -> str:
    rows = [f"node{n}|32768|0|32768|102400|102400|16|N|group-0|1" for n in range(count)]
    return "\n".join(["group-0|group-0|preferred||", "", *rows, "", "", "", "", ""])


class RoomTests(TestCase):
    def check(self, before: Cluster, filled: Filled) -> None:
        """Nothing is overcommitted, policies are kept, the cluster asked about is unchanged."""
        after = filled.cluster
        self.assertEqual(filled.first, len(before.instances))
        self.assertEqual(after.instances[: filled.first], before.instances)
        for instance, place in list(zip(after.instances, after.places, strict=True))[filled.first :]:
            group = after.nodes[place.primary].hardware.group
            for number in place[:2]:
                if number == NOWHERE:
                    continue
                node, hardware = after.nodes[number], after.nodes[number].hardware
                self.assertFalse(node.offline)
                self.assertEqual(hardware.group, group)
                self.assertGreater(node.unused_memory, 0)
                self.assertLessEqual(node.instance_spindles, hardware.max_spindles)
                if instance.local_disk:
                    self.assertGreaterEqual(node.free_spindles, 0)
                    self.assertGreater(node.free_disk, 0)
                if number == place.primary:
                    self.assertLessEqual(node.used_cpus / hardware.cpus, hardware.vcpu_ratio)
                    self.assertIsNone(violation(after.groups[group].policy, instance, hardware.exclusive_storage))
                self.assertTrue(before.nodes[number].n1_failure or not node.n1_failure)

    @properties
    @given(untagged(), sizes, templates, st.booleans(), st.one_of(st.none(), st.integers(0, 5)))
    def test_one_size(self, cluster: Cluster, size: Size, template: str, careful: bool, limit: int | None) -> None:
        rules = Rules(capacity_checks=careful)
        where = room(cluster, template, rules)
        healthy = not failing(cluster, range(len(cluster.nodes)))
        size = size._replace(memory=max(size.memory, 2048))
        try:
            filled = where.fill(cluster, size, limit)
        except BadData as error:
            self.assertIn("nline nodes", str(error))
            return
        self.check(cluster, filled)
        count = len(filled.cluster.instances) - filled.first
        if limit is not None:
            self.assertLessEqual(count, limit)
        if limit is None or count < limit:
            one_more = new_instance(filled.cluster, size, template)
            checked = careful and template != "drbd"
            self.assertIsNone(where.find(filled.cluster, one_more, checked=checked).best)
        if careful and healthy and template != "drbd":
            self.assertEqual(failing(filled.cluster, range(len(cluster.nodes))), [])

    @properties
    @given(clusters(most_nodes=4), templates)
    def test_sizes_shrink(self, cluster: Cluster, template: str) -> None:
        try:
            filled = room(cluster, template, Rules(capacity_checks=False)).fill_shrinking(
                cluster, [Size(16384, 204800, 4, 1)], None
            )
        except BadData:
            return
        self.check(cluster, filled)
        new = filled.cluster.instances[filled.first :]
        for earlier, later in pairwise(new):
            self.assertLessEqual(later.memory, earlier.memory)
            self.assertLessEqual(later.disk, earlier.disk)
            self.assertLessEqual(later.vcpus, earlier.vcpus)

    @settings(properties, max_examples=100)
    @given(untagged(), st.integers(-3000, 300) | st.just(10**5), st.integers(600, 300000), templates, short)
    def test_sizes_left_out_fail_alike(
        self, cluster: Cluster, memory: int, disk: int, template: str, kind: Fail
    ) -> None:
        where = room(cluster, template, Rules(capacity_checks=False))
        # About as much as the emptiest node has left.
        memory += max(node.unused_memory for node in cluster.nodes)
        size = Size(max(64, memory), disk if kind is Fail.DISK else 1024, 1, 1)
        try:
            found = where.find(cluster, new_instance(cluster, size, template), checked=False)
        except BadData:
            return
        if found.best is not None:
            return
        last = where._last_alike(cluster, size, kind, found.failures)
        for other in sizes_between(size, last, kind):
            again = where.find(cluster, new_instance(cluster, other, template), checked=False)
            self.assertEqual(again.failures, found.failures)


class SizeTests(TestCase):
    def test_smallest_sizes(self) -> None:
        self.assertEqual(Size(128, 512, 2, 2).shrunk(Fail.MEM), Size(64, 512, 2, 2))
        self.assertEqual(Size(128, 512, 2, 2).shrunk(Fail.DISK), Size(128, 256, 2, 2))
        self.assertEqual(Size(128, 512, 2, 2).shrunk(Fail.CPU), Size(128, 512, 1, 2))
        self.assertEqual(Size(128, 512, 2, 2).shrunk(Fail.SPINDLES), Size(128, 512, 2, 1))
        for kind in Fail:
            self.assertIsNone(Size(127, 511, 1, 1).shrunk(kind))

    def test_limits_go_through_several_sizes(self) -> None:
        cluster = cluster_of(text_of(1, 3, 0, plain=True))
        where = room(cluster, "ext", Rules(capacity_checks=False))
        filled = where.fill_shrinking(cluster, [Size(512, 1024, 1, 1), Size(256, 1024, 1, 1)], 2)
        self.assertEqual([each.memory for each in filled.cluster.instances], [512, 512])


class FixedTests(TestCase):
    def test_halves_of_the_shortest_form_go_to_even(self) -> None:
        self.assertEqual(fixed(0.00125, 4), "0.0012")
        self.assertEqual(fixed(0.00135, 4), "0.0014")
        self.assertEqual(fixed(1.5e-8, 8), "0.00000002")
        self.assertEqual(fixed(12345.0, 2), "12345.00")

    @properties
    @given(st.floats() | st.decimals(-1000, 1000, places=6).map(float), st.sampled_from([2, 3, 4, 5, 8]))
    def test_as_decimals_do(self, value: float, places: int) -> None:
        self.assertEqual(fixed(value, places), f"{Decimal(repr(value)):.{places}f}")


class BadInputTests(InFolder):
    def error(self, *words: str, status: int = 1) -> str:
        got = self.run_tool("hspace", *words)
        self.assertEqual(got.status, status, got)
        return got.stderr

    def test_no_data(self) -> None:
        self.assertEqual(self.error(), "Error: failed to load data, aborting: No backend selected! Exiting.\n")

    def test_too_few_nodes(self) -> None:
        self.assertEqual(
            self.error("--simulate", "p,1,100g,8g,4", "--disk-template", "drbd"),
            "Error: failure during allocation: Not enough online nodes\n",
        )
        self.assertEqual(
            self.error("-t", "three-nodes.data", "-O", "alpha", "-O", "beta", "-O", "gamma", "--disk-template", "ext"),
            "Error: failure during allocation: No online nodes\n",
        )

    def test_bad_values(self) -> None:
        for words in (
            ("--standard-alloc", "10g"),
            ("--tiered-alloc", "10g,1g,1,1,1"),
            ("--standard-alloc", "10g,x,1"),
            ("--disk-template", "tape"),
            ("--spindle-use", "-1"),
            ("-l", "many"),
        ):
            text = self.error("-t", "three-nodes.data", *words)
            self.assertTrue(text.startswith("Error while parsing command line arguments:\n"), text)
        self.assertTrue(self.error("--exec", status=2).startswith("Command line error: unrecognized option"))

    def test_no_steps_at_all(self) -> None:
        got = self.run_tool("hspace", "-t", "three-nodes.data", "-l", "0", "--machine-readable")
        self.assertEqual(got.status, 0, got)
        self.assertIn("HTS_ALLOC_INSTANCES=0\n", got.stdout)

    def test_cut_anywhere(self) -> None:
        text = (DATA / "three-nodes.data").read_text()
        for end in range(0, len(text), 23):
            got = self.run_tool("hspace", "-t", self.write("cut.data", text[:end]), "-l", "2")
            self.assertIn(got.status, (0, 1))
            self.assertEqual(got.status == 1, "Error: " in got.stderr, got)
