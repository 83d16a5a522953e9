"""The configuration as a master candidate has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.daemon.candidate import View, ViewKeeper
from ganeti_tw.errors import DriverError
from ganeti_tw.kernel import Actor, ActorSystem, receive
from ganeti_tw.ledger.disk import SimulatedDisk
from ganeti_tw.ledger.memory import MemoryStore
from ganeti_tw.ledger.messages import Applied, Installed
from ganeti_tw.ledger.seam import Snapshot
from ganeti_tw.model.codec import row
from ganeti_tw.model.config import Config
from ganeti_tw.model.config_data import rows_from_config_data
from ganeti_tw.model.rows import Put
from ganeti_tw.protocol.config import ConfigChanged, Follow
from ganeti_tw.protocol.ledger import Change

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "config.data.json"


class Writer(Actor):
    def __init__(self) -> None:
        self.serials: list[int] = []
        self.news: list[ConfigChanged] = []

    @receive(ConfigChanged)
    def changed(self, m: ConfigChanged) -> None:
        self.serials.append(m.config.serial)
        self.news.append(m)


class Threads:
    """Counts what is done beside the reactor; can fail."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.failing = False

    def run(self, function: Any, *args: Any, deadline: float) -> Deferred[Any]:
        self.calls.append(function)
        if self.failing:
            return fail(DriverError("too busy"))
        try:
            return succeed(function(*args))
        except Exception as e:
            return fail(e)


class ViewTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.system = ActorSystem(self.clock, log=Logger(observer=lambda event: None))
        self.store = MemoryStore(SimulatedDisk())
        self.rows = {(p.kind, p.key): p.value for p in rows_from_config_data(SAMPLE.read_bytes())}
        self.config = Config.from_rows(self.rows)
        self.view, self.writer, self.threads = View(), Writer(), Threads()
        self.candidate = True

    def open(self, rows: dict[tuple[str, str], bytes] | None = None) -> None:
        self.successResultOf(self.store.install(Snapshot(10, 1, self.rows if rows is None else rows)))
        writer = self.system.spawn("config-data", lambda: self.writer)
        threads: Any = self.threads

        def make() -> ViewKeeper:
            return ViewKeeper(self.view, self.store, threads, lambda: self.candidate)

        self.keeper = self.system.spawn("view", make)
        self.keeper.tell(Follow(writer))
        self.turn()

    def turn(self) -> None:
        for _ in range(5):
            self.clock.advance(0)

    def change(self, serial: int, *puts: Put) -> Change:
        top = row(evolve(self.config.top, serial_no=serial * 100))
        return Change(serial, 1, (top, *puts))

    def apply(self, *changes: Change, store: bool = True) -> None:
        if store:
            self.successResultOf(self.store.append(changes))
        self.keeper.tell(Applied(changes))
        self.turn()

    @property
    def serial(self) -> int | None:
        return None if self.view.config is None else self.view.config.serial

    def test_read_beside_the_reactor(self) -> None:
        self.open()
        self.assertEqual((self.serial, self.threads.calls), (self.config.serial, [Config.from_rows]))
        self.assertEqual(self.writer.serials, [self.config.serial])

    def test_a_regular_node_opens_no_ledger_before_it_is_sent_one(self) -> None:
        self.candidate = False
        self.open()
        self.assertEqual((self.serial, self.threads.calls), (None, []))
        self.apply(self.change(11))
        self.assertEqual(self.serial, 1100)

    def test_follows_by_the_changes_alone(self) -> None:
        self.open()
        self.apply(self.change(11), self.change(12))
        self.assertEqual((self.serial, len(self.threads.calls)), (1200, 1))
        self.assertEqual(self.writer.serials, [self.config.serial, 1100, 1200])

    def test_the_news_say_what_changed_against_the_news_before(self) -> None:
        self.open()
        node = next(iter(self.config.nodes.values()))
        self.apply(self.change(11, row(evolve(node, offline=True))), self.change(12))
        first, second, third = self.writer.news
        self.assertEqual((first.before, second.changed), (None, {("config", "top"), ("node", node.uuid)}))
        self.assertEqual((second.before is first.config, third.before is second.config), (True, True))

    def test_a_copy_read_anew_may_differ_in_anything(self) -> None:
        self.open()
        self.keeper.tell(Installed(Snapshot(10, 1, self.rows)))
        self.turn()
        self.assertEqual([news.before for news in self.writer.news], [None, None])

    def test_who_follows_is_told_after_a_crash_too_and_not_after_its_end(self) -> None:
        self.open()
        self.keeper.tell(Applied(None))  # type: ignore[arg-type]
        self.turn()
        self.apply(self.change(11))
        self.assertEqual(self.serial, 1100)
        self.assertEqual(self.writer.serials[-1], 1100)
        follower = self.system.find("config-data")
        assert follower is not None
        follower.stop()
        self.turn()
        self.assertEqual(self.view.followers, {})

    def test_what_the_store_had_already_is_skipped(self) -> None:
        self.open()
        self.apply(self.change(9), self.change(10), store=False)
        self.assertEqual(self.serial, self.config.serial)

    def test_a_gap_is_closed_from_the_store(self) -> None:
        self.open()
        self.successResultOf(self.store.append([self.change(11), self.change(12), self.change(13)]))
        self.apply(self.change(13), store=False)
        self.assertEqual((self.serial, len(self.threads.calls)), (1300, 2))

    def test_rows_that_are_no_configuration_change_nothing(self) -> None:
        self.open()
        self.apply(Change(11, 1, (Put("job", "1", b"{}"),)))
        self.assertEqual(self.writer.serials, [self.config.serial])
        self.apply(self.change(12))
        self.assertEqual(self.serial, 1200)

    def test_a_new_copy(self) -> None:
        self.open()
        change = self.change(11)
        snapshot = Snapshot(90, 2, {**self.rows, ("config", "top"): change.puts[0].value})
        self.successResultOf(self.store.install(snapshot))
        self.keeper.tell(Installed(snapshot))
        self.turn()
        self.assertEqual(self.serial, 1100)

    def test_no_cluster_no_view(self) -> None:
        self.open({})
        self.assertIsNone(self.view.config)

    def test_a_reading_that_failed_is_done_again_with_the_next_change(self) -> None:
        self.open()
        self.threads.failing = True
        snapshot = Snapshot(90, 2, self.rows)
        self.successResultOf(self.store.install(snapshot))
        self.keeper.tell(Installed(snapshot))
        self.turn()
        self.threads.failing = False
        self.apply(Change(91, 2, (self.change(91).puts)))
        self.assertEqual(self.serial, 9100)
