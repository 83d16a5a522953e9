"""Locks as a value."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.locks.allocation import Allocation, Mode

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

    def test_who_waits_for_whom(self) -> None:
        self.locks.request("j1", {"instance/a": X})
        self.locks.request("j2", {"instance/a": X, "instance/b": S})
        self.locks.request("j3", {"instance/b": X})
        self.assertEqual(self.locks.waits_for("j2"), [("instance/a", ("j1",))])
        self.assertEqual(self.locks.waits_for("j3"), [("instance/b", ("j2",))])

    def test_the_list_shows_owners_and_pending(self) -> None:
        self.locks.request("j1", {"node/n1": X, "cluster/BGL": S})
        self.locks.request("j2", {"node/n1": S})
        shown = [(s.name, s.mode, s.owners, s.pending) for s in self.locks.locks()]
        self.assertEqual(shown, [("cluster/BGL", S, ("j1",), ()), ("node/n1", X, ("j1",), ((S, "j2"),))])


WANTED = st.dictionaries(st.sampled_from(NAMES), st.sampled_from([S, X]), min_size=1, max_size=4)
STEPS = st.lists(st.one_of(WANTED, st.integers(0, 9)), max_size=40)


def conflict(a: str, am: Mode, b: str, bm: Mode) -> bool:
    same_level = a.split("/")[0] == b.split("/")[0]
    overlap = a == b or (same_level and "[lockset]" in (a.split("/")[1], b.split("/")[1]))
    return overlap and X in (am, bm)


@given(STEPS)
def test_no_two_owners_hold_what_conflicts_and_nobody_waits_for_nothing(steps: list[object]) -> None:
    locks, alive, number = Allocation(), [], 0
    for step in steps:
        if isinstance(step, int):
            if alive:
                locks.release(alive.pop(step % len(alive)))
        else:
            number += 1
            alive.append(f"j{number}")
            locks.request(f"j{number}", step)  # type: ignore[arg-type]
        held = [(o, n, m) for o in alive for n, m in locks.holds(o).items()]
        for i, (o1, n1, m1) in enumerate(held):
            for o2, n2, m2 in held[i + 1 :]:
                assert o1 == o2 or not conflict(n1, m1, n2, m2)
    while alive:  # whoever is there gets its turn once those before it are gone
        assert locks.holds(alive[0]), f"{alive[0]} waits though nobody is in front"
        locks.release(alive.pop(0))
