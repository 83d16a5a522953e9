"""Mutated requests: nothing crashes, nothing is kept, and who asks properly is answered meanwhile.

``MOND_FUZZ=100000`` runs that many instead of a few hundred, ``MOND_FUZZ_SEED``
others than usual.
"""

from __future__ import annotations

import gc
import os
import random
import tracemalloc
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request

from test_mond_web import OPENMETRICS, FrontDoor

COUNT = int(os.environ.get("MOND_FUZZ", "600"))
SEED = int(os.environ.get("MOND_FUZZ_SEED", "1815"))
# Bytes; Twisted remembers up to 10,000 names of headers, which takes many requests to fill.
LIMIT = 300_000 if COUNT < 5000 else 4_000_000
HEAD = b"HTTP/1.1\r\nHost: h\r\n"
SEEDS = (
    b"GET / " + HEAD + b"\r\n",
    b"GET /1/list/collectors " + HEAD + b"\r\n",
    b"GET /1/report/all " + HEAD + b"Accept: application/json\r\nConnection: close\r\n\r\n",
    b"GET /1/report/storage/diskstats " + HEAD + b"\r\nGET /1 " + HEAD + b"\r\n",
    b"GET /metrics " + HEAD + f"Accept: {OPENMETRICS}\r\n\r\n".encode(),
    b"POST /1/report/all " + HEAD + b"Content-Length: 5\r\n\r\nhello",
    b"POST / " + HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"GET http://h/1/report/instance/inst-status?x=1 HTTP/1.0\r\nExpect: 100-continue\r\n\r\n",
)
PIECES = (
    b"\r\n",
    b"\0",
    b"\xff\xfe",
    b"%00",
    b"%",
    b"../" * 40,
    b"/" * 300,
    b"A" * 5000,
    b": ",
    b"\r\n\r\n",
    b"Content-Length: -1\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"ffffffffffffffff\r\n",
    b"Accept: ;;;q=,,\r\n",
    b"X: y\r\n" * 600,
    b"HTTP/9.9",
)


def mutated(chance: random.Random) -> bytes:
    """One of the seeds, bitten into a few times."""
    text = bytearray(chance.choice(SEEDS))
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(text) + 1)
        match chance.randrange(6):
            case 0:
                text[at : at + chance.randrange(1, 20)] = b""
            case 1:
                text[at:at] = chance.choice(PIECES)
            case 2:
                text[at:at] = chance.randbytes(chance.randrange(1, 30))
            case 3:
                text = text[:at]
            case 4:
                text[at:at] = text[: chance.randrange(len(text) + 1)]
            case _ if text:
                text[at % len(text)] ^= 1 << chance.randrange(8)
    return bytes(text)


class FuzzTests(FrontDoor):
    def attack(self, chance: random.Random) -> None:
        """A connection that says something odd, in pieces, and goes away sooner or later."""
        channel: Any = self.site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        transport = StringTransport()
        channel.makeConnection(transport)
        rest = mutated(chance)
        while rest and not transport.disconnecting and not transport.disconnected:
            size = chance.choice((1, 7, 100, 10_000))
            channel.dataReceived(rest[:size])
            rest = rest[size:]
        if chance.random() < 0.5:
            self.clock.advance(0.001)
        channel.connectionLost(Failure(ConnectionDone()))
        for answer in transport.value().split(b"HTTP/1.1 ")[1:]:
            self.assertNotIn(answer[:3], (b"500", b"502", b"503"), rest)

    def test_odd_requests(self) -> None:
        chance = random.Random(SEED)
        for _ in range(50):  # what is made once for all stays
            self.attack(chance)
        self.clock.advance(1)
        timers = len(self.clock.getDelayedCalls())
        gc.collect()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        for number in range(COUNT):
            self.attack(chance)
            if number % 50 == 0:
                self.assertEqual(self.get("/"), [1])
                self.assertIn("diskstats", self.all())
                self.channel.connectionLost(Failure(ConnectionDone()))
        self.clock.advance(1)
        self.transport = StringTransport()
        del self.channel
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
        left = [o for o in gc.get_objects() if isinstance(o, HTTPChannel | Request)]
        self.assertLess(len(left), 20)
        self.assertLessEqual(len(self.clock.getDelayedCalls()), timers + 4)
        self.assertLess(after - before, LIMIT)
