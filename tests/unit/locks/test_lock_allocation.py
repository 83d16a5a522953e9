"""Locks as a value."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, NamedTuple

from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.locks.allocation import BGL, Allocation, grant
from ganeti_tw.locks.table import Mode, Table
from ganeti_tw.locks.waiting import Request

S, X = Mode.SHARED, Mode.EXCLUSIVE
NAMES = ("cluster/BGL", "instance/a", "instance/b", "instance/[lockset]", "node/n1", "node/[lockset]")


class LockAllocationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.locks = Allocation()

    def test_a_free_lock_is_granted_at_once(self) -> None:
        self.assertEqual(self.locks.request("j1", {"instance/a": X}), ["j1"])

    def test_readers_share(self) -> None:
        self.locks.request("j1", {"instance/a": S})
        self.assertEqual(self.locks.request("j2", {"instance/a": S}), ["j2"])

    def test_a_writer_waits_for_readers(self) -> None:
        self.locks.request("j1", {"instance/a": S})
        self.assertEqual(self.locks.request("j2", {"instance/a": X}), [])
        self.assertEqual(self.locks.release("j1"), ["j2"])

    def test_a_waiter_is_not_overtaken(self) -> None:
        self.locks.request("j1", {"instance/a": S})
        self.locks.request("j2", {"instance/a": X})
        self.assertEqual(self.locks.request("j3", {"instance/a": S}), [])
        self.locks.release("j1")
        self.assertEqual(self.locks.release("j2"), ["j3"])

    def test_readers_that_waited_are_granted_together(self) -> None:
        self.locks.request("j1", {"instance/a": X})
        self.locks.request("j2", {"instance/a": S})
        self.locks.request("j3", {"instance/a": S})
        self.assertEqual(self.locks.release("j1"), ["j2", "j3"])

    def test_others_pass_a_waiter_for_something_else(self) -> None:
        self.locks.request("j1", {"instance/a": X})
        self.locks.request("j2", {"instance/a": X})
        self.assertEqual(self.locks.request("j3", {"instance/b": X}), ["j3"])

    def test_a_request_is_granted_whole_or_not_at_all(self) -> None:
        self.locks.request("j1", {"instance/a": X})
        self.locks.request("j2", {"instance/a": X, "instance/b": X})
        self.assertEqual(dict(self.locks.holds("j2")), {})

    def test_more_urgent_goes_first(self) -> None:
        self.locks.request("j1", {"instance/a": X})
        self.locks.request("slow", {"instance/a": X}, priority=10)
        self.locks.request("fast", {"instance/a": X}, priority=-10)
        self.assertEqual(self.locks.release("j1"), ["fast"])

    def test_a_release_withdraws_the_request(self) -> None:
        self.locks.request("j1", {"instance/a": X})
        self.locks.request("j2", {"instance/a": X})
        self.locks.release("j2")
        self.assertEqual(self.locks.release("j1"), [])

    def test_releasing_nothing_is_fine(self) -> None:
        self.assertEqual(self.locks.release("nobody"), [])

    def test_all_of_a_level_exclusively_conflicts_with_each_member(self) -> None:
        self.locks.request("j1", {"instance/a": S})
        self.assertEqual(self.locks.request("j2", {"instance/[lockset]": X}), [])
        self.assertEqual(self.locks.release("j1"), ["j2"])
        self.assertEqual(self.locks.request("j3", {"instance/b": S}), [])

    def test_all_of_a_level_shared_goes_with_shared_members(self) -> None:
        self.locks.request("j1", {"instance/a": S})
        self.assertEqual(self.locks.request("j2", {"instance/[lockset]": S}), ["j2"])
        self.assertEqual(self.locks.request("j3", {"instance/b": X}), [])

    def test_asking_twice_is_a_mistake(self) -> None:
        self.locks.request("j1", {"instance/a": X})
        self.assertRaises(ValueError, self.locks.request, "j1", {"instance/b": X})

    def test_of_some_what_is_free(self) -> None:
        self.locks.request("j1", {"node/n1": X})
        self.assertEqual(self.locks.request("j2", {"instance/a": X}, 0, [{"node/n1": X}, {"node/n2": X}], 1), ["j2"])
        self.assertEqual(set(self.locks.holds("j2")), {"instance/a", "node/n2"})
        self.assertEqual(self.locks.request("j3", {}, 0, [{"node/n1": X}, {"node/n2": X}]), ["j3"])
        self.assertEqual(dict(self.locks.holds("j3")), {})

    def test_who_needs_more_of_some_than_are_free_is_not_overtaken(self) -> None:
        self.locks.request("j1", {"node/n1": X})
        self.assertEqual(self.locks.request("j2", {}, 0, [{"node/n1": X}, {"node/n2": X}], 2), [])
        self.assertEqual(self.locks.request("j3", {"node/n2": S}), [])
        self.assertEqual(self.locks.waits_for("j2"), [("node/n1", ("j1",))])
        self.assertEqual(self.locks.release("j1"), ["j2"])
        self.assertRaises(ValueError, self.locks.request, "j4", {}, 0, [], 1)

    def test_who_waits_for_something_else_does_not_keep_some(self) -> None:
        self.locks.request("j1", {"instance/a": X})
        self.locks.request("j2", {"instance/a": X}, 0, [{"node/n1": X}], 1)
        self.assertEqual(self.locks.request("j3", {"node/n1": X}), ["j3"])

    def test_who_waits_for_whom(self) -> None:
        self.locks.request("j1", {"instance/a": X})
        self.locks.request("j2", {"instance/a": X, "instance/b": S})
        self.locks.request("j3", {"instance/b": X})
        self.assertEqual(self.locks.waits_for("j2"), [("instance/a", ("j1",))])
        self.assertEqual(self.locks.waits_for("j3"), [("instance/b", ("j2",))])

    def test_who_waits_for_one_that_has_the_whole_level(self) -> None:
        self.locks.request("j1", {"node/[lockset]": S})
        self.locks.request("j2", {"node/n1": X})
        self.locks.request("j3", {"node/[lockset]": S})
        self.assertEqual(self.locks.waits_for("j2"), [("node/n1", ("j1",))])
        self.assertEqual(self.locks.waits_for("j3"), [("node/[lockset]", ("j2",))])
        self.locks.release("j1")
        self.assertEqual(self.locks.waits_for("j3"), [("node/[lockset]", ("j2",))])

    def test_the_list_shows_owners_and_pending(self) -> None:
        self.locks.request("j1", {"node/n1": X, "cluster/BGL": S})
        self.locks.request("j2", {"node/n1": S})
        shown = [(s.name, s.mode, s.owners, s.pending) for s in self.locks.locks()]
        self.assertEqual(shown, [("cluster/BGL", S, ("j1",), ()), ("node/n1", X, ("j1",), ((S, "j2"),))])


def conflict(a: str, am: Mode, b: str, bm: Mode) -> bool:
    same_level = a.split("/")[0] == b.split("/")[0]
    overlap = a == b or (same_level and "[lockset]" in (a.split("/")[1], b.split("/")[1]))
    return overlap and X in (am, bm)


def conflicts(a: Mapping[str, Mode], b: Mapping[str, Mode]) -> bool:
    return any(conflict(n, m, o, p) for n, m in a.items() for o, p in b.items())


class Ask(NamedTuple):
    wanted: dict[str, Mode]
    priority: int
    some: list[dict[str, Mode]]
    least: int


def wanted(smallest: int) -> st.SearchStrategy[dict[str, Mode]]:
    return st.dictionaries(st.sampled_from(NAMES), st.sampled_from([S, X]), min_size=smallest, max_size=4)


ASKS = st.builds(
    lambda w, p, some, least: Ask(w, p, some, min(least, len(some))),
    wanted(0),
    st.integers(-2, 2),
    st.one_of(st.just([]), st.lists(wanted(1), max_size=3)),
    st.integers(0, 2),
)
URGES = st.tuples(st.integers(0, 50), st.integers(-3, 3))
STEPS = st.lists(st.one_of(ASKS, ASKS, st.integers(0, 50), URGES), max_size=100)


class World:
    """An allocation, and what is known of it without it."""

    def __init__(self) -> None:
        self.locks = Allocation()
        self.alive: dict[str, Ask] = {}  # oldest first
        self.granted: set[str] = set()
        self.number = 0

    def step(self, step: Any) -> None:
        if isinstance(step, Ask):
            self.number += 1
            owner = f"j{self.number}"
            self.alive[owner] = step
            self.grant(self.locks.request(owner, step.wanted, step.priority, step.some, step.least))
        elif self.alive:
            owner = list(self.alive)[(step if isinstance(step, int) else step[0]) % len(self.alive)]
            if isinstance(step, int):  # given up, whether it had its locks or not
                self.end(owner)
            else:
                if owner not in self.granted:
                    self.alive[owner] = self.alive[owner]._replace(priority=step[1])
                self.grant(self.locks.change_priority(owner, step[1]))

    def end(self, owner: str) -> None:
        del self.alive[owner]
        self.granted.discard(owner)
        self.grant(self.locks.release(owner))

    def grant(self, owners: list[str]) -> None:
        for owner in owners:
            assert owner in self.alive, f"{owner} gets locks after its end"
            assert owner not in self.granted, f"{owner} gets them twice"
            self.granted.add(owner)

    def check(self) -> None:
        """Nobody has what another must not have at the same time, and nobody less than it needs."""
        held = {owner: self.locks.holds(owner) for owner in self.alive}
        for number, one in enumerate(self.granted):
            ask = self.alive[one]
            assert held[one].keys() >= ask.wanted.keys()
            assert sum(part.keys() <= held[one].keys() for part in ask.some) >= ask.least
            for other in list(self.granted)[number + 1 :]:
                assert not conflicts(held[one], held[other]), (one, other)
        for waiting in self.alive.keys() - self.granted:
            assert not held[waiting], f"{waiting} holds something and waits for more: a deadlock to be"
        waiting = [self.alive[o] for o in self.alive if o not in self.granted]
        if waiting:
            self.check_first(min(waiting, key=lambda ask: ask.priority))

    def check_first(self, ask: Ask) -> None:
        """The most urgent and oldest waits only for those who hold something."""
        held = [self.locks.holds(owner) for owner in self.granted]
        if any(conflicts(ask.wanted, h) for h in held):
            return
        free = [part for part in ask.some if not any(conflicts(part, h) for h in held)]
        assert len(free) < ask.least, f"{ask} waits for nothing"


@given(STEPS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_exclusion_and_nobody_waits_for_nothing(steps: list[Any]) -> None:
    world = World()
    for step in steps:
        world.step(step)
        world.check()


@given(STEPS)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_everybody_gets_its_turn_and_nothing_is_left(steps: list[Any]) -> None:
    """However things stand: if those who hold locks end one after the other, all have had theirs."""
    world = World()
    for step in steps:
        world.step(step)
    turns = 0
    while world.alive:
        assert world.granted, f"all wait for each other: {world.alive}"
        world.end(min(world.granted))
        turns += 1
        assert turns <= len(steps)
    assert world.locks.locks() == []


@given(st.lists(ASKS, min_size=1, max_size=30), ASKS)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_waiter_does_not_starve_while_others_as_urgent_keep_coming(before: list[Ask], late: Ask) -> None:
    world = World()
    for ask in before:
        world.step(ask._replace(priority=0))
    waiting = [owner for owner in world.alive if owner not in world.granted]
    for owner in waiting:
        # Those who came first are served first.  While somebody waits for what it must have, later ones may still
        # take of the locks it chooses among; of them it has to wait for those, but for none that comes after.
        turns = 2 * len(world.granted)
        while owner in world.alive and owner not in world.granted:
            assert turns, f"others overtook {owner} on and on"
            turns -= 1
            world.end(next(o for o in world.alive if o in world.granted))
            world.step(late._replace(priority=0))


def test_thousands_of_operations() -> None:
    random = Random(1)
    names = [f"{level}/{i}" for level in ("instance", "node", "node-res") for i in range(30)]
    names += ["instance/[lockset]", "node/[lockset]"]
    world = World()
    for number in range(3000):
        if len(world.alive) < 30 and random.random() < 0.6:
            few = {name: random.choice((S, X)) for name in random.sample(names, random.randint(1, 5))}
            some = [{f"node/{i}": X, f"node-res/{i}": X} for i in range(random.choice((0, 0, 5)))]
            world.step(Ask({BGL: S, **few}, random.randint(-1, 1), some, min(1, len(some))))
        elif random.random() < 0.1:
            world.step((random.randrange(50), random.randint(-3, 3)))
        else:
            world.step(random.randrange(50))
        if number % 20 == 0:
            world.check()
    while world.alive:
        world.end(next(o for o in world.alive if o in world.granted))
    assert world.locks.locks() == []


@given(STEPS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_looking_only_at_those_concerned_grants_what_looking_at_all_does(steps: list[Any]) -> None:
    locks = Allocation()
    held, waiting = Table(), dict[str, Request]()
    granted: dict[str, Mapping[str, Mode]] = {}
    owners: list[str] = []
    for number, step in enumerate(steps, 1):
        if isinstance(step, Ask):
            owner = f"j{number}"
            owners.append(owner)
            waiting[owner] = Request(owner, step.wanted, step.priority, number)
            told = locks.request(owner, step.wanted, step.priority)
        elif not owners:
            continue
        elif isinstance(step, int):
            owner = owners.pop(step % len(owners))
            waiting.pop(owner, None)
            held.remove(owner, granted.pop(owner, {}))
            told = locks.release(owner)
        else:
            owner = owners[step[0] % len(owners)]
            if owner in waiting:
                waiting[owner] = evolve(waiting[owner], priority=step[1])
            told = locks.change_priority(owner, step[1])
        expected = grant(waiting.values(), held)
        for request in expected:
            del waiting[request.owner]
            granted[request.owner] = request.wanted
            held.add(request.owner, request.wanted)
        assert told == [request.owner for request in expected]
