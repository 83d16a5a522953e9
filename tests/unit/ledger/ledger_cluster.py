"""A master and its candidates on one Clock: simulated disks, and links that can be slow or cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock

from ganeti_tw.errors import ActorStopped, Expired, GanetiError, NotSent
from ganeti_tw.kernel import Actor, ActorSystem, Rank, Ref, receive
from ganeti_tw.ledger.follower import Follower
from ganeti_tw.ledger.ledger import Ledger
from ganeti_tw.ledger.messages import (
    Applied,
    Commit,
    Committed,
    GetLedgerState,
    Installed,
    LedgerState,
    SetFollowers,
    Subscribe,
)
from ganeti_tw.ledger.replicator import Pace
from ganeti_tw.ledger.store import MemoryStore, SimulatedDisk
from ganeti_tw.protocol.ledger import Change, Position, Put
from ganeti_tw.protocol.registry import pack, pack_answer, unpack, unpack_answer

DISK = 0.004  # seconds a write takes
ROUND = 0.001  # seconds a message and its answer are on the way


class Listener(Actor):
    """Keeps the news it is told."""

    rank = Rank.CONFIG

    def __init__(self, news: list[Any]) -> None:
        self.news = news

    @receive(Committed, Applied, Installed)
    def hear(self, m: Committed | Applied | Installed) -> None:
        self.news.append(m)


class MuteStore(MemoryStore):
    """Cannot be asked where it is while ``mute``."""

    mute = False

    def position(self) -> Deferred[Position]:
        return fail(Expired("the disk hangs")) if self.mute else super().position()


class Host:
    """A machine: its disk survives what its processes do not."""

    def __init__(self, clock: Clock, name: str, tail_changes: int = 10_000) -> None:
        self.clock, self.name, self.tail_changes = clock, name, tail_changes
        self.disk = SimulatedDisk(clock, DISK)
        self.news: list[Any] = []
        self.seen = 0  # the highest epoch it knows of
        self.boot()

    def boot(self) -> None:
        self.system = ActorSystem(self.clock)
        self.store = MuteStore(self.disk, self.tail_changes)
        self.listener = self.system.spawn("listener", lambda: Listener(self.news))

    def crash(self, kept: int = 0) -> None:
        self.system.vanish()
        self.disk.crash(kept)

    def follow(self) -> None:
        self.system.spawn("follower", lambda: Follower(self.store, self.listener, lambda: self.seen))


class Wire(Ref):
    """A link to an actor of another host; everything on it is packed and unpacked."""

    rank = int(Rank.NODE)

    def __init__(self, clock: Clock, host: Host, path: str) -> None:
        self.clock, self.host, self.path = clock, host, path
        self.round = ROUND
        self.cut = False  # what is sent vanishes
        self.down = False  # nothing can be sent
        self.deaf = 0  # so many answers vanish
        self.garbage = 0  # so many answers are nonsense
        self.sent: list[Any] = []

    def tell(self, message: Any) -> None:
        raise NotImplementedError

    def watch(self, watcher: Ref) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError

    def ask(self, message: Any, timeout: float) -> Deferred[Any]:
        self.sent.append(message)
        mine: Deferred[Any] = Deferred()
        if self.down:
            mine.errback(NotSent(f"no link to {self.host.name}"))
            return mine
        name, body = pack(message)

        def end(result: Any) -> None:
            if not mine.called:
                timer.cancel()
                mine.callback(result)

        def expire() -> None:
            mine.errback(Expired(f"{self.host.name} did not answer {name} within {timeout:g} s"))

        def deliver() -> None:
            actor = self.host.system.find(self.path)
            if self.cut:
                return
            if actor is None:
                end_with(ActorStopped(f"{self.path} is not there"))
                return
            actor.ask(unpack(name, body), timeout).addCallbacks(answered, lambda f: end_with(f.value))

        def answered(value: Any) -> None:
            if self.deaf:
                self.deaf -= 1
                return
            if self.garbage:
                self.garbage -= 1
                end_with("nonsense")
                return
            end_with(unpack_answer(name, pack_answer(value)))

        def end_with(result: Any) -> None:
            if not self.cut:
                self.clock.callLater(self.round / 2, end, result)

        timer = self.clock.callLater(timeout, expire)
        self.clock.callLater(self.round / 2, deliver)
        mine.addCallback(raise_errors)
        return mine


def raise_errors(value: Any) -> Any:
    if isinstance(value, GanetiError):
        raise value
    return value


class LedgerCluster:
    """One ledger with candidates c1, c2, …; commits of row ``(thing, key)``."""

    def __init__(self, candidates: int = 0, tail_changes: int = 10_000, pace: Pace | None = None) -> None:
        self.clock = Clock()
        self.pace = pace
        self.ended: list[GanetiError] = []
        self.master = Host(self.clock, "master", tail_changes)
        self.hosts = {f"c{n}": Host(self.clock, f"c{n}", tail_changes) for n in range(1, candidates + 1)}
        for host in self.hosts.values():
            host.follow()
        self.wires = {name: Wire(self.clock, host, "follower") for name, host in self.hosts.items()}

    def start(self, epoch: int = 1, name_followers: bool = True) -> None:
        self.ledger = self.spawn(self.master, epoch)
        if name_followers:
            self.ledger.tell(SetFollowers(dict(self.wires)))
        self.ledger.tell(Subscribe(self.master.listener))

    def spawn(self, host: Host, epoch: int) -> Ref:
        def make() -> Ledger:
            return Ledger(
                host.store, epoch, host.system.spawn, self.clock, self.now, lambda: 0.5, self.ended.append, self.pace
            )

        return host.system.spawn("ledger", make)

    def now(self) -> float:
        return 1e9 + self.clock.seconds()

    def settle(self, seconds: float = 0.1, step: float = 0.001) -> None:
        """Let time pass in small steps."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end - 1e-9:
            self.clock.advance(min(step, end - self.clock.seconds()))
            self.turn()

    def turn(self) -> None:
        """Do all that is due now."""
        for _ in range(50):
            if not any(call.getTime() <= self.clock.seconds() for call in self.clock.getDelayedCalls()):
                return
            self.clock.advance(0)

    def until(self, condition: Callable[[], object], most: float = 60.0) -> float:
        """Let time pass until it holds; how long that took."""
        begun = self.clock.seconds()
        while not condition():
            if self.clock.seconds() > begun + most:
                raise AssertionError(f"it did not come true within {most:g} s")
            self.settle(0.001)
        return self.clock.seconds() - begun

    def commit(self, key: str, value: bytes = b"1") -> Deferred[int]:
        return self.ledger.ask(Commit((Put("thing", key, value),)), 60.0)

    def state(self) -> LedgerState:
        found: list[LedgerState] = []
        self.ledger.ask(GetLedgerState(), 1.0).addCallback(found.append)
        self.turn()
        return found[0]

    def in_sync(self) -> list[str]:
        return [f.name for f in self.state().followers if f.in_sync]

    def ready(self) -> None:
        """All candidates are in sync, and what led there is forgotten."""
        self.start()
        self.until(lambda: len(self.in_sync()) == len(self.hosts) and not self.state().waiting)
        self.settle(0.02)
        for host in (self.master, *self.hosts.values()):
            host.news.clear()
            host.disk.writes = 0
        for wire in self.wires.values():
            wire.sent.clear()

    def rows(self, host: Host, kind: str = "thing") -> dict[str, bytes]:
        """What a restart would find on the disk."""
        found: list[dict[str, bytes]] = []
        MemoryStore(host.disk).read(kind).addCallback(found.append)
        return found[0]

    def told(self, host: Host) -> list[Change]:
        """All changes the listener of a host was told."""
        return [c for news in host.news if not isinstance(news, Installed) for c in news.changes]
