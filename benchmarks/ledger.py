"""How fast the ledger is: ``python benchmarks/ledger.py [directory]``.

Alone, on a real disk: commits one after the other (latency), many at once
(group commit), and the time of one at 10 and at 10,000 rows.  Then with two
followers in the same process, each with a file of its own.  Last the processor
time that the file itself takes, which a busy machine changes least.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import react

from ganeti_tw.kernel import ActorSystem, Ref, ThreadBlocking
from ganeti_tw.ledger.file import LedgerFile
from ganeti_tw.ledger.follower import Follower
from ganeti_tw.ledger.ledger import Ledger
from ganeti_tw.ledger.messages import Commit, GetLedgerState, SetFollowers
from ganeti_tw.ledger.store import Snapshot, SqliteStore
from ganeti_tw.protocol.ledger import Change, Put

VALUE = b'{"name": "web1.example.com", "primary_node": "' + b"x" * 1500 + b'"}'
ONE_BY_ONE = 300
AT_ONCE = 5000


class Bench:
    """A ledger with so many rows and followers."""

    def __init__(self, reactor: object, directory: str) -> None:
        self.reactor, self.directory = reactor, directory
        self.system = ActorSystem(reactor)  # type: ignore[arg-type]
        self.stores: list[SqliteStore] = []
        self.threads: list[ThreadBlocking] = []

    def store(self, name: str) -> SqliteStore:
        threads = ThreadBlocking(self.reactor, name, threads=1)
        self.threads.append(threads)
        self.stores.append(SqliteStore(os.path.join(self.directory, name), threads))
        return self.stores[-1]

    async def start(self, rows: int, followers: int) -> Ref:
        store = self.store("master.db")
        await store.install(Snapshot(1, 1, {("instance", str(n)): VALUE for n in range(rows)}))
        clock: object = self.reactor

        def make() -> Ledger:
            return Ledger(store, 2, self.system.spawn, clock, time.time, random.random)  # type: ignore[arg-type]

        ledger = self.system.spawn("ledger", make)
        refs = {}
        for n in range(followers):
            copy = self.store(f"c{n}.db")
            refs[f"c{n}"] = self.system.spawn(f"follower/{n}", maker(copy))
        ledger.tell(SetFollowers(refs))
        while sum(f.in_sync for f in (await ledger.ask(GetLedgerState(), 5)).followers) < followers:
            await commit(ledger, "warm", 0)
        for n in range(20):
            await commit(ledger, "warm", n)
        return ledger

    async def end(self) -> None:
        await self.system.stop()
        for store in self.stores:
            await store.close()
        for threads in self.threads:
            await threads.close()


def maker(store: SqliteStore) -> Callable[[], Follower]:
    return lambda: Follower(store)


def commit(ledger: Ref, kind: str, number: int) -> Deferred[int]:
    return ledger.ask(Commit((Put(kind, str(number), VALUE),)), 60)


async def one_by_one(ledger: Ref, count: int) -> list[float]:
    """Seconds of each commit, one waiting for the other."""
    taken = []
    for n in range(count):
        begun = time.perf_counter()
        await commit(ledger, "instance", n % 10)
        taken.append(time.perf_counter() - begun)
    return taken


async def at_once(ledger: Ref, count: int) -> float:
    """Seconds until all of many commits made at once are acknowledged."""
    begun = time.perf_counter()
    await gatherResults([commit(ledger, "job", n) for n in range(count)])
    return time.perf_counter() - begun


def fsync_time(directory: str) -> float:
    """Median seconds of a small write with fsync on this disk."""
    taken = []
    with open(os.path.join(directory, "probe"), "wb") as f:
        for _ in range(100):
            f.write(b"x" * 4096)
            f.flush()
            begun = time.perf_counter()
            os.fdatasync(f.fileno())
            taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def show(what: str, taken: list[float]) -> float:
    middle = statistics.median(taken)
    worst = sorted(taken)[int(len(taken) * 0.99)]
    print(f"{what:44} {middle * 1e3:8.3f} ms  (99 %: {worst * 1e3:.3f} ms)   {len(taken) / sum(taken):8.0f}/s")
    return middle


def processor_time(directory: str) -> None:
    """What the file takes of the processor: for a change alone, among 1,000, and to open and check all of it."""
    path = os.path.join(directory, "file.db")
    file = LedgerFile(path)
    serial = 0
    for size, rounds in ((1, 2000), (1000, 20)):
        begun = time.process_time()
        for _ in range(rounds):
            serials = range(serial + 1, serial + 1 + size)
            file.append(tuple(Change(n, 1, (Put("job", str(n % 20_000), VALUE),)) for n in serials))
            serial += size
        taken = (time.process_time() - begun) / size / rounds
        print(f"{f'processor time of a change, {size} at once':44} {taken * 1e6:8.0f} us")
    file.close()
    begun = time.process_time()
    file.position()
    taken, mib = time.process_time() - begun, os.path.getsize(path) / 2**20
    print(f"{f'processor time of opening {mib:.0f} MiB':44} {taken * 1e3:8.0f} ms")
    file.close()


async def run(reactor: object, directory: str) -> None:
    print(f"{'fdatasync of this disk':44} {fsync_time(directory) * 1e3:8.3f} ms")
    medians = {}
    for rows, followers in ((10, 0), (10_000, 0), (10, 2), (10_000, 2)):
        with tempfile.TemporaryDirectory(dir=directory) as place:
            bench = Bench(reactor, place)
            ledger = await bench.start(rows, followers)
            medians[rows, followers] = show(
                f"commit, {rows} rows, {followers} followers", await one_by_one(ledger, ONE_BY_ONE)
            )
            before = (await ledger.ask(GetLedgerState(), 5)).stored
            taken = await at_once(ledger, AT_ONCE)
            print(f"{f'{AT_ONCE} commits at once, {followers} followers':44} {AT_ONCE / taken:8.0f}/s")
            assert (await ledger.ask(GetLedgerState(), 5)).stored == before + AT_ONCE
            await bench.end()
    for followers in (0, 2):
        ratio = medians[10_000, followers] / medians[10, followers]
        print(f"{f'10,000 rows to 10 rows, {followers} followers':44} {ratio:8.2f}")
    processor_time(directory)


async def main(reactor: object, *args: str) -> None:
    with tempfile.TemporaryDirectory(dir=args[0] if args else None) as directory:
        await run(reactor, directory)


if __name__ == "__main__":
    react(lambda reactor, *args: Deferred.fromCoroutine(main(reactor, *args)), sys.argv[1:])
