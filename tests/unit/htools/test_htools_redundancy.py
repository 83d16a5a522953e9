"""Whether a node can be lost: what is said without trying is what trying finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from unittest import TestCase

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clusters import cluster_of, clusters, sizes_between, text_of
from ganeti_tw.htools.allocate import Allocation, Rules, on_nodes, with_instance
from ganeti_tw.htools.cluster import Cluster
from ganeti_tw.htools.failures import Fail
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.moves import Kind as Kinds
from ganeti_tw.htools.moves import Move, attempt
from ganeti_tw.htools.node import Node, failed_over
from ganeti_tw.htools.occupancy import Occupancy
from ganeti_tw.htools.packing import Load, Space, fit
from ganeti_tw.htools.redundancy import (
    Checker,
    _leaving,
    _plainly,
    _taken_by_failovers,
    _tried,
    can_be_lost,
    failing,
    is_beyond_help,
)
from ganeti_tw.htools.sizes import Size
from ganeti_tw.htools.space import Kind, Room

properties = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
rooms = st.lists(st.builds(Space, memory=st.integers(-1, 9), disk=st.integers(0, 9)), min_size=1, max_size=3)


def outcomes(spaces: Sequence[Space], loads: Sequence[Load]) -> Iterator[bool]:
    """Whether all fit, for every way to choose among the rooms that still take the next one."""
    if not loads:
        yield True
        return
    load = loads[0]
    stuck = True
    for index in load.rooms:
        room = spaces[index]
        if room.memory > load.memory and (not load.disk or room.disk > load.disk):
            stuck = False
            left = Space(room.memory - load.memory, room.disk - load.disk)
            yield from outcomes([*spaces[:index], left, *spaces[index + 1 :]], loads[1:])
    if stuck:
        yield False


class PackingTests(TestCase):
    @settings(properties, max_examples=400)
    @given(rooms, st.data())
    def test_what_is_plain_holds_however_they_are_placed(self, spaces: list[Space], data: st.DataObject) -> None:
        choices = st.sets(st.integers(0, len(spaces) - 1)).map(lambda found: tuple(sorted(found)))
        load = st.builds(Load, memory=st.integers(0, 5), disk=st.sampled_from([0, 0, 1, 4]), rooms=choices)
        loads = data.draw(st.lists(load, max_size=4))
        plain = fit(spaces, loads)
        if plain is not None:
            self.assertEqual(set(outcomes(spaces, loads)), {plain})

    def test_memory_alone_is_decided_up_to_the_last_step(self) -> None:
        both = (0, 1)
        self.assertIs(fit([Space(10, 0), Space(10, 0)], [Load(4, 0, both)] * 3), True)
        self.assertIs(fit([Space(10, 0), Space(10, 0)], [Load(4, 0, both)] * 5), False)
        self.assertIs(fit([Space(10, 0), Space(10, 0)], [Load(4, 0, both)] * 4), True)

    def test_what_sums_leave_open_is_found_by_going_through_all_ways(self) -> None:
        both = (0, 1)
        self.assertIs(fit([Space(8, 0), Space(8, 0)], [Load(5, 0, both)] * 2), True)
        self.assertIs(fit([Space(9, 0), Space(9, 0)], [Load(5, 0, both)] * 3), False)
        self.assertIs(fit([Space(9, 9), Space(9, 2)], [Load(5, 3, both), Load(4, 3, both)]), False)

    def test_where_the_order_of_rooms_decides_nothing_is_said(self) -> None:
        self.assertIsNone(fit([Space(5, 0), Space(4, 0)], [Load(3, 0, (0, 1)), Load(4, 0, (0, 1))]))

    def test_too_many_ways_are_not_gone_through(self) -> None:
        rooms = [Space(100 + number, 0) for number in range(12)]
        loads = [Load(31 + number % 5, 0, tuple(range(12))) for number in range(30)]
        self.assertIsNone(fit(rooms, loads))


def spare(node: Node, memory: int) -> None:
    """Have only so much left: the rest counts as lost."""
    node.hardware.lost_memory = max(0, node.hardware.lost_memory) + node.unused_memory - memory
    node._settle_memory()


def figures(node: Node) -> dict[str, object]:
    """All there is to know of it, but for what it keeps to be quick."""
    slots = [slot for slot in Occupancy.__slots__ if slot != "_metrics"]
    return {slot: getattr(node, slot) for slot in slots} | {"metrics": node.metrics()}


@st.composite
def tight(draw: st.DrawFn) -> Cluster:
    """Clusters with instances of all templates, on which memory is short."""
    cluster = draw(clusters(most_nodes=5, most_instances=25))
    less = draw(st.integers(0, 9))
    for number, node in enumerate(cluster.nodes):
        if number % 2:
            spare(node, max(1, node.unused_memory * less // 9))
            node.free_disk = max(1, node.free_disk * less // 9)
    return cluster


class LossTests(TestCase):
    @settings(properties, max_examples=150)
    @given(tight())
    def test_plain_answers_are_those_of_trying(self, cluster: Cluster) -> None:
        members = range(len(cluster.nodes))
        for index in members:
            leaving = _leaving(cluster, members, index)
            plain = _plainly(cluster, leaving)
            tried = _tried(cluster, members, leaving)
            if plain is not None:
                self.assertEqual(plain, tried)
            self.assertEqual(can_be_lost(cluster, members, index), tried)

    @settings(properties, max_examples=150)
    @given(tight())
    def test_failovers_together_are_those_one_by_one(self, cluster: Cluster) -> None:
        members = range(len(cluster.nodes))
        for index in members:
            view = cluster.copy()
            mirrored = _leaving(cluster, members, index).mirrored
            outcomes = []
            for instance in mirrored:
                outcomes.append(attempt(view, instance, Move(Kinds.FAILOVER), True))
                if isinstance(outcomes[-1], Fail):
                    break
                view.settle(outcomes[-1].nodes, instance.index, outcomes[-1].place)
            possible = _taken_by_failovers(cluster, cluster.nodes[index], mirrored) is not None
            self.assertEqual(possible, not any(isinstance(outcome, Fail) for outcome in outcomes))
            if possible:
                moving = [(instance, *cluster.places[instance.index]) for instance in mirrored]
                for number, node in failed_over(cluster.nodes, moving).items():
                    self.assertEqual(figures(node), figures(view.nodes[number]))

    @properties
    @given(tight(), st.sampled_from(["drbd", "plain", "ext"]), st.sampled_from([512, 4096]))
    def test_beyond_help_stays_so_when_more_is_placed(self, cluster: Cluster, template: str, memory: int) -> None:
        members = range(len(cluster.nodes))
        lost = [index for index in members if is_beyond_help(cluster, members, index)]
        room = Room(cluster, Kind("ext", 1), list(members), frozenset(), Rules(capacity_checks=False))
        instance = room.instance(cluster, Size(memory, 1024, 1, 1), 0).as_template(template)
        found = on_nodes(cluster, members, instance, members, Rules(capacity_checks=False)).best
        if found is None:
            return
        view = with_instance(cluster, instance, found.place, found.nodes)
        self.assertLessEqual(set(lost), set(failing(view, members)))


class HopelessTests(TestCase):
    @properties
    @given(tight(), st.sampled_from(["plain", "ext"]), st.sampled_from([512, 4096]))
    def test_a_hopeless_state_gives_the_same_counts(self, cluster: Cluster, template: str, memory: int) -> None:
        online = [node.hardware.index for node in cluster.nodes if not node.offline]
        room = Room(cluster, Kind(template, 1), online, frozenset(), Rules())
        everything = range(len(cluster.nodes))
        for size in (Size(memory, 10240, 1, 1), Size(memory // 2, 1024, 1, 1)):
            instance = room.instance(cluster, size, 0)
            want = on_nodes(cluster, everything, instance, online, Rules())
            got = room.find(cluster, instance, checked=True)
            self.assertEqual((got.successes, got.failures), (want.successes, want.failures))
            self.assertEqual(got.best and got.best.place, want.best and want.best.place)

    @settings(properties, max_examples=40)
    @given(
        tight(),
        st.integers(150, 9000),
        st.integers(600, 200000),
        st.sampled_from(["plain", "ext"]),
        st.sampled_from([Fail.MEM, Fail.DISK]),
    )
    def test_sizes_left_out_are_as_unsafe(
        self, cluster: Cluster, memory: int, disk: int, template: str, kind: Fail
    ) -> None:
        online = [node.hardware.index for node in cluster.nodes if not node.offline]
        room = Room(cluster, Kind(template, 1), online, frozenset(), Rules())
        size = Size(memory, disk, 1, 1)
        found = room.find(cluster, room.instance(cluster, size, 0), checked=True)
        if found.best is not None:
            return
        last = room._last_alike(cluster, size, kind, found.failures)
        for other in sizes_between(size, last, kind):
            instance = room.instance(cluster, other, 0)
            again = on_nodes(cluster, range(len(cluster.nodes)), instance, online, Rules())
            self.assertIsNone(again.best)
            self.assertEqual(again.failures, found.failures)

    def test_it_is_noticed(self) -> None:
        cluster = cluster_of(text_of(3, 4, 20, plain=True))
        for node in cluster.nodes:
            spare(node, 700)
        room = Room(cluster, Kind("ext", 1), range(4), frozenset(), Rules())
        for _ in range(2):
            found = room.find(cluster, room.instance(cluster, Size(128, 1024, 1, 1), 0), checked=True)
            self.assertIsNone(found.best)
        if found.failures.get(Fail.N1):
            self.assertTrue(room._is_hopeless(cluster))


class CountingRoom(Room):
    """Counts how often a place is looked for."""

    looked = 0

    def find(self, cluster: Cluster, instance: Instance, *, checked: bool) -> Allocation:
        self.looked += 1
        return super().find(cluster, instance, checked=checked)


class SweepTests(TestCase):
    def test_sizes_that_no_place_can_be_safe_for_are_not_looked_at_one_by_one(self) -> None:
        cluster = cluster_of(text_of(3, 5, 20, plain=True))
        for node in cluster.nodes:
            node.free_disk = node.planned_free_disk = 1000000
        room = CountingRoom(cluster, Kind("plain", 1), range(5), frozenset(), Rules())
        filled = room.fill_shrinking(cluster, [Size(4096, 600000, 1, 1)], None)
        self.assertEqual(failing(filled.cluster, range(5)), [])
        self.assertLess(room.looked, 400, room.looked)


class ManyAreSafe(Checker):
    """Finds a state safe when there are at least so many instances, all placements one by one unsafe."""

    least = 10

    def passes(self, cluster: Cluster, suspects: Sequence[int] = ()) -> bool:
        return len(cluster.instances) >= self.least

    def is_hopeless(self, cluster: Cluster) -> bool:
        return False


class BatchTests(TestCase):
    def test_ten_may_be_safe_together_though_the_first_alone_is_not(self) -> None:
        cluster = cluster_of(text_of(3, 4, 0, plain=True))
        room = Room(cluster, Kind("ext", 1), range(4), frozenset(), Rules())
        room._checker = ManyAreSafe(range(4))
        room._rules = room._rules._replace(checker=room._checker)
        self.assertGreaterEqual(len(room.fill(cluster, Size(128, 1024, 1, 1), None).cluster.instances), 10)
        self.assertEqual(len(room.fill(cluster, Size(128, 1024, 1, 1), 5).cluster.instances), 0)
