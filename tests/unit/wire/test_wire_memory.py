"""The wire in memory behaves like the real one, and can be cut and delayed."""

from __future__ import annotations

import gc
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import (
    ActorCrashed,
    BadRequest,
    Expired,
    NoRoom,
    NotFound,
    NotSent,
    OutcomeUnknown,
    Refused,
    StaleEpoch,
)
from ganeti_tw.kernel import ActorSystem, Gone
from ganeti_tw.protocol.node import JoinHello
from ganeti_tw.wire.boxes import LIMIT
from ganeti_tw.wire.delivery import FromStranger
from ganeti_tw.wire.memory import MemoryNetwork
from wire_world import Echo, Fail, Inside, Note, Wait, Watcher, Worker, World

MASTER, NODE = "master.example.com", "node1.example.com"


class MemoryWorld:
    """The same world as :class:`World`, without TLS."""

    def __init__(self, delay: Any = 0.0) -> None:
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock, delay)
        self.system = ActorSystem(self.clock)
        self.log: dict[str, list[Any]] = {}
        self.system.spawn("worker", lambda: Worker(self.log))
        self.gated: list[tuple[str, int, str]] = []
        self.refusal: Exception | None = None
        self.epoch = 7
        self.network.attach(MASTER, ActorSystem(self.clock), self.gate, fingerprint="fm")
        self.attach()
        self.links = self.network.links(MASTER, lambda: self.epoch)
        self.link = self.links.link(NODE)
        self.worker = self.link.ref("worker")

    notes = World.notes
    waiting = World.waiting
    gate = World.gate

    def attach(self, **options: Any) -> None:
        self.network.attach(NODE, self.system, self.gate, **options)

    @property
    def up(self) -> bool:
        return NODE in self.network.hosts

    @up.setter
    def up(self, up: bool) -> None:
        if up:
            self.attach()
        else:
            self.network.detach(NODE)

    def drop(self) -> None:
        self.network.cut(MASTER, NODE)
        self.network.mend(MASTER, NODE)

    def settle(self, seconds: float = 0.0) -> None:
        left = seconds
        while True:
            for _ in range(5):
                self.clock.advance(0)
            if left <= 0:
                return
            self.clock.advance(min(0.5, left))
            left -= 0.5

    def close(self) -> None:
        self.links.close()
        self.settle(6)
        self.system.vanish()


