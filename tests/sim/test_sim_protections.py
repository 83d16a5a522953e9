"""Each protection that keeps what was acknowledged, taken away: the simulator must notice.

They are taken away from outside; the production code has no switches for it.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve, frozen
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.daemon.election import Poll
from ganeti_tw.daemon.host import Host
from ganeti_tw.daemon.master import Master
from ganeti_tw.daemon.mastership import Mastership, Reign, Terms
from ganeti_tw.daemon.record import HostRecord
from ganeti_tw.ledger.disk import SimulatedDisk
from ganeti_tw.ledger.follower import Follower
from ganeti_tw.ledger.ledger import Ledger
from ganeti_tw.model.config import Config
from ganeti_tw.protocol.ledger import Position
from ganeti_tw.protocol.mastership import FROM_ANY_EPOCH
from ganeti_tw.testing.cluster import Cluster
from ganeti_tw.testing.host import SimulatedMemory
from ganeti_tw.testing.simulator.hosts import WatchedHost, WatchedProcess
from ganeti_tw.testing.simulator.main import Setting, simulate

SEEDS = 200


class ProtectionTests(SynchronousTestCase):
    def assertNoticed(self, make_host: Any, setting: Setting, *expected: str) -> None:
        for seed in range(1, SEEDS + 1):
            result = simulate(setting, seed, make_host)
            if result.broken and any(text in result.broken for text in expected):
                self.flushLoggedErrors()
                return
        self.fail(f"{SEEDS} seeds noticed nothing")

    def test_epoch_check(self) -> None:
        self.assertNoticed(Obedient, Setting("mixed", faults=NETWORK), *LOST)

    def test_fsync(self) -> None:
        self.assertNoticed(Forgetful, Setting("short"), *LOST)

    def test_waiting_for_candidates(self) -> None:
        self.assertNoticed(Hasty, Setting("short"), *LOST)

    def test_vote(self) -> None:
        self.assertNoticed(Usurping, Setting("storm", faults=NETWORK), *LOST)

    def test_witnesses(self) -> None:
        self.assertNoticed(Unwitnessed, Setting("short", faults=NETWORK), *LOST)


NETWORK = ("crash", "network", "failover")
LOST = ("acknowledge", "was accepted, and is not there", "acts as master in epoch", "writes another change")


# -- nodes that obey whoever speaks --------------------------------------------------------------------------------


class ObedientFollower(Follower):
    def _check_epoch(self, epoch: int, at: Position) -> None:
        return None


class ObedientProcess(WatchedProcess):
    def _gate(self, peer: str, epoch: int, name: str) -> None:
        if self.record is not None and epoch < self.record.epoch and name not in FROM_ANY_EPOCH:
            return
        super()._gate(peer, epoch, name)

    def start_follower(self) -> None:
        spawn = self.system.spawn

        def replace(path: str, make: Any) -> Any:
            return spawn(path, (lambda: ObedientFollower(self.outside.store)) if path == "follower" else make)

        self.system.spawn = replace  # type: ignore[method-assign]
        try:
            super().start_follower()
        finally:
            del self.system.spawn


class Obedient(WatchedHost):
    def make_process(self) -> Host:
        super().make_process()
        return ObedientProcess(self)


# -- disks that only say that they have written --------------------------------------------------------------------


class ForgetfulDisk(SimulatedDisk):
    """A crash takes back all of the last second."""

    def __init__(self, host: WatchedHost) -> None:
        super().__init__(host.clock, delay=0.001)
        self._host = host
        self._safe: list[tuple[float, bytes]] = []

    async def append(self, record: bytes) -> None:
        before = bytes(self.content)
        await super().append(record)
        self._safe.append((self._host.clock.seconds(), before))

    def crash(self, kept: int = 0) -> None:
        super().crash(kept)
        recent = [before for when, before in self._safe if when > self._host.clock.seconds() - 1.0]
        if recent:
            self.content[:] = recent[0]
        self._safe.clear()


class ForgetfulMemory(SimulatedMemory):
    def __init__(self, host: WatchedHost) -> None:
        super().__init__(host)
        self.saved: list[tuple[float, HostRecord | None]] = []

    def save(self, record: HostRecord) -> None:
        before = self._host.kept
        super().save(record)
        self.saved.append((self._host.clock.seconds(), before))


class Forgetful(WatchedHost):
    def __init__(self, cluster: Cluster, name: str) -> None:
        super().__init__(cluster, name)
        self.disk = ForgetfulDisk(self)
        self.memory = self.forgetful = ForgetfulMemory(self)

    def kill(self, kept: int = 0, notice: float = 0.0) -> None:
        super().kill(kept, notice)
        recent = [before for when, before in self.forgetful.saved if when > self.clock.seconds() - 1.0]
        if recent:
            self.kept = recent[0]
        self.forgetful.saved.clear()


# -- masters that wait for no candidate ----------------------------------------------------------------------------


class HastyProcess(WatchedProcess):
    def begin_reign(self, reign: Reign) -> Master:
        master = super().begin_reign(reign)
        cell: Any = master.ledger
        ledger = cell._actor
        assert isinstance(ledger, Ledger)
        candidates, line = ledger._candidates, ledger._line

        def acknowledged() -> int:
            type(candidates).acknowledged(candidates)
            return line.at.serial

        candidates.acknowledged = acknowledged  # type: ignore[method-assign]
        return master


class Hasty(WatchedHost):
    def make_process(self) -> Host:
        super().make_process()
        return HastyProcess(self)


# -- hosts that need no majority -----------------------------------------------------------------------------------


@frozen
class AnyPoll(Poll):
    def is_majority(self, count: int) -> bool:
        return True


class UsurpingMastership(Mastership):
    async def _poll(self, config: Config, terms: Terms) -> Poll:
        poll = await super()._poll(config, terms)
        return AnyPoll(poll.own, poll.electorate, poll.heard, poll.silent)


class UsurpingProcess(WatchedProcess):
    def __init__(self, outside: WatchedHost) -> None:
        super().__init__(outside)
        self.mastership = UsurpingMastership(self)


class Usurping(WatchedHost):
    def make_process(self) -> Host:
        super().make_process()
        return UsurpingProcess(self)


# -- masters that go on without those who left, though nobody knows of it --------------------------------------------


class UnwitnessedProcess(WatchedProcess):
    def begin_reign(self, reign: Reign) -> Master:
        return super().begin_reign(evolve(reign, voting=False))


class Unwitnessed(WatchedHost):
    def make_process(self) -> Host:
        super().make_process()
        return UnwitnessedProcess(self)
