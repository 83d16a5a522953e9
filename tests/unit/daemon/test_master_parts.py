"""What a master finds when it begins, and the small actors around it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.config.secrets import Secrets
from ganeti_tw.daemon.followers import PAUSE, FollowerKeeper
from ganeti_tw.daemon.master import Watchman
from ganeti_tw.daemon.readledger import read_ledger
from ganeti_tw.errors import Corrupt, DriverError, NoCluster
from ganeti_tw.jobs.record import JobRecord, OpRecord
from ganeti_tw.jobs.status import Status
from ganeti_tw.kernel import Actor, ActorSystem, InlineBlocking, Rank, receive
from ganeti_tw.ledger.disk import SimulatedDisk
from ganeti_tw.ledger.memory import MemoryStore
from ganeti_tw.ledger.messages import SetFollowers
from ganeti_tw.ledger.seam import Snapshot
from ganeti_tw.model.codec import row
from ganeti_tw.model.config import Config
from ganeti_tw.model.config_data import rows_from_config_data
from ganeti_tw.model.new import new_node
from ganeti_tw.protocol.config import ConfigChanged

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "config.data.json"


def sample() -> dict[tuple[str, str], bytes]:
    rows = [*rows_from_config_data(SAMPLE.read_bytes()), *Secrets("CA", "key\n").puts()]
    return {(p.kind, p.key): p.value for p in rows}


class ReadTests(SynchronousTestCase):
    def read(self, rows: dict[tuple[str, str], bytes]) -> Deferred[Any]:
        store = MemoryStore(SimulatedDisk())
        self.successResultOf(store.install(Snapshot(10, 1, rows)))
        return Deferred.fromCoroutine(read_ledger(store, InlineBlocking()))

    def test_everything(self) -> None:
        rows = sample()
        for number, status in ((3, Status.SUCCESS), (10, Status.QUEUED), (9, Status.RUNNING)):
            rows["job", str(number)] = JobRecord(number, [OpRecord({}, status)]).encode()
        rows["live", "10"] = rows["live", "9"] = b"true"
        rows["queue", "serial"] = b"12"
        found = self.successResultOf(self.read(rows))
        self.assertEqual((found.secrets, found.last_job), (Secrets("CA", "key\n"), 12))
        self.assertEqual([job.id for job in found.unfinished], [9, 10])
        self.assertEqual(found.config.cluster.cluster_name, "refcl.ref.example")

    def test_nothing_was_submitted_yet(self) -> None:
        found = self.successResultOf(self.read(sample()))
        self.assertEqual((found.last_job, found.unfinished), (0, []))

    def test_what_is_missing_or_damaged(self) -> None:
        for place, value, kind in (
            (("secret", "ca"), None, Corrupt),
            (("secret", "hmac"), b"7", Corrupt),
            (("secret", "issued"), b"7", Corrupt),
            (("cluster", "cluster"), None, NoCluster),
            (("cluster", "cluster"), b"{}", Corrupt),
        ):
            rows = sample()
            rows.pop(place)
            if value is not None:
                rows[place] = value
            self.failureResultOf(self.read(rows), kind)
        rows = {**sample(), ("job", "4"): b"{", ("live", "4"): b"true"}
        self.assertIn("job 4", self.failureResultOf(self.read(rows), Corrupt).value.text)


class FakeLedger(Actor):
    rank = Rank.LEDGER

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.error: DriverError | None = None

    @receive(SetFollowers)
    def set_followers(self, m: SetFollowers) -> None:
        if self.error is not None:
            raise self.error
        self.told.append(dict(m.followers))


class Crasher(Actor):
    @receive(int)
    def crash(self, m: int) -> None:
        raise ZeroDivisionError


class SmallActorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.system = ActorSystem(self.clock, log=Logger(observer=lambda event: None))
        self.ledger = FakeLedger()
        ledger = self.system.spawn("ledger", lambda: self.ledger)

        class AllFar:
            def ref(self, node: str, path: str) -> Any:
                return (node, path, object())

        directory: Any = AllFar()
        self.followers = self.system.spawn("followers", lambda: FollowerKeeper("n1", ledger, directory))
        config = Config.from_rows({place: v for place, v in sample().items() if place[0] != "secret"})
        group = next(iter(config.groups))
        nodes = [
            new_node(
                f"n{i}", uuid=f"00000000-0000-4000-8000-00000000000{i}", now=0.0, primary_ip=f"192.0.2.{i}", group=group
            )
            for i in (1, 2, 3)
        ]
        self.config = config.apply([row(evolve(n, master_candidate=True)) for n in nodes])

    def changed(self, **nodes: dict[str, Any]) -> None:
        self.config = self.config.apply(
            [row(evolve(self.config.node(name), **values)) for name, values in nodes.items()]
        )
        self.followers.tell(ConfigChanged(self.config))
        for _ in range(5):
            self.clock.advance(0)

    def test_the_ledger_hears_of_candidates_that_are_there(self) -> None:
        self.changed()
        self.changed(n2={"tags": ("a",)})
        self.changed(n3={"offline": True})
        self.changed(n2={"master_candidate": False})
        names = [sorted(t) for t in self.ledger.told]
        others = ["ref1.ref.example"]
        self.assertEqual(names, [["n2", "n3", *others], ["n2", *others], others])

    def test_the_same_candidate_is_the_same_ref(self) -> None:
        self.changed()
        self.changed(n3={"offline": True})
        self.assertIs(self.ledger.told[0]["n2"], self.ledger.told[1]["n2"])

    def test_told_again_when_the_ledger_did_not_listen(self) -> None:
        self.ledger.error = DriverError("busy")
        self.changed()
        self.ledger.error = None
        self.assertEqual(self.ledger.told, [])
        self.clock.pump([PAUSE, 0, 0])  # though nothing changes any more
        self.assertEqual([sorted(t) for t in self.ledger.told], [["n2", "n3", "ref1.ref.example"]])
        self.clock.pump([PAUSE, 0, 0])
        self.assertEqual(len(self.ledger.told), 1)

    def test_what_changed_while_the_ledger_did_not_listen_is_what_it_hears(self) -> None:
        self.ledger.error = DriverError("busy")
        self.changed()
        self.changed(n3={"offline": True})
        self.ledger.error = None
        self.clock.pump([PAUSE, 0, 0])
        self.assertEqual([sorted(t) for t in self.ledger.told], [["n2", "ref1.ref.example"]])

    def test_the_watchman_ends_the_process_when_what_it_watches_crashes(self) -> None:
        fatal: list[str] = []
        watchman = self.system.spawn("watchman", lambda: Watchman(fatal.append))
        for path, message in (("locks", 1), ("spreader", None)):
            ref = self.system.spawn(path, Crasher)
            ref.watch(watchman)
            ref.tell(message) if message else ref.stop()
            for _ in range(5):
                self.clock.advance(0)
        self.assertEqual(len(fatal), 1)
        self.assertIn("locks ended", fatal[0])