class Facts:
    """What holds for every wire."""

    world: Any
    make: Any

    def setUp(self) -> None:
        self.world = self.make()

    def tearDown(self) -> None:
        gc.collect()
        self.world.close()
        self.assertEqual(self.world.clock.getDelayedCalls(), [])

    def settled(self, d: Any, seconds: float = 0.0) -> Any:
        self.world.settle(seconds)
        return self.successResultOf(d)

    def failed(self, d: Any, kind: type[Exception], seconds: float = 0.0) -> str:
        self.world.settle(seconds)
        return str(self.failureResultOf(d, kind).value)

    def test_answers(self) -> None:
        for size in (0, 1, 70000):
            self.assertEqual(self.settled(self.world.worker.ask(Echo(bytes(size)), 10)), bytes(size))
        self.assertEqual(self.world.gated, [(MASTER, 7, "test.echo/1")] * 3)

    def test_tells_in_order(self) -> None:
        for i in range(5):
            self.world.worker.tell(Note(str(i)))
        self.world.settle()
        self.assertEqual(self.world.notes, list("01234"))

    def test_errors(self) -> None:
        self.assertEqual(self.failed(self.world.worker.ask(Fail("foreseen"), 9), NoRoom), "all 256 minors are taken")
        self.failed(self.world.link.ref("ghost").ask(Echo(b""), 9), NotFound)
        self.failed(self.world.worker.ask(Inside(), 9), BadRequest)
        self.assertRaises(BadRequest, self.world.worker.tell, Inside())
        self.failed(self.world.worker.ask(Echo(bytes(LIMIT)), 9), BadRequest)
        self.failed(self.world.worker.ask(Fail("crash"), 9), ActorCrashed)
        self.failed(self.world.worker.ask(Fail("unpackable"), 9), ActorCrashed)
        self.world.refusal = StaleEpoch("9 is current")
        self.failed(self.world.worker.ask(Echo(b""), 9), StaleEpoch)
        self.world.worker.tell(Note("refused"))
        self.world.settle()
        self.assertEqual(self.world.notes, [])
        self.assertRaises(Refused, self.world.worker.stop)
        self.flushLoggedErrors(ZeroDivisionError, TypeError)

    def test_nobody_there(self) -> None:
        self.world.up = False
        self.failed(self.world.worker.ask(Echo(b""), 9), NotSent)
        self.world.worker.tell(Note("lost"))
        self.world.settle(2)
        self.world.up = True
        self.assertEqual(self.settled(self.world.worker.ask(Echo(b"x"), 9), 2), b"x")

    def test_lost_while_waiting(self) -> None:
        d = self.world.worker.ask(Wait(), 30)
        self.world.settle()
        self.world.drop()
        self.failed(d, OutcomeUnknown)
        self.world.settle(1)
        self.assertEqual(self.settled(self.world.worker.ask(Echo(b"x"), 9), 1), b"x")

    def test_deadline(self) -> None:
        d = self.world.worker.ask(Wait(), 3)
        self.failed(d, Expired, 4)
        self.world.waiting[0].callback("late")
        self.world.settle()

    def test_cancelled(self) -> None:
        d = self.world.worker.ask(Wait(), 3)
        self.world.settle()
        d.cancel()
        self.failureResultOf(d)

    def test_watching(self) -> None:
        seen: list[Gone] = []
        self.world.worker.watch(self.world.system.spawn("watcher", lambda: Watcher(seen)))
        self.settled(self.world.worker.ask(Echo(b"x"), 9))
        self.world.drop()
        self.world.settle(1)
        self.assertEqual([g.path for g in seen], ["worker"])

    def test_closed(self) -> None:
        d = self.world.worker.ask(Wait(), 30)
        self.world.settle()
        closed = self.world.link.close()
        self.world.settle(3)
        self.successResultOf(closed)
        self.failureResultOf(d, OutcomeUnknown)
        self.failed(self.world.worker.ask(Echo(b""), 9), NotSent)


class OverTlsTests(Facts, SynchronousTestCase):
    make = World


class InMemoryTests(Facts, SynchronousTestCase):
    make = MemoryWorld


class FaultTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = MemoryWorld()

    def test_delay_goes_both_ways_and_keeps_order(self) -> None:
        delays = iter([2.0, 1.0, 3.0, 0.0])
        self.world.network.delay = lambda sender, receiver: next(delays)
        self.world.worker.tell(Note("first"))
        d = self.world.worker.ask(Echo(b"x"), 30)
        self.world.settle(1.5)
        self.assertEqual(self.world.notes, [])
        self.world.settle(0.5)
        self.assertEqual(self.world.notes[0], "first")
        self.world.settle(2.5)
        self.assertNoResult(d)
        self.world.settle(0.5)
        self.assertEqual(self.successResultOf(d), b"x")

    def test_cut_that_is_mended_in_time_only_delays(self) -> None:
        self.world.worker.ask(Echo(b"0"), 30)
        self.world.settle()
        self.world.network.cut(NODE, MASTER, notice=20)
        d = self.world.worker.ask(Echo(b"1"), 30)
        self.world.settle(10)
        self.assertNoResult(d)
        self.world.network.mend(MASTER, NODE)
        self.world.settle()
        self.assertEqual(self.successResultOf(d), b"1")
        self.world.settle(30)
        self.assertEqual(self.world.link.state().state, "up")

    def test_cut_that_is_noticed(self) -> None:
        self.world.worker.ask(Echo(b"0"), 30)
        self.world.settle()
        self.world.network.cut(NODE, MASTER, notice=20)
        d = self.world.worker.ask(Echo(b"1"), 60)
        self.world.settle(20)
        self.failureResultOf(d, OutcomeUnknown)
        d = self.world.worker.ask(Echo(b"2"), 60)
        self.world.settle(4.5)
        self.assertNoResult(d)
        self.world.settle(0.5)
        self.failureResultOf(d, NotSent)
        self.world.network.mend(NODE, MASTER)
        self.world.settle()
        self.assertEqual([m.value for m in self.world.notes], [b"0"])

    def test_dead_process_asks_nothing_more(self) -> None:
        d = self.world.worker.ask(Wait(), 30)
        self.world.settle()
        self.world.network.detach(MASTER)
        self.world.settle()
        self.assertNoResult(d)
        self.world.system.vanish()
        self.assertEqual(self.world.clock.getDelayedCalls(), [])

    def test_answer_that_was_on_its_way_to_a_lost_connection(self) -> None:
        self.world.network.delay = lambda sender, receiver: 1.0
        d = self.world.worker.ask(Echo(b"x"), 30)
        self.world.settle(1.5)
        self.world.drop()
        self.failureResultOf(d, OutcomeUnknown)
        self.world.settle(5)

    def test_joining(self) -> None:
        joined = False
        self.world.attach(joined=lambda: joined, address=("192.0.2.9", 1811), fingerprint="fn")
        refused = self.world.worker.ask(Echo(b"x"), 9)
        for address, pin in ((("192.0.2.9", 1811), "other"), (("192.0.2.8", 1811), "fn")):
            d = self.world.links.pinned(*address, pin).ref("worker").ask(JoinHello("c", "n"), 9)
            self.world.settle()
            self.failureResultOf(d, NotSent)
        self.failureResultOf(refused, NotSent)
        pinned = self.world.links.pinned("192.0.2.9", 1811, "fn")
        d = pinned.ref("worker").ask(JoinHello("c", "n"), 9)
        e = pinned.ref("worker").ask(Echo(b"x"), 9)
        self.world.settle()
        self.assertEqual(self.successResultOf(d), {"nonce": "n"})
        self.failureResultOf(e, Refused)
        self.assertEqual(self.world.notes, [FromStranger("fm", JoinHello("c", "n"))])
        joined = True
        d = self.world.worker.ask(Echo(b"x"), 9)
        self.world.settle()
        self.assertEqual(self.successResultOf(d), b"x")


class ConnectionFaultTests(SynchronousTestCase):
    """What TCP does to those who rely on it."""

    def setUp(self) -> None:
        self.world = MemoryWorld(delay=0.1)

    def test_what_is_cut_one_way_is_heard_and_not_answered(self) -> None:
        world = self.world
        self.assertNoResult(world.worker.ask(Echo(b"connects"), 2.0))
        world.settle(1.0)
        world.gated.clear()
        world.network.cut_one_way(NODE, MASTER, 5.0)
        answer = world.worker.ask(Echo(b"x"), 2.0)
        world.settle(1.0)
        self.assertNoResult(answer)
        self.assertEqual(len(world.gated), 1)
        world.settle(2.0)
        self.failureResultOf(answer, Expired)
        world.network.mend(MASTER, NODE)
        again = world.worker.ask(Echo(b"x"), 2.0)
        world.settle(1.0)
        self.successResultOf(again)

    def test_a_reset_breaks_what_is_under_way_and_nothing_else(self) -> None:
        world = self.world
        answer = world.worker.ask(Echo(b"x"), 2.0)
        world.settle(0.0)
        world.network.reset(MASTER, NODE)
        self.failureResultOf(answer, OutcomeUnknown)
        again = world.worker.ask(Echo(b"x"), 2.0)
        world.settle(1.0)
        self.successResultOf(again)
        self.assertEqual(len(world.gated), 1)

    def test_what_was_under_way_may_arrive_after_a_reset(self) -> None:
        world = self.world
        world.network.late = lambda: True
        answer = world.worker.ask(Echo(b"x"), 2.0)
        world.settle(0.0)
        world.network.reset(MASTER, NODE)
        self.failureResultOf(answer, OutcomeUnknown)
        world.settle(1.0)
        self.assertEqual(len(world.gated), 1)

    def test_a_host_without_power_is_missed_late(self) -> None:
        world = self.world
        answer = world.worker.ask(Wait(), 60.0)
        world.settle(1.0)
        world.network.detach(NODE, 20.0)
        world.settle(10.0)
        self.assertNoResult(answer)
        world.settle(15.0)
        self.failureResultOf(answer, OutcomeUnknown)
