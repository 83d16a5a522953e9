"""Any datagram at all: nothing breaks, memory stays as it is, who asks properly gets an answer all the while.

GANETI_TW_FUZZ is the number of datagrams, 20,000 without it; GANETI_TW_FUZZ_SEED
begins another sequence.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any
from unittest import TestCase

from confd_samples import KEY, recorded_config
from ganeti_tw.confd.addresses import Addresses
from ganeti_tw.confd.desk import Answers, Desk
from ganeti_tw.confd.packet import LARGEST_REPLY, Reason, read_reply, write_request

DATAGRAMS = int(os.environ.get("GANETI_TW_FUZZ", "20000"))
SEED = int(os.environ.get("GANETI_TW_FUZZ_SEED", "1"))
NOW = 1_700_000_000.0
GROWTH = 16 << 20  # bytes; the memory for replays fills while it runs

WORDS = [
    "",
    "x",
    "inst1",
    "ref1.ref.example",
    "main",
    "/",
    "/cluster",
    "/nodes",
    "//",
    "/instances/x",
    "\0",
    "é",
    "\ud800",
]
WORDS += ["a" * 3000, "/" * 500, "192.0.2.2", "::1", "0", "3", "%s", "{}", "..", "26f0748a-77db-445f-a94d-a87682b153fb"]
NUMBERS: list[Any] = [*range(-2, 14), 1 << 31, 1 << 64, -(1 << 70), 10**300, 0.5, 1e308, True, False]


class Fuzzer:
    """Makes datagrams: noise, honest ones with something changed, and properly signed nonsense."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        cases = json.loads((Path(__file__).resolve().parents[2] / "data" / "confd.json").read_text())["cases"]
        self.honest = [write_request(c["type"], c["query"], "r", KEY, NOW) for c in cases if c["type"] != "x"]
        self.makers = (self.noise, self.flipped, self.cut, self.spliced, self.nonsense, self.forged, self.large)

    def next(self) -> bytes:
        return self.random.choice(self.makers)()

    def noise(self) -> bytes:
        return self.random.choice((b"", b"plj0", b"plj0{", b"plj1")) + self.random.randbytes(self.random.randrange(300))

    def flipped(self) -> bytes:
        datagram = bytearray(self.random.choice(self.honest))
        for _ in range(self.random.randint(1, 5)):
            datagram[self.random.randrange(len(datagram))] = self.random.randrange(256)
        return bytes(datagram)

    def cut(self) -> bytes:
        datagram = self.random.choice(self.honest)
        at = self.random.randrange(len(datagram))
        return datagram[:at] if self.random.random() < 0.5 else datagram[:at] + datagram[at + 1 :]

    def spliced(self) -> bytes:
        one, other = self.random.choice(self.honest), self.random.choice(self.honest)
        return one[: self.random.randrange(len(one))] + other[self.random.randrange(len(other)) :]

    def large(self) -> bytes:
        return self.random.choice(self.honest)[:50] + b"[" * self.random.choice((4000, 4046, 4047, 9000))

    def nonsense(self) -> bytes:
        inner = {"protocol": 1, "type": self.random.randrange(13), "query": None, "rsalt": str(self.random.random())}
        for _ in range(self.random.randint(1, 3)):
            inner[self.random.choice([*inner, "more"])] = self.value(3)
        if self.random.random() < 0.1:
            inner.pop(self.random.choice(list(inner)))
        return self.signed(json.dumps(inner))

    def forged(self) -> bytes:
        """Signed, though it is no JSON, or the salt is no time."""
        salt = self.random.choice([str(int(NOW)), "", "1" * 4000, "-5", "1.5", str(int(NOW) + 400), "\u0661"])
        return self.signed(self.random.choice(["", "[" * 900, "nul", "{}", '{"type":', "\x00", "9" * 3000]), salt)

    def signed(self, msg: str, salt: str = str(int(NOW))) -> bytes:
        mac = KEY.mac((salt + msg).encode(errors="replace"))
        return b"plj0" + json.dumps({"msg": msg, "salt": salt, "hmac": mac}).encode()

    def value(self, depth: int) -> Any:
        kind = self.random.randrange(6 if depth else 4)
        if kind < 2:
            return self.random.choice(WORDS)
        if kind < 4:
            return self.random.choice([None, *NUMBERS])
        if kind == 4:
            return [self.value(depth - 1) for _ in range(self.random.randrange(4))]
        return {self.random.choice("01234x"): self.value(depth - 1) for _ in range(self.random.randrange(4))}


def resident() -> int:
    """Bytes of memory this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class FuzzTests(TestCase):
    def test_nothing_breaks(self) -> None:
        answers = Answers()
        answers.begin(Addresses(recorded_config()))
        reasons: Counter[Reason] = Counter()

        def dropped(reason: Reason, peer: str) -> None:
            reasons[reason] += 1

        desk = Desk(answers, lambda: KEY, lambda: NOW, dropped)
        fuzzer, settled, spent = Fuzzer(SEED), 0, 0.0
        for number in range(DATAGRAMS):
            datagram = fuzzer.next()
            begin = time.process_time()
            reply = desk.answer(datagram, ("192.0.2.1", number % 50_000))
            spent += time.process_time() - begin
            self.assertLessEqual(len(reply or b""), LARGEST_REPLY)
            if number % 100 == 0:
                rsalt = f"honest {number}"
                honest = desk.answer(write_request(3, None, rsalt, KEY, NOW), ("192.0.2.2", 1))
                assert honest is not None
                self.assertEqual(read_reply(honest, KEY, rsalt).answer, "ref1.ref.example")
            if number == DATAGRAMS * 2 // 5:
                settled = resident()
        grown = resident() - settled
        self.assertLess(grown, GROWTH)
        # Each way to be wrong was tried, and some of the nonsense made sense.
        wrong = set(Reason) - {Reason.KEYLESS, Reason.UNSENT}
        self.assertEqual(set(reasons), wrong)
        self.assertGreater(desk.answered, DATAGRAMS // 100)
        counts = ", ".join(f"{number} {reason.value}" for reason, number in reasons.most_common())
        print(f"{DATAGRAMS} datagrams, {spent / DATAGRAMS * 1e6:.1f} us each: {desk.answered} answered, {counts}")
        print(f"memory: +{grown / 1024:.0f} KiB in the last three fifths")
