"""Messages over TLS between two hosts in memory."""

from __future__ import annotations

import gc
import itertools

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import (
    ActorCrashed,
    BadRequest,
    Expired,
    NoCluster,
    NoRoom,
    NotFound,
    NotSent,
    OutcomeUnknown,
    Refused,
    StaleEpoch,
    TryLater,
)
from ganeti_tw.kernel import Gone
from ganeti_tw.wire.boxes import LIMIT
from ganeti_tw.wire.identity import Unjoined
from wire_world import (
    MASTER,
    NODE,
    Echo,
    Fail,
    Inside,
    Look,
    Note,
    Unheard,
    Wait,
    Watcher,
    World,
    authority,
    member,
)


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()

    def tearDown(self) -> None:
        gc.collect()
        self.world.close()
        self.assertEqual(self.world.clock.getDelayedCalls(), [])

    def settled(self, d, seconds=0.0):
        self.world.settle(seconds)
        return self.successResultOf(d)

    def failed(self, d, kind, seconds=0.0):
        self.world.settle(seconds)
        return str(self.failureResultOf(d, kind).value)


class AskTests(Case):
    def test_values_of_any_size_come_back_whole(self) -> None:
        for size in (0, 1, 59998, 59999, 60000, 60001, 65534, 65535, 65536, 131070, 300000, 10_000_000):
            value = (b"abcdefghi" * (size // 9 + 1))[:size]
            self.assertEqual(self.settled(self.world.worker.ask(Echo(value), 10)), value, size)
        self.assertEqual(self.world.dials, 1)

    def test_too_large_a_message_is_refused_and_harms_nothing(self) -> None:
        text = self.failed(self.world.worker.ask(Echo(bytes(LIMIT)), 10), BadRequest)
        self.assertIn(str(LIMIT), text)
        self.assertRaises(BadRequest, self.world.worker.tell, Echo(bytes(LIMIT)))
        self.assertEqual(self.settled(self.world.worker.ask(Echo(b"x"), 10)), b"x")

    def test_order_is_kept_around_large_messages(self) -> None:
        for size in (10, 2_000_000, 20, 500_000, 30):
            self.world.worker.ask(Echo(bytes(size)), 10)
        self.world.worker.tell(Note("last"))
        self.world.settle()
        sizes = [m if isinstance(m, str) else len(m.value) for m in self.world.notes]
        self.assertEqual(sizes, [10, 2_000_000, 20, 500_000, 30, "last"])

    def test_gate_hears_who_says_what_in_which_epoch(self) -> None:
        self.settled(self.world.worker.ask(Echo(b""), 10))
        self.world.epoch = 8
        self.world.worker.tell(Note("n"))
        self.world.settle()
        self.assertEqual(
            self.world.gated,
            [("master.example.com", 7, "test.echo/1"), ("master.example.com", 8, "test.note/1")],
        )

    def test_stale_epoch_is_told_and_nothing_delivered(self) -> None:
        self.world.refusal = StaleEpoch("epoch 7 is over, 9 is current")
        text = self.failed(self.world.worker.ask(Echo(b"x"), 10), StaleEpoch)
        self.assertEqual(text, "epoch 7 is over, 9 is current")
        self.world.worker.tell(Note("n"))
        self.world.settle()
        self.assertEqual(self.world.notes, [])

    def test_errors_travel_and_the_connection_stays(self) -> None:
        self.assertEqual(self.failed(self.world.worker.ask(Fail("foreseen"), 10), NoRoom), "all 256 minors are taken")
        self.assertIn("ghost", self.failed(self.world.link.ref("ghost").ask(Echo(b""), 10), NotFound))
        self.assertIn("BadRequest", repr(self.failureResultOf(self.world.worker.ask(Inside(), 10), BadRequest)))
        self.assertEqual(self.settled(self.world.worker.ask(Echo(b"x"), 10)), b"x")
        self.assertEqual(self.world.dials, 1)

    def test_unforeseen_errors_keep_the_connection(self) -> None:
        self.failed(self.world.worker.ask(Fail("crash"), 10), ActorCrashed)
        self.failed(self.world.worker.ask(Fail("unpackable"), 10), ActorCrashed)
        self.world.settle(1)
        self.assertEqual(self.settled(self.world.worker.ask(Echo(b"x"), 10)), b"x")
        self.assertEqual(self.world.dials, 1)
        self.flushLoggedErrors(ZeroDivisionError)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    def test_unknown_message_is_an_answer(self) -> None:
        d = self.world.link.ask("worker", "test.future/9", b"\x80", 10)
        self.assertIn("test.future/9", self.failed(d, BadRequest))

    def test_malformed_message_is_an_answer(self) -> None:
        self.failed(self.world.link.ask("worker", "test.echo/1", b"\xc1garbage", 10), BadRequest)
        self.assertEqual(self.settled(self.world.worker.ask(Echo(b"x"), 10)), b"x")

    def test_no_handler_is_an_answer(self) -> None:
        d = self.world.worker.ask(Unheard(), 10)
        self.world.settle()
        self.failureResultOf(d)
        self.flushLoggedErrors()
        self.world.settle(1)
        self.assertEqual(self.settled(self.world.worker.ask(Echo(b"x"), 10)), b"x")

    def test_ignored_failures_keep_the_connection_and_the_log_clean(self) -> None:
        self.world.worker.ask(Fail("foreseen"), 10)
        self.world.settle()
        gc.collect()
        self.assertEqual(self.settled(self.world.worker.ask(Echo(b"x"), 10)), b"x")
        self.assertEqual(self.world.dials, 1)

    def test_error_that_comes_before_anybody_waits_is_not_swallowed(self) -> None:
        d = self.world.worker.ask(Fail("foreseen"), 10)
        self.world.settle(1)

        async def late() -> None:
            await d

        self.failureResultOf(Deferred.fromCoroutine(late()), NoRoom)

    def test_too_many_unanswered_asks_get_try_later(self) -> None:
        self.world.server.most_asks = 3
        asks = [self.world.worker.ask(Wait(), 10) for _ in range(5)]
        self.world.settle()
        for d in asks[3:]:
            self.failureResultOf(d, TryLater)
        for d in self.world.waiting:
            d.callback("done")
        self.world.settle()
        self.assertEqual([self.successResultOf(d) for d in asks[:3]], ["done"] * 3)
        self.assertEqual(self.settled(self.world.worker.ask(Echo(b"x"), 10)), b"x")

    def test_actors_are_not_stopped_from_outside(self) -> None:
        self.assertRaises(Refused, self.world.worker.stop)


class DeadlineTests(Case):
    def test_no_answer_in_time_is_expired(self) -> None:
        d = self.world.worker.ask(Wait(), 3)
        self.world.settle(2)
        self.assertNoResult(d)
        self.assertIn("node1.example.com was asked to wait and did not answer within 3 s", self.failed(d, Expired, 2))

    def test_late_answers_are_dropped(self) -> None:
        d = self.world.worker.ask(Wait(), 3)
        self.failed(d, Expired, 4)
        self.world.waiting[0].callback("too late")
        self.assertEqual(self.settled(self.world.worker.ask(Echo(b"x"), 10)), b"x")

    def test_seconds_left_travel(self) -> None:
        self.world.black_hole = True
        d = self.world.worker.ask(Wait(), 9)
        self.world.settle(6)  # first attempt failed
        self.failureResultOf(d, NotSent)
        self.world.black_hole = False
        d = self.world.worker.ask(Wait(), 3)
        self.world.settle(0.5)
        self.failed(d, Expired, 3)

    def test_cancelled_asks_are_forgotten(self) -> None:
        self.world.up = False
        d = self.world.worker.ask(Echo(b"x"), 3)
        d.cancel()
        self.failureResultOf(d)
        self.assertEqual(self.world.link.state().waiting, 0)


class LossTests(Case):
    def test_nobody_listening_is_not_sent(self) -> None:
        self.world.up = False
        self.assertIn("refused", self.failed(self.world.worker.ask(Echo(b"x"), 30), NotSent))

    def test_silence_while_connecting_is_not_sent_after_five_seconds(self) -> None:
        self.world.black_hole = True
        d = self.world.worker.ask(Echo(b"x"), 30)
        self.world.settle(4.5)
        self.assertNoResult(d)
        self.assertIn("within 5 s", self.failed(d, NotSent, 1))

    def test_impatient_ask_is_not_sent_at_its_own_deadline(self) -> None:
        self.world.black_hole = True
        d = self.world.worker.ask(Echo(b"x"), 2)
        self.failed(d, NotSent, 2)
        self.assertEqual(self.world.link.state().waiting, 0)

    def test_lost_after_writing_is_outcome_unknown(self) -> None:
        d = self.world.worker.ask(Wait(), 30)
        self.world.settle()
        self.world.drop()
        self.failed(d, OutcomeUnknown)
        self.assertEqual(self.world.link.state().state, "idle")

    def test_asks_of_a_lost_peer_that_still_wait_are_withdrawn(self) -> None:
        self.world.worker.ask(Wait(), 30)
        self.world.settle()
        self.world.drop()
        self.world.settle()
        self.assertEqual([s.phase for s in self.world.system.list()], ["running"])

    def test_tell_never_raises_for_a_link_that_is_down(self) -> None:
        self.world.up = False
        self.world.worker.tell(Note("lost"))
        self.world.settle()
        self.world.up = True
        self.world.worker.tell(Note("arrives"))
        self.world.settle(2)
        self.assertEqual(self.world.notes, ["arrives"])

    def test_what_waits_goes_out_in_order_once_connected(self) -> None:
        self.world.up = False
        self.world.worker.tell(Note("dropped"))
        self.world.up = True
        asked = self.world.worker.ask(Echo(b"1"), 10)
        self.world.worker.tell(Note("2"))
        self.world.settle(2)
        self.assertEqual(self.successResultOf(asked), b"1")
        self.assertEqual(self.world.notes[1:], ["2"])

    def test_a_renewed_link_does_not_wait_for_its_pause(self) -> None:
        self.world.up = False
        for _ in range(20):
            self.failed(self.world.worker.ask(Echo(b"x"), 30), NotSent, 1)
        self.failed(self.world.worker.ask(Echo(b"x"), 30), NotSent)  # just now
        self.world.up = True
        waiting = self.world.worker.ask(Echo(b"y"), 30)
        self.world.settle()
        self.assertEqual(self.world.link.state().state, "pausing")
        self.world.link.renew()
        self.assertEqual(self.settled(waiting), b"y")

    def test_pauses_grow_and_the_link_recovers(self) -> None:
        self.world.up = False
        dials = []
        for _ in range(80):
            before = self.world.dials
            self.world.worker.ask(Echo(b"x"), 30)
            self.world.settle(0.5)
            if self.world.dials > before:
                dials.append(self.world.clock.seconds())
        gaps = [b - a for a, b in itertools.pairwise(dials)]
        self.assertEqual(gaps, sorted(gaps))
        self.assertGreaterEqual(max(gaps), 1)
        self.world.up = True
        self.assertEqual(self.settled(self.world.worker.ask(Echo(b"x"), 30), 1), b"x")

    def test_a_host_that_refuses_does_so_within_a_second(self) -> None:
        self.world.up = False
        for _ in range(20):
            asked = self.world.worker.ask(Echo(b"x"), 30)
            self.failed(asked, NotSent, 1)

    def test_a_question_waits_two_seconds_for_a_host_that_was_silent_before(self) -> None:
        self.world.black_hole = True
        first = self.world.worker.ask(Look(), 10)
        self.world.settle(4.5)
        self.assertNoResult(first)
        self.failed(first, NotSent, 0.5)
        for _ in range(3):
            again, deed = self.world.worker.ask(Look(), 10), self.world.worker.ask(Echo(b"x"), 10)
            self.world.settle(1.5)
            self.assertNoResult(again)
            self.assertIn("tried for another 2 s", self.failed(again, NotSent, 0.5))
            self.assertNoResult(deed)
            self.failed(deed, NotSent, 5)

    def test_a_question_that_gets_through_has_all_its_time(self) -> None:
        self.world.black_hole = True
        self.failed(self.world.worker.ask(Look(), 10), NotSent, 5)
        self.world.black_hole = False
        asked = self.world.worker.ask(Look(), 10)
        self.world.settle(9)
        self.assertNoResult(asked)
        self.failed(asked, Expired, 1)

    def test_a_question_with_less_time_than_that_has_no_more(self) -> None:
        self.world.black_hole = True
        self.failed(self.world.worker.ask(Look(), 10), NotSent, 5)
        self.assertIn("for another 1 s", self.failed(self.world.worker.ask(Look(), 1), NotSent, 1))

    def test_silent_peer_is_noticed_within_twenty_seconds(self) -> None:
        d = self.world.worker.ask(Wait(), 300)
        self.world.settle()
        frozen = self.world.freeze()
        self.world.settle(20)
        self.assertNoResult(d)
        # A simulated transport says that it was aborted only when it is pumped.
        self.world.pumps = frozen
        self.assertIn("lost", self.failed(d, OutcomeUnknown))
        self.assertIn("silent", self.world.link.state().error)

    def test_idle_connection_stays(self) -> None:
        self.settled(self.world.worker.ask(Echo(b"x"), 10))
        self.world.settle(300)
        self.assertEqual(self.world.link.state().state, "up")
        self.assertEqual(self.world.dials, 1)

    def test_watchers_learn_of_the_loss_once(self) -> None:
        seen: list[Gone] = []
        watcher = self.world.system.spawn("watcher", lambda: Watcher(seen))
        self.world.worker.watch(watcher)
        self.world.worker.watch(watcher)
        self.settled(self.world.worker.ask(Echo(b"x"), 10))
        self.assertEqual(seen, [])
        self.world.drop()
        self.world.settle(3)
        self.assertEqual([g.path for g in seen], ["worker"])

    def test_closing_fails_what_waits(self) -> None:
        sent = self.world.worker.ask(Wait(), 30)
        self.world.settle()
        closed = self.world.link.close()
        self.world.settle(3)
        self.successResultOf(closed)
        self.failureResultOf(sent, OutcomeUnknown)
        self.failed(self.world.worker.ask(Echo(b"x"), 30), NotSent)

    def test_closing_while_connecting(self) -> None:
        self.world.black_hole = True
        waiting = self.world.worker.ask(Echo(b"x"), 30)
        self.successResultOf(self.world.link.close())
        self.failureResultOf(waiting, NotSent)


class TrustTests(Case):
    def test_strangers_certificate_is_refused_on_both_sides(self) -> None:
        stranger = member(authority("other.example.com"), "master.example.com")
        self.world.identity = stranger
        self.failed(self.world.worker.ask(Echo(b"x"), 10), NotSent)
        self.world.identity = MASTER
        self.world.server.use(member(authority("other.example.com"), "node1.example.com"))
        said = self.failed(self.world.worker.ask(Echo(b"x"), 10), NotSent, 2)
        self.assertIn("verify failed: the host has not joined this cluster", said)
        self.assertEqual(self.world.notes, [])

    def test_client_with_a_strangers_certificate_that_trusts_us_is_not_sent(self) -> None:
        other = member(authority("other.example.com"), "master.example.com")
        self.world.identity = evolve(other, ca=NODE.ca)
        self.failed(self.world.worker.ask(Echo(b"x"), 10), NotSent)
        self.assertEqual((self.world.notes, self.world.gated), ([], []))

    def test_another_nodes_certificate_is_refused(self) -> None:
        link = self.world.make_link("node2.example.com")
        self.assertIn("not node2.example.com", self.failed(link.ref("worker").ask(Echo(b"x"), 10), NotSent))
        self.assertEqual(self.world.notes, [])
        link.close()

    def test_unjoined_host_cannot_dial_by_name(self) -> None:
        self.world.identity = Unjoined.create("lonely.example.com", 1.7e9)
        self.assertIn("no cluster", self.failed(self.world.worker.ask(Echo(b"x"), 10), NotSent))
        self.assertTrue(issubclass(NoCluster, Exception))

    def test_change_of_identity_in_a_running_process(self) -> None:
        self.settled(self.world.worker.ask(Echo(b"x"), 10))
        asked = self.world.worker.ask(Wait(), 10)
        self.world.settle()
        ca = authority()
        self.world.identity = member(ca, "master.example.com")
        self.world.server.use(member(ca, "node1.example.com"))
        self.world.link.renew()
        self.assertEqual(self.settled(self.world.worker.ask(Echo(b"y"), 10)), b"y")
        self.assertEqual(self.world.dials, 2)
        self.world.waiting[0].callback("still answered")
        self.world.settle(1)
        self.assertEqual(self.successResultOf(asked), "still answered")
        self.assertEqual(self.world.server.peers(), ["master.example.com"])
