"""Files made from the ledger: config.data and ssconf."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.logger import Logger
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.daemon.projections import INTERVAL, ConfigDataWriter, write_ssconf
from ganeti_tw.errors import DriverError
from ganeti_tw.kernel import ActorSystem, InlineBlocking
from ganeti_tw.ledger.disk import SimulatedDisk
from ganeti_tw.ledger.memory import MemoryStore
from ganeti_tw.ledger.seam import Snapshot
from ganeti_tw.model.config import Config
from ganeti_tw.model.config_data import config_data, rows_from_config_data
from ganeti_tw.model.paths import Paths
from ganeti_tw.model.rows import TOP
from ganeti_tw.protocol.config import ConfigChanged

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "config.data.json"


class SsconfTests(SynchronousTestCase):
    def setUp(self) -> None:
        root = Path(self.mktemp()).resolve()
        self.paths = Paths(str(root))
        self.folder = Path(self.paths.data)
        self.folder.mkdir(parents=True)

    def found(self) -> dict[str, str]:
        return {p.name: p.read_text() for p in self.folder.iterdir()}

    def test_writes_what_differs_and_says_what(self) -> None:
        self.assertEqual(write_ssconf(self.paths, {"a": "1", "b": ""}), ["a", "b"])
        self.assertEqual(write_ssconf(self.paths, {"a": "1", "b": "2"}), ["b"])
        self.assertEqual(write_ssconf(self.paths, {"a": "1", "b": "2"}), [])
        self.assertEqual(self.found(), {"ssconf_a": "1", "ssconf_b": "2"})
        self.assertEqual(stat.S_IMODE(os.stat(self.folder / "ssconf_a").st_mode), 0o444)

    def test_removes_what_is_no_more_and_nothing_else(self) -> None:
        (self.folder / "config.data").write_text("x")
        (self.folder / "ssconf_old").write_text("x")
        (self.folder / "ssconf_a.new").write_text("left by a crash")
        self.assertEqual(write_ssconf(self.paths, {"a": "1"}), ["a", "a.new", "old"])
        self.assertEqual(sorted(self.found()), ["config.data", "ssconf_a"])

    def test_a_failing_disk(self) -> None:
        (self.folder / "ssconf_a").mkdir()
        self.assertRaises(DriverError, write_ssconf, self.paths, {"a": "1"})
        self.assertRaises(DriverError, write_ssconf, self.paths, {})


class FailingStore(MemoryStore):
    failing = False

    def load(self, kinds: Any = None) -> Any:
        return fail(DriverError("broken")) if self.failing else super().load(kinds)


class ConfigDataTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()).resolve() / "lib" / "config.data"
        self.clock = Clock()
        self.system = ActorSystem(self.clock, log=Logger(observer=lambda event: None))
        self.store = FailingStore(SimulatedDisk())
        rows = rows_from_config_data(SAMPLE.read_bytes())
        self.rows = {(p.kind, p.key): p.value for p in rows}
        self.install(1)
        self.writer = self.system.spawn(
            "config-data", lambda: ConfigDataWriter(str(self.path), self.store, InlineBlocking(), self.clock)
        )

    def install(self, serial: int, **top: Any) -> None:
        if top:
            self.rows["config", "top"] = json.dumps({**json.loads(self.rows["config", "top"]), **top}).encode()
        snapshot = Snapshot(serial, 1, {**self.rows, ("job", "1"): b"{}", ("secret", "ca"): b'"s3cret"'})
        self.successResultOf(self.store.install(snapshot))

    def changed(self) -> None:
        self.writer.tell(ConfigChanged(Config.from_rows(self.rows)))
        self.turn()

    def turn(self, seconds: float = 0) -> None:
        for _ in range(5):
            self.clock.advance(0)
        if seconds:
            self.clock.advance(seconds)
            self.turn()

    def test_is_what_the_ledger_holds_and_no_more(self) -> None:
        self.changed()
        self.assertEqual(self.path.read_bytes(), config_data(self.rows))
        self.assertEqual(json.loads(self.path.read_bytes()), json.loads(SAMPLE.read_bytes()))
        self.assertFalse(b"s3cret" in self.path.read_bytes())
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o640)

    def test_changes_within_the_interval_are_written_once_at_its_end(self) -> None:
        self.changed()
        for serial in (100, 101, 102):
            self.install(serial, serial_no=serial)
            self.changed()
        before = json.loads(self.path.read_bytes())["serial_no"]
        self.turn(INTERVAL)
        self.assertEqual((before < 100, json.loads(self.path.read_bytes())["serial_no"]), (True, 102))

    def test_tries_again_after_a_failure(self) -> None:
        self.store.failing = True
        self.changed()
        self.assertFalse(self.path.exists())
        self.store.failing = False
        self.turn(10)
        self.assertEqual(self.path.read_bytes(), config_data(self.rows))

    def test_what_the_ledger_has_only_a_moment_later_is_written_too(self) -> None:
        coming = {**self.rows, TOP: json.dumps({**json.loads(self.rows[TOP]), "serial_no": 200}).encode()}
        self.writer.tell(ConfigChanged(Config.from_rows(coming)))
        self.turn()
        self.assertEqual(self.path.read_bytes(), config_data(self.rows))
        self.install(200, serial_no=200)
        self.turn(INTERVAL)
        self.assertEqual(self.path.read_bytes(), config_data(coming))
        self.path.unlink()
        self.turn(10)
        self.assertFalse(self.path.exists())

    def test_nothing_is_written_twice(self) -> None:
        self.changed()
        self.path.unlink()
        self.changed()
        self.turn(10)
        self.assertFalse(self.path.exists())

    def test_stopping_leaves_no_timer(self) -> None:
        self.changed()
        stopped: Deferred[None] = self.system.stop()
        self.turn()
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])
