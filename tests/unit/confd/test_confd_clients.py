"""The clients, without a network."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any
from unittest import TestCase

from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from txaio import aio, tx

from confd_samples import KEY
from ganeti_tw.confd.client.exchange import Candidates, Exchange
from ganeti_tw.confd.client.waiting import Client
from ganeti_tw.confd.packet import Message, Reply, read_request, write_message
from ganeti_tw.errors import BadRequest, Expired, NotSent, WrongState

NOW = 1_700_000_000.0
A, B, C = "192.0.2.1", "192.0.2.2", "192.0.2.3"


def candidates(*addresses: str) -> Candidates:
    numbers = iter(range(1000))
    return Candidates(addresses or (A, B, C), KEY, lambda: NOW, lambda: f"r{next(numbers)}", Random(1))


def reply(answer: Any, serial: int, rsalt: str = "r0", status: int = 0) -> bytes:
    return write_message(Message(Reply(status, answer, serial)), rsalt, KEY)


class ExchangeTests(TestCase):
    def exchange(self, coverage: int = 0) -> Exchange:
        return candidates().exchange(3, None, coverage)

    def test_coverage(self) -> None:
        many = candidates(*(f"192.0.2.{i}" for i in range(20)))
        self.assertEqual([len(many.exchange(0, None, c).asked) for c in (0, -1, 1, 20)], [6, 20, 1, 20])
        self.assertEqual(len(set(many.exchange(0, None, -1).asked)), 20)
        for wrong in (21, -2):
            with self.assertRaises(BadRequest):
                many.exchange(0, None, wrong)

    def test_nobody_to_ask_and_nothing_to_ask(self) -> None:
        with self.assertRaisesRegex(BadRequest, "no master candidate"):
            Candidates((), KEY, lambda: NOW, str, Random(1))
        with self.assertRaises(BadRequest):
            candidates().exchange(1, "x" * 5000, 0)

    def test_one_address_may_be_given_alone(self) -> None:
        self.assertEqual(Candidates(A, KEY, lambda: NOW, str, Random(1)).addresses, (A,))

    def test_the_highest_serial_wins(self) -> None:
        exchange = self.exchange()
        for address, answer, serial in ((A, "old", 3), (B, "new", 5), (C, "old", 4)):
            exchange.received(reply(answer, serial), address)
        found = exchange.answer(1)
        self.assertEqual((found.reply.answer, found.address, found.replies, found.consistent), ("new", B, 3, True))
        self.assertTrue(exchange.over)

    def test_two_answers_at_one_serial_are_inconsistent(self) -> None:
        exchange = self.exchange()
        exchange.received(reply("x", 5), A)
        exchange.received(reply("y", 5), B)
        exchange.received(reply("z", 4), C)
        self.assertFalse(exchange.answer(1).consistent)

    def test_an_answer_goes_before_an_error(self) -> None:
        exchange = self.exchange()
        exchange.received(reply("no configuration", 0, status=1), A)
        exchange.received(reply(3000000, 0), B)
        self.assertEqual(exchange.answer(1).reply.answer, 3000000)

    def test_what_is_no_answer_to_it_is_ignored(self) -> None:
        exchange = self.exchange()
        for datagram in (b"", reply("x", 1, "r9"), exchange.datagram, reply("x", 1)[:-9] + b"0" * 7 + b'"}'):
            self.assertIsNone(exchange.received(datagram, A))
        self.assertIsNotNone(exchange.received(reply("x", 1), A))
        self.assertIsNone(exchange.received(reply("x", 1), A))
        self.assertEqual(exchange.answer(1).replies, 1)

    def test_no_answer_says_what_may_be_wrong(self) -> None:
        exchange = self.exchange()
        with self.assertRaisesRegex(Expired, "within 2 s"):
            exchange.answer(2)
        exchange.refused.update(dict.fromkeys((A, B, C), "nobody listens there"))
        with self.assertRaisesRegex(NotSent, "nobody listens there"):
            exchange.answer(2)


class WaitingTests(SynchronousTestCase):
    """On Twisted's kind of futures and a clock."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.sent: list[tuple[bytes, str]] = []
        self.problems: dict[str, str] = {}
        self.closed = False
        self.client = Client(candidates(), tx.with_config(), self.clock.callLater, self.send, self.close)

    def send(self, datagram: bytes, address: str, port: int) -> str | None:
        self.assertEqual(port, 1814)
        if address in self.problems:
            return self.problems[address]
        self.sent.append((datagram, address))
        return None

    def close(self) -> str:
        self.closed = True
        return "closed"

    def test_all_answers_end_it(self) -> None:
        seen: list[tuple[Any, str]] = []
        asked = self.client.ask(3, on_reply=lambda reply, address: seen.append((reply.answer, address)))
        self.assertEqual({address for _, address in self.sent}, {A, B, C})
        self.assertEqual(len({datagram for datagram, _ in self.sent}), 1)
        self.client.received(reply("n1", 5), A)
        self.client.received(reply("n2", 6), B)
        self.assertNoResult(asked)
        self.client.received(reply("n1", 5), C)
        self.assertEqual(self.successResultOf(asked).reply.answer, "n2")
        self.assertEqual(seen, [("n1", A), ("n2", B), ("n1", C)])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_patience_with_the_slow_ends(self) -> None:
        asked = self.client.ask(3)
        self.client.received(reply("n1", 5), A)
        self.clock.advance(0.2)
        self.assertNoResult(asked)
        self.clock.advance(0.05)
        self.assertEqual(self.successResultOf(asked).replies, 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_silent_are_asked_again_with_the_same_datagram(self) -> None:
        asked = self.client.ask(3, patience=60)
        self.client.received(reply("n1", 5), A)
        self.sent.clear()
        times = {}
        for tenth in range(1, 100):
            self.clock.advance(0.1)
            if self.sent:
                times[tenth] = {address for _, address in self.sent}
                self.sent.clear()
        self.assertEqual(list(times.values()), [{B, C}] * 3)
        self.assertEqual([round(t / 10) for t in times], [1, 3, 7])
        self.clock.advance(1)
        self.assertEqual(self.successResultOf(asked).replies, 1)

    def test_silence_expires(self) -> None:
        asked = self.client.ask(3, timeout=2)
        self.clock.advance(2)
        self.failureResultOf(asked, Expired)
        self.client.received(reply("n1", 5), A)  # too late
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nobody_can_be_reached(self) -> None:
        self.problems = dict.fromkeys((A, B, C), "Network is unreachable")
        self.failureResultOf(self.client.ask(3), NotSent)
        self.problems.pop(A)
        asked = self.client.ask(3)
        self.client.received(reply("n1", 5, "r1"), A)
        self.assertEqual(self.successResultOf(asked).reply.answer, "n1")

    def test_two_questions_at_once(self) -> None:
        first, second = self.client.ask(3, coverage=1), self.client.ask(4, coverage=1)
        self.client.received(reply("second", 5, "r1"), A)
        self.client.received(reply("first", 5, "r0"), A)
        self.assertEqual(self.successResultOf(first).reply.answer, "first")
        self.assertEqual(self.successResultOf(second).reply.answer, "second")

    def test_cancelling_forgets_it(self) -> None:
        asked = self.client.ask(3)
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.client.received(reply("n1", 5), A)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_closing_fails_what_waits(self) -> None:
        asked = self.client.ask(3)
        self.assertEqual(self.client.close(), "closed")
        self.failureResultOf(asked, WrongState)
        with self.assertRaises(WrongState):
            self.client.ask(3)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_is_asked_can_be_read_by_a_server(self) -> None:
        self.client.ask(2, {"1": "192.0.2.77"})
        request = read_request(self.sent[0][0], KEY, NOW)
        self.assertEqual((request.type, request.query, request.rsalt), (2, b'{"1":"192.0.2.77"}', "r0"))


class AsyncioTests(TestCase):
    """The same client with asyncio's futures."""

    async def scene(self, act: Any, timeout: float = 10.0) -> Any:
        def close() -> None:
            pass

        loop = asyncio.get_running_loop()
        api = aio.with_config(loop=loop)
        client = Client(candidates(), api, loop.call_later, lambda datagram, address, port: None, close)
        asked = client.ask(3, timeout=timeout, patience=0)
        act(client, asked)
        return await asked

    def test_an_answer(self) -> None:
        found = asyncio.run(self.scene(lambda client, asked: client.received(reply("n1", 5), A)))
        self.assertEqual((found.reply.answer, found.replies), ("n1", 1))

    def test_silence_expires(self) -> None:
        with self.assertRaises(Expired):
            asyncio.run(self.scene(lambda client, asked: None, timeout=0.01))

    def test_cancelling(self) -> None:
        with self.assertRaises(asyncio.CancelledError):
            asyncio.run(self.scene(lambda client, asked: asked.cancel()))

    def test_neither_it_nor_the_blocking_one_loads_twisted(self) -> None:
        code = (
            "import sys, ganeti_tw.confd.client.on_asyncio, ganeti_tw.confd.client.blocking\n"
            "print([m for m in sys.modules if m.split('.')[0] == 'twisted'])"
        )
        root = Path(__file__).resolve().parents[3]
        done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=60)
        self.assertEqual((done.stdout.strip(), done.stderr), ("[]", ""))
