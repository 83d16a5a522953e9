"""From datagrams that come to datagrams that go."""

from __future__ import annotations

import errno
import os
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from confd_samples import CONTENT, KEY, recorded_config
from ganeti_tw.confd.addresses import Addresses
from ganeti_tw.confd.desk import Answers, Desk
from ganeti_tw.confd.drops import Drops
from ganeti_tw.confd.key import Key
from ganeti_tw.confd.keyfile import KeyFile
from ganeti_tw.confd.packet import Reason, read_reply, write_request
from ganeti_tw.confd.replays import ANSWERS, Replays
from ganeti_tw.confd.server import BATCH, Reader, open_sockets

NOW = 1_700_000_000.0
PEER = ("192.0.2.9", 4000)


class DeskTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = NOW
        self.key: Key | None = KEY
        self.dropped: list[Reason] = []
        answers = Answers()
        answers.begin(Addresses(recorded_config()))
        self.desk = Desk(answers, lambda: self.key, lambda: self.now, lambda reason, peer: self.dropped.append(reason))

    def ask(self, datagram: bytes, peer: Any = PEER) -> bytes | None:
        return self.desk.answer(datagram, peer)

    def question(self, type: int = 0, query: Any = None, rsalt: str = "r", key: Key = KEY) -> bytes:
        return write_request(type, query, rsalt, key, NOW)

    def test_a_question_is_answered(self) -> None:
        reply = self.ask(self.question())
        assert reply is not None
        self.assertEqual(read_reply(reply, KEY, "r").answer, 3000000)
        self.assertEqual((self.desk.answered, self.dropped), (1, []))

    def test_everything_else_is_dropped_with_its_reason(self) -> None:
        cases = (
            (b"x" * 4097, Reason.OVERSIZED),
            (b"", Reason.MAGIC),
            (b"plj1" + self.question()[4:], Reason.MAGIC),
            (b"plj0garbage", Reason.MALFORMED),
            (self.question(key=Key(b"other\n")), Reason.HMAC),
            (self.question(99), Reason.QUERY),
            (self.question(3, {"3": [9]}), Reason.QUERY),
        )
        for datagram, reason in cases:
            self.dropped.clear()
            self.assertIsNone(self.ask(datagram))
            self.assertEqual(self.dropped, [reason])
        self.now += 301
        self.dropped.clear()
        self.ask(self.question())
        self.key = None
        self.ask(self.question())
        self.assertEqual(self.dropped, [Reason.CLOCK, Reason.KEYLESS])
        self.assertEqual(self.desk.answered, 0)

    def test_who_overheard_a_request_cannot_use_it(self) -> None:
        self.assertIsNotNone(self.ask(self.question()))
        self.assertIsNone(self.ask(self.question(), ("192.0.2.66", 4000)))
        self.assertIsNone(self.ask(self.question(), (PEER[0], 4001)))
        self.assertEqual(self.dropped, [Reason.REPLAY] * 2)

    def test_who_asked_may_repeat_it_a_few_times(self) -> None:
        answers = [self.ask(self.question()) for _ in range(ANSWERS + 3)]
        self.assertEqual([a is not None for a in answers], [True] * ANSWERS + [False] * 3)

    def test_the_same_question_with_another_salt_is_another_one(self) -> None:
        for number in range(20):
            self.assertIsNotNone(self.ask(self.question(rsalt=str(number)), ("192.0.2.1", number)))


class ReplayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.now = 0.0
        self.replays = Replays(lambda: self.now, half=10)

    def test_remembered_as_long_as_it_could_be_used(self) -> None:
        self.replays.refuses("m", PEER)
        self.now = 599.0
        self.replays.refuses("n", PEER)
        self.assertTrue(self.replays.refuses("m", ("192.0.2.1", 1)))
        self.now = 1100.0
        self.replays.refuses("o", PEER)
        self.assertTrue(self.replays.refuses("n", ("192.0.2.1", 1)))

    def test_under_load_the_oldest_are_forgotten_first(self) -> None:
        for number in range(1000):
            self.assertFalse(self.replays.refuses(str(number), PEER))
        other = ("192.0.2.1", 1)
        self.assertTrue(all(self.replays.refuses(str(number), other) for number in range(990, 1000)))
        self.assertFalse(self.replays.refuses("0", other))

    def test_repetitions_are_counted_across_the_turn(self) -> None:
        for _ in range(ANSWERS):
            self.assertFalse(self.replays.refuses("m", PEER))
        for number in range(10):
            self.replays.refuses(str(number), PEER)
        self.assertTrue(self.replays.refuses("m", PEER))


class KeyFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = self.mktemp()
        self.now = 100.0
        self.file = KeyFile(self.path, lambda: self.now)

    def write(self, content: bytes) -> None:
        with open(self.path + ".new", "wb") as file:
            file.write(content)
        os.rename(self.path + ".new", self.path)

    def mac(self) -> str | None:
        key = self.file.key()
        return key.mac(b"x") if key is not None else None

    def test_a_renewed_key_counts_within_a_second(self) -> None:
        self.write(CONTENT)
        old = self.mac()
        self.assertEqual(old, KEY.mac(b"x"))
        self.write(b"new\n")
        self.now += 0.5
        self.assertEqual(self.mac(), old)
        self.now += 0.5
        self.assertEqual(self.mac(), Key(b"new\n").mac(b"x"))

    def test_a_clock_that_was_set_back_does_not_keep_it_from_looking(self) -> None:
        self.write(CONTENT)
        self.mac()
        self.write(b"new\n")
        self.now -= 3600
        self.assertEqual(self.mac(), Key(b"new\n").mac(b"x"))

    def test_it_comes_later_and_survives_its_file(self) -> None:
        self.assertIsNone(self.mac())
        self.write(CONTENT)
        self.now += 1
        self.assertIsNotNone(self.mac())
        for spoil in (lambda: os.truncate(self.path, 0), lambda: os.remove(self.path)):
            spoil()
            self.now += 1
            self.assertEqual(self.mac(), KEY.mac(b"x"))


class DropsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.drops = Drops(self.clock)
        self.lines: list[dict[str, Any]] = []

        def observe(event: Any) -> None:
            if "did not answer" in (event.get("log_format") or ""):
                self.lines.append(dict(event))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)

    def test_a_flood_is_two_lines(self) -> None:
        for _ in range(10_000):
            self.drops.count(Reason.MAGIC, "192.0.2.1")
        self.drops.count(Reason.HMAC, "192.0.2.2")
        self.assertEqual([line["number"] for line in self.lines], [1])
        self.clock.advance(60)
        self.assertEqual([line["number"] for line in self.lines], [1, 10_000])
        self.assertEqual(
            (self.lines[1]["reasons"], self.lines[1]["peer"]),
            ("1 signed with another key, 9999 wrong magic", "192.0.2.2"),
        )

    def test_quiet_costs_no_timer(self) -> None:
        self.drops.count(Reason.MAGIC, "192.0.2.1")
        self.clock.advance(60)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_end_says_the_rest(self) -> None:
        for _ in range(3):
            self.drops.count(Reason.MAGIC, "192.0.2.1")
        self.drops.stop()
        self.assertEqual(([line["number"] for line in self.lines], self.clock.getDelayedCalls()), ([1, 2], []))
        self.assertEqual(self.drops.total["wrong magic"], 3)


class Socket:
    """Datagrams to read, and those that were sent."""

    def __init__(self, incoming: list[bytes]) -> None:
        self.incoming = incoming
        self.sent: list[tuple[bytes, Any]] = []
        self.full = False

    def recvfrom(self, size: int) -> tuple[bytes, Any]:
        if not self.incoming:
            raise BlockingIOError
        return self.incoming.pop(0)[:size], PEER

    def sendto(self, datagram: bytes, peer: Any) -> None:
        if self.full:
            raise BlockingIOError
        self.sent.append((datagram, peer))


class ReaderTests(SynchronousTestCase):
    def reader(self, udp: Any, answer: Any) -> Reader:
        self.time, self.unsent = 0.0, 0

        def unsent() -> None:
            self.unsent += 1

        return Reader(None, udp, answer, unsent, self.fail, lambda: self.time)

    def test_all_that_is_there_is_answered_in_one_turn(self) -> None:
        udp = Socket([b"a", b"b", b"c"])
        self.reader(udp, lambda datagram, peer: datagram * 2 if datagram != b"b" else None).doRead()
        self.assertEqual(udp.sent, [(b"aa", PEER), (b"cc", PEER)])

    def test_a_turn_ends_by_number_or_by_time(self) -> None:
        udp = Socket([b"x"] * 1000)
        reader = self.reader(udp, lambda datagram, peer: None)
        reader.doRead()
        self.assertEqual(len(udp.incoming), 1000 - BATCH)

        def slow(datagram: bytes, peer: Any) -> None:
            self.time += 0.002

        udp = Socket([b"x"] * 1000)
        self.reader(udp, slow).doRead()
        self.assertEqual(len(udp.incoming), 997)

    def test_what_cannot_be_sent_is_counted(self) -> None:
        udp = Socket([b"a", b"b"])
        udp.full = True
        self.reader(udp, lambda datagram, peer: datagram).doRead()
        self.assertEqual((self.unsent, udp.incoming), (2, []))

    def test_what_is_too_long_is_seen_to_be(self) -> None:
        lengths: list[int] = []
        self.reader(Socket([b"x" * 5000]), lambda datagram, peer: lengths.append(len(datagram))).doRead()
        self.assertEqual(lengths, [4097])


class SocketTests(SynchronousTestCase):
    def open(self, address: str, port: int = 0) -> Any:
        sockets = open_sockets(address, port)
        for udp in sockets:
            self.addCleanup(udp.close)
        return sockets

    def test_one_address_is_one_socket(self) -> None:
        (udp,) = self.open("127.0.0.1")
        self.assertEqual(udp.getsockname()[0], "127.0.0.1")

    def test_any_address_is_both_families_at_one_port(self) -> None:
        sockets = self.open("0.0.0.0")
        self.assertEqual(len({udp.getsockname()[1] for udp in sockets}), 1)
        self.assertEqual(len({udp.family for udp in sockets}), len(sockets))

    def test_a_port_that_is_taken_is_refused_and_nothing_stays_open(self) -> None:
        (udp,) = self.open("127.0.0.1")
        with self.assertRaises(OSError) as caught:
            self.open("127.0.0.1", udp.getsockname()[1])
        self.assertEqual(caught.exception.errno, errno.EADDRINUSE)
