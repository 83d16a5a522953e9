"""The lock manager."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import NoRoom
from ganeti_tw.kernel import Actor, ActorSystem
from ganeti_tw.locks.manager import LockManager
from ganeti_tw.protocol.locks import Acquire, Keep, ListLocks, Release, WhyWaiting


class Owner(Actor):
    rank = 40


class LockManagerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.system = ActorSystem(self.clock)
        self.locks = self.system.spawn("locks", LockManager)
        self.j1 = self.system.spawn("job/1", Owner)
        self.j2 = self.system.spawn("job/2", Owner)

    def ask(self, message: object, timeout: float = 10) -> object:
        asked = self.locks.ask(message, timeout)
        self.clock.advance(0)
        return asked

    def test_a_grant_is_an_answer(self) -> None:
        held = self.successResultOf(self.ask(Acquire("1/0", {"instance/a": 1}, self.j1)))
        self.assertEqual(held, {"instance/a": 1})

    def test_what_is_free_of_some(self) -> None:
        some = ({"node/a": 1, "node-res/a": 1}, {"node/b": 1, "node-res/b": 1})
        self.ask(Acquire("1/0", {"node-res/a": 1}, self.j1))
        held = self.successResultOf(self.ask(Acquire("2/0", {}, self.j2, 0, some, 1)))
        self.assertEqual(sorted(held), ["node-res/b", "node/b"])  # type: ignore[call-overload]
        self.failureResultOf(self.ask(Acquire("3/0", {}, self.j2, 0, some, 3)), NoRoom)

    def test_what_is_not_kept_goes_to_who_waits_for_it(self) -> None:
        self.ask(Acquire("1/0", {"node/a": 1, "node/b": 1, "node/c": 0}, self.j1))
        waiting = self.ask(Acquire("2/0", {"node/a": 1}, self.j2))
        held = self.successResultOf(self.ask(Keep("1/0", frozenset({"node/b", "node/x"}))))
        self.assertEqual(held, {"node/b": 1})
        self.assertEqual(self.successResultOf(waiting), {"node/a": 1})
        self.ask(Release("1/0"))
        self.ask(Release("2/0"))
        self.assertEqual(self.successResultOf(self.ask(ListLocks())), [])

    def test_keeping_gives_nobody_what_it_did_not_have(self) -> None:
        self.assertEqual(self.successResultOf(self.ask(Keep("1/0", frozenset({"node/a"})))), {})

    def test_a_waiter_is_told_when_the_lock_is_given_up(self) -> None:
        self.ask(Acquire("1/0", {"instance/a": 1}, self.j1))
        waiting = self.ask(Acquire("2/0", {"instance/a": 1}, self.j2))
        self.assertNoResult(waiting)
        self.ask(Release("1/0"))
        self.successResultOf(waiting)

    def test_locks_die_with_their_owner(self) -> None:
        self.ask(Acquire("1/0", {"instance/a": 1}, self.j1))
        waiting = self.ask(Acquire("2/0", {"instance/a": 1}, self.j2))
        self.j1.stop()
        self.clock.advance(0)
        self.successResultOf(waiting)

    def test_a_grant_for_one_who_gave_up_goes_to_the_next(self) -> None:
        self.ask(Acquire("1/0", {"instance/a": 1}, self.j1))
        gave_up = self.ask(Acquire("2/0", {"instance/a": 1}, self.j2), timeout=5)
        self.clock.advance(6)
        self.failureResultOf(gave_up)
        self.ask(Release("2/0"))
        self.ask(Release("1/0"))
        self.assertEqual(self.successResultOf(self.ask(ListLocks())), [])

    def test_it_says_why_somebody_waits(self) -> None:
        self.ask(Acquire("1/0", {"instance/a": 1}, self.j1))
        self.ask(Acquire("2/0", {"instance/a": 0}, self.j2))
        self.assertEqual(self.successResultOf(self.ask(WhyWaiting("2/0"))), [("instance/a", ("1/0",))])
