"""Speed and size of the actor kernel, beside Pykka in the same run.

Both sides do the same work: one actor counts messages (tell), and answers them
one after the other (ask).  Pykka runs on its threads, the kernel on the real
reactor.  With ``--check`` the exit code is 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tracemalloc
from collections.abc import Callable
from time import perf_counter

import attrs
import pykka
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from ganeti_tw.kernel import Actor, ActorSystem, receive

RATIO = 5.0
IDLE_BYTES = 2048
IDLE_ACTORS = 100_000
ROUNDS = 7


@attrs.frozen
class Add:
    """Answer: the sum so far."""

    number: int


@attrs.frozen
class Total:
    """Answer: the sum so far."""


class Ours(Actor):
    capacity = 10_000_000

    def __init__(self) -> None:
        self.total = 0

    @receive(Add)
    def add(self, m: Add) -> int:
        self.total += m.number
        return self.total

    @receive(Total)
    def show(self, m: Total) -> int:
        return self.total


class Theirs(pykka.ThreadingActor):
    use_daemon_thread = True

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def on_receive(self, m: Add | Total) -> int:
        if isinstance(m, Add):
            self.total += m.number
        return self.total


class Idle(Actor):
    """What a small actor looks like: a name and a number."""

    def __init__(self, name: str) -> None:
        self.name, self.total = name, 0

    @receive(Add)
    def add(self, m: Add) -> int:
        self.total += m.number
        return self.total


def pykka_tell(count: int) -> float:
    ref = Theirs.start()
    message = Add(1)
    begin = perf_counter()
    for _ in range(count):
        ref.tell(message)
    assert ref.ask(Total()) == count
    spent = perf_counter() - begin
    ref.stop()
    return spent


def pykka_ask(count: int) -> float:
    ref = Theirs.start()
    message = Add(1)
    begin = perf_counter()
    for _ in range(count):
        ref.ask(message, timeout=30)
    spent = perf_counter() - begin
    ref.stop()
    return spent


async def our_tell(system: ActorSystem, count: int) -> float:
    ref = system.spawn("tell", Ours)
    message = Add(1)
    begin = perf_counter()
    for _ in range(count):
        ref.tell(message)
    assert await ref.ask(Total(), 30) == count
    spent = perf_counter() - begin
    ref.stop()
    return spent


async def our_ask(system: ActorSystem, count: int) -> float:
    ref = system.spawn("ask", Ours)
    message = Add(1)
    begin = perf_counter()
    for _ in range(count):
        await ref.ask(message, 30)
    spent = perf_counter() - begin
    ref.stop()
    return spent


async def idle_bytes(system: ActorSystem, count: int, used: bool) -> float:
    """Bytes per actor that only waits, its path and place in the system included."""

    def make(name: str) -> Callable[[], Actor]:
        return lambda: Idle(name)

    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    refs = []
    for i in range(count):
        path = f"idle/{used:d}/{i}"
        refs.append(system.spawn(path, make(path)))
    last = refs[-1]
    if used:
        message = Add(1)
        for ref in refs:
            ref.tell(message)
    # Turns are taken in order: when the last one answers, all have started and handled what they got.
    await last.ask(Add(1), 600)
    gc.collect()
    spent = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    for ref in refs:
        ref.stop()
    return spent / count


async def measure(tells: int, asks: int, idle: int) -> bool:
    """Print the table; whether all goals are met."""
    system = ActorSystem(reactor)
    theirs = {"tell": 0.0, "ask": 0.0}
    ours = {"tell": 0.0, "ask": 0.0}
    # Turn and turn about, best of each, so that a busy machine slows both sides alike.
    for _ in range(ROUNDS):
        theirs["tell"] = max(theirs["tell"], tells / pykka_tell(tells))
        ours["tell"] = max(ours["tell"], tells / await our_tell(ActorSystem(reactor), tells))
        theirs["ask"] = max(theirs["ask"], asks / pykka_ask(asks))
        ours["ask"] = max(ours["ask"], asks / await our_ask(ActorSystem(reactor), asks))
    good = True
    print(f"{'':12}{'Pykka':>14}{'kernel':>14}{'ratio':>9}   goal")
    for what in ("tell", "ask"):
        ratio = ours[what] / theirs[what]
        good = good and ratio >= RATIO
        print(f"{what + ' /s':12}{theirs[what]:>14,.0f}{ours[what]:>14,.0f}{ratio:>8.1f}x   >= {RATIO:g}x")
    for used in (False, True):
        size = await idle_bytes(system, idle, used)
        good = good and size < IDLE_BYTES
        what = "idle after one message" if used else "idle, never used"
        print(f"{what} ({idle:,} actors): {size:,.0f} bytes each   goal < {IDLE_BYTES}")
    await system.stop()
    return good


def main() -> int:
    """Exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    parser.add_argument("--tells", type=int, default=200_000)
    parser.add_argument("--asks", type=int, default=20_000)
    parser.add_argument("--idle", type=int, default=IDLE_ACTORS)
    options = parser.parse_args()
    results: list[bool] = []

    def run() -> None:
        work = Deferred.fromCoroutine(measure(options.tells, options.asks, options.idle))
        work.addCallback(results.append)
        work.addErrback(lambda failure: failure.printTraceback())
        work.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(run)
    reactor.run()
    if not results:
        return 2
    return 1 if options.check and not results[0] else 0


if __name__ == "__main__":
    sys.exit(main())
