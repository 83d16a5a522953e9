"""Whatever fails in whatever order, nothing acknowledged is lost and all copies become the same again."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import DriverError
from ganeti_tw.ledger.messages import Commit, SetFollowers, Subscribe
from ganeti_tw.ledger.replicator import Pace
from ganeti_tw.protocol.ledger import Change, Delete, Put
from ledger_cluster import Host, LedgerCluster, Wire

NAMES = ("m", "c1", "c2")


class FaultyCluster(LedgerCluster):
    """Any of three hosts may lead."""

    def __init__(self) -> None:
        super().__init__(0, tail_changes=12, pace=Pace(queue=600, longest_pause=3.0))
        self.hosts = {name: Host(self.clock, name, 12) for name in NAMES}
        self.epoch = 0
        self.count = 0
        self.acknowledged: dict[str, bytes | None] = {}  # what the last acknowledged commit made of a row
        self.later: dict[str, dict[int, bytes | None]] = {}  # what commits after that may have made of it
        self.refused: set[bytes | None] = set()  # what must not show, unless a crash intervenes
        self.errors: list[str] = []
        self.lead("m")

    def lead(self, name: str, named: bool = True) -> None:
        """End all processes, and start anew with this host as master."""
        self.refused.clear()
        self.epoch += 1
        self.leader, self.master = name, self.hosts[name]
        for host in self.hosts.values():
            host.crash()
            host.boot()
            host.seen = self.epoch
        self.followers()
        self.master.news.clear()
        self.ledger = self.spawn(self.master, self.epoch)
        if named:
            self.ledger.tell(SetFollowers(dict(self.wires)))
        self.ledger.tell(Subscribe(self.master.listener))

    def name_some(self, amount: int) -> None:
        """Make some of the hosts candidates, and the others not."""
        some = {name: wire for n, (name, wire) in enumerate(self.wires.items()) if amount >> n & 1}
        self.ledger.tell(SetFollowers(some))

    def followers(self) -> None:
        self.wires = {}
        for name, host in self.hosts.items():
            if name != self.leader:
                host.follow()
                self.wires[name] = Wire(self.clock, host, "follower")

    def write(self, key: str, delete: bool) -> None:
        self.count += 1
        number = self.count
        value = None if delete else b"%d" % number
        later = self.later.setdefault(key, {})
        later[number] = value

        def stored(serial: int) -> None:
            self.acknowledged[key] = value
            for n in [n for n in later if n <= number]:
                del later[n]
            self.check_all()

        def failed(failure: Failure) -> None:
            if failure.check(DriverError):
                self.refused.add(value)

        message = Commit((), (Delete("thing", key),)) if delete else Commit((Put("thing", key, value or b""),))
        self.ledger.ask(message, 300).addCallbacks(stored, failed)

    def recorded(self) -> list[str]:
        """Who is in sync by the disk of the master."""
        return [n for n, row in self.rows(self.master, "insync").items() if b'"in_sync": true' in row]

    def check_all(self) -> None:
        """Wherever the master may be lost to, nothing acknowledged is lost."""
        for name in {self.leader, *self.recorded()}:
            for key in self.acknowledged:
                self.check(self.hosts[name], key)

    def check(self, host: Host, key: str) -> None:
        """It has what was acknowledged, or what a later commit made of it."""
        found, wanted, later = self.rows(host).get(key), self.acknowledged[key], self.later[key].values()
        if found != wanted and found not in later:
            self.errors.append(f"{host.name} has {found!r} in {key}, acknowledged was {wanted!r}, later came {later}")

    def crash(self, name: str, kept: int) -> None:
        if name == self.leader:
            self.hosts[name].crash(kept)
            self.lead(name, named=kept % 20 > 0)
        else:
            host = self.hosts[name]
            host.crash(kept)
            host.boot()
            host.follow()

    def fail_over(self, name: str, kept: int) -> None:
        if name in self.recorded():
            self.hosts[self.leader].crash(kept)
            self.lead(name, named=kept % 20 > 0)

    def heal(self) -> None:
        self.ledger.tell(SetFollowers(dict(self.wires)))
        for host in self.hosts.values():
            host.disk.room, host.disk.delay = None, 0.004
            host.disk.fail_early = host.disk.fail_late = 0
        for wire in self.wires.values():
            wire.cut = wire.down = False
            wire.deaf, wire.round = 0, 0.001

    def step(self, what: str, name: str, amount: int) -> None:
        disk, wire = self.hosts[name].disk, self.wires.get(name)
        if what == "commit":
            self.write("abcdefgh"[amount % 8], delete=amount % 5 == 0)
        elif what == "wait":
            self.settle(0.0013 * amount)
        elif what == "wait long":
            self.settle(0.4 * amount, step=0.05)
        elif what == "fail early":
            disk.fail_early = amount % 3
        elif what == "fail late":
            disk.fail_late = amount % 3
        elif what == "full":
            disk.room = None if amount % 2 else 10 * amount
        elif what == "slow disk":
            disk.delay = 0.001 * amount
        elif what == "crash":
            self.crash(name, kept=amount * 10)
        elif what == "fail over":
            self.fail_over(name, kept=amount * 10)
        elif what == "name":
            self.name_some(amount)
        elif wire is not None:
            if what == "cut":
                wire.cut = bool(amount % 2)
            elif what == "down":
                wire.down = bool(amount % 2)
            elif what == "deaf":
                wire.deaf = amount % 3
            elif what == "slow link":
                wire.round = 0.003 * amount


KINDS = (
    "commit", "commit", "commit", "wait", "wait", "wait long", "fail early", "fail late", "full", "slow disk",
    "crash", "fail over", "cut", "down", "deaf", "slow link", "name",
)  # fmt: skip

steps = st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(NAMES), st.integers(0, 30)), max_size=40)


def dense(changes: list[Change]) -> bool:
    serials = [c.serial for c in changes]
    return serials == list(range(serials[0], serials[0] + len(serials))) if serials else True


class FaultTests(SynchronousTestCase):
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps)
    def test_any_schedule(self, script: list[tuple[str, str, int]]) -> None:
        self.run_script(script)

    def run_script(self, script: list[tuple[Any, Any, int]]) -> None:
        cluster = FaultyCluster()
        cluster.settle(0.05)
        for what, name, amount in script:
            cluster.step(what, name, amount)
            self.assertTrue(dense(cluster.told(cluster.master)))
            cluster.check_all()
            self.assertEqual(cluster.errors, [])
        cluster.heal()
        cluster.settle(60, step=0.05)
        self.assertEqual(sorted(cluster.in_sync()), sorted(cluster.wires))
        done: list[int] = []
        last: Deferred[int] = cluster.commit("last", b"last")
        last.addCallback(done.append)
        cluster.settle(1)
        self.assertEqual(len(done), 1, cluster.state())
        cluster.check_all()
        self.assertEqual(cluster.errors, [])
        self.assertEqual((cluster.refused - {None}).intersection(cluster.rows(cluster.master).values()), set())
        for host in cluster.hosts.values():
            for kind in ("thing", "insync", "reign"):
                self.assertEqual(cluster.rows(host, kind), cluster.rows(cluster.master, kind))
        self.assertEqual(cluster.ended, [])
