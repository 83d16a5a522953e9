"""What every store of the ledger does, whatever it keeps rows on."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import Corrupt, DriverError, WrongState
from ganeti_tw.kernel import InlineBlocking
from ganeti_tw.ledger.store import MemoryStore, SimulatedDisk, Snapshot, SqliteStore, Store
from ganeti_tw.protocol.ledger import Change, Delete, Position, Put


def change(serial: int, epoch: int = 1, key: str = "a", value: bytes = b"{}") -> Change:
    return Change(serial, epoch, (Put("node", key, value),))


class StoreContract:
    """A subclass says how to make a store, how to restart its host and how to spoil its disk."""

    def make(self, **limits: int) -> Store:
        raise NotImplementedError

    def restarted(self) -> Store:
        raise NotImplementedError

    def fill_disk(self) -> None:
        raise NotImplementedError

    def empty_disk(self) -> None:
        raise NotImplementedError

    def damage(self) -> None:
        raise NotImplementedError

    def settle(self) -> None:
        """Let the disk do its work."""

    def done(self, deferred: Deferred[Any]) -> Any:
        self.settle()
        return self.successResultOf(deferred)  # type: ignore[attr-defined]

    def fails(self, deferred: Deferred[Any], error: type[Exception]) -> str:
        self.settle()
        return str(self.failureResultOf(deferred, error).value)  # type: ignore[attr-defined]

    def test_a_new_store_is_at_nothing(self) -> None:
        store = self.make()
        self.assertEqual(self.done(store.position()), Position(0, 0))
        self.assertEqual(self.done(store.load()), Snapshot(0, 0, {}))
        self.assertEqual(self.done(store.tail(0)), ())

    def test_rows_are_put_replaced_and_deleted(self) -> None:
        store = self.make()
        self.done(store.append([change(1, key="a"), change(2, key="b"), change(3, key="a", value=b"[1]")]))
        self.done(store.append([Change(4, 1, (Put("job", "7", b"7"),), (Delete("node", "b"), Delete("node", "none")))]))
        rows = {("node", "a"): b"[1]", ("job", "7"): b"7"}
        self.assertEqual(self.done(store.load()), Snapshot(4, 1, rows))

    def test_loads_some_kinds_only(self) -> None:
        store = self.make()
        self.done(store.append([Change(1, 1, (Put("job", "7", b"7"), Put("node", "a", b"1"), Put("disk", "d", b"2")))]))
        wanted = {("job", "7"): b"7", ("disk", "d"): b"2"}
        self.assertEqual(self.done(store.load(["job", "disk"])).rows, wanted)
        self.assertEqual(self.done(store.load([])).rows, {})

    def test_reads_one_kind_by_key(self) -> None:
        store = self.make()
        puts = tuple(Put("job", str(n), b"%d" % n) for n in range(2000))
        self.done(store.append([Change(1, 1, (*puts, Put("node", "5", b"x")))]))
        self.assertEqual(self.done(store.read("job", ["5", "1999", "none"])), {"5": b"5", "1999": b"1999"})
        self.assertEqual(len(self.done(store.read("job", [str(n) for n in range(3000)]))), 2000)
        self.assertEqual(len(self.done(store.read("job"))), 2000)
        self.assertEqual(self.done(store.read("node")), {"5": b"x"})

    def test_odd_keys_and_values_are_kept_to_the_byte(self) -> None:
        store = self.make()
        values = {"": b"", "ä/’\x00": bytes(range(256)), "x" * 1000: b"y" * 300_000}
        self.done(store.append([Change(1, 1, tuple(Put("node", k, v) for k, v in values.items()))]))
        self.done(store.close())
        self.assertEqual(self.done(self.restarted().read("node")), values)

    def test_a_gap_is_refused_and_changes_nothing(self) -> None:
        store = self.make()
        self.done(store.append([change(1)]))
        self.fails(store.append([change(3)]), WrongState)
        self.fails(store.append([change(2, key="new"), change(4)]), WrongState)
        self.fails(store.append([change(1)]), WrongState)
        self.assertEqual(self.done(store.load()), Snapshot(1, 1, {("node", "a"): b"{}"}))

    def test_a_falling_epoch_is_refused(self) -> None:
        store = self.make()
        self.done(store.append([change(1, epoch=3)]))
        self.fails(store.append([change(2, epoch=2)]), WrongState)
        self.fails(store.append([change(2, epoch=4), change(3, epoch=3)]), WrongState)
        self.assertEqual(self.done(store.position()), Position(1, 3))

    def test_no_changes_are_no_change(self) -> None:
        store = self.make()
        self.done(store.append([]))
        self.assertEqual(self.done(store.position()), Position(0, 0))

    def test_everything_is_there_after_a_restart(self) -> None:
        store = self.make()
        self.done(store.append([change(1), change(2, epoch=2, key="b")]))
        after = self.restarted()
        self.assertEqual(self.done(after.load()), Snapshot(2, 2, {("node", "a"): b"{}", ("node", "b"): b"{}"}))
        self.assertEqual(self.done(after.tail(0)), (change(1), change(2, epoch=2, key="b")))
        self.done(after.append([change(3, epoch=2)]))

    def test_calls_are_done_in_the_order_they_were_made(self) -> None:
        store = self.make()
        calls = [store.append([change(n)]) for n in range(1, 6)]
        position = store.position()
        self.done(gatherResults(calls))
        self.assertEqual(self.done(position), Position(5, 1))

    def test_tail_gives_what_follows(self) -> None:
        store = self.make()
        changes = tuple(change(n) for n in range(1, 6))
        self.done(store.append(changes))
        self.assertEqual(self.done(store.tail(0)), changes)
        self.assertEqual(self.done(store.tail(3)), changes[3:])
        self.assertEqual(self.done(store.tail(5)), ())
        self.assertEqual(self.done(store.tail(9)), ())

    def test_tail_is_cut_to_size_but_never_empty(self) -> None:
        store = self.make()
        changes = tuple(change(n, value=b"x" * 1000) for n in range(1, 6))
        self.done(store.append(changes))
        self.assertEqual(self.done(store.tail(1, 0)), changes[1:2])
        self.assertEqual(self.done(store.tail(0, 2500)), changes[:2])

    def test_old_changes_are_forgotten_by_number(self) -> None:
        store = self.make(tail_changes=10)
        for n in range(1, 101):
            self.done(store.append([change(n)]))
        for again in (False, True):
            after = self.restarted() if again else store
            self.assertIsNone(self.done(after.tail(80)))
            self.assertEqual(self.done(after.tail(90)), tuple(change(n) for n in range(91, 101)))

    def test_old_changes_are_forgotten_by_size(self) -> None:
        store = self.make(tail_bytes=10_000)
        for n in range(1, 51):
            self.done(store.append([change(n, value=b"x" * 1000)]))
        self.assertIsNone(self.done(store.tail(38)))
        self.assertEqual(len(self.done(store.tail(42))), 8)

    def test_the_last_change_is_kept_however_large(self) -> None:
        store = self.make(tail_bytes=10)
        self.done(store.append([change(1), change(2, value=b"x" * 1000)]))
        self.assertEqual(self.done(store.tail(1)), (change(2, value=b"x" * 1000),))

    def test_install_replaces_everything(self) -> None:
        store = self.make()
        self.done(store.append([change(1), change(2)]))
        copy = Snapshot(40, 7, {("job", "1"): b"1"})
        self.done(store.install(copy))
        for again in (False, True):
            after = self.restarted() if again else store
            self.assertEqual(self.done(after.load()), copy)
            self.assertIsNone(self.done(after.tail(39)))
            self.assertEqual(self.done(after.tail(40)), ())
        self.done(after.append([change(41, epoch=7)]))
        self.assertEqual(self.done(after.tail(40)), (change(41, epoch=7),))

    def test_install_may_go_back(self) -> None:
        store = self.make()
        self.done(store.append([change(n) for n in range(1, 9)]))
        self.done(store.install(Snapshot(5, 2, {})))
        self.assertEqual(self.done(store.position()), Position(5, 2))

    def test_a_full_disk_is_survived(self) -> None:
        store = self.make()
        self.done(store.append([change(1)]))
        self.fill_disk()
        big = change(2, value=b"x" * 10_000_000)
        self.assertIn("free some room", self.fails(store.append([big]), DriverError))
        self.assertEqual(self.done(store.load()), Snapshot(1, 1, {("node", "a"): b"{}"}))
        self.empty_disk()
        self.done(store.append([change(2)]))
        self.assertEqual(self.done(self.restarted().position()), Position(2, 1))

    def test_a_damaged_disk_is_noticed(self) -> None:
        store = self.make()
        self.done(store.append([change(n, value=b"x" * 5000) for n in range(1, 20)]))
        self.done(store.close())
        self.damage()
        self.assertIn("another candidate", self.fails(self.restarted().position(), Corrupt))


class SqliteStoreTests(StoreContract, SynchronousTestCase):
    def setUp(self) -> None:
        self.stores: list[SqliteStore] = []
        self.limits: dict[str, int] = {}

    def make(self, **limits: int) -> Store:
        self.path = self.mktemp()
        self.limits = limits
        return self.restarted()

    def restarted(self) -> Store:
        self.tearDown()
        store = SqliteStore(self.path, InlineBlocking(), **self.limits)  # type: ignore[arg-type]
        self.stores.append(store)
        return store

    def tearDown(self) -> None:
        for store in self.stores:
            store.close()

    def fill_disk(self) -> None:
        db = self.stores[0]._file._db
        assert db is not None
        db.execute("pragma max_page_count = 20")

    def empty_disk(self) -> None:
        db = self.stores[0]._file._db
        assert db is not None
        db.execute("pragma max_page_count = 1000000")

    def damage(self) -> None:
        with open(self.path, "r+b") as f:
            f.seek(4096 * 3)
            f.write(b"\x5a" * 8192)

    def test_others_may_not_read_the_file(self) -> None:
        self.done(self.make().append([change(1)]))
        for name in (self.path, self.path + "-wal"):
            self.assertEqual(os.stat(name).st_mode & 0o777, 0o600)

    def test_a_truncated_file_is_noticed(self) -> None:
        self.done(self.make().append([change(n, value=b"x" * 5000) for n in range(1, 20)]))
        self.done(self.stores[0].close())
        os.truncate(self.path, os.path.getsize(self.path) // 2)
        self.assertIn(self.path, self.fails(self.restarted().load(), Corrupt))

    def test_something_else_is_noticed(self) -> None:
        self.make()
        with open(self.path, "wb") as f:
            f.write(b"not a ledger at all, " * 500)
        self.fails(self.restarted().load(), Corrupt)

    def test_a_serial_that_does_not_fit_the_changes_is_noticed(self) -> None:
        store = self.make()
        self.done(store.append([change(1), change(2)]))
        db = self.stores[0]._file._db
        assert db is not None
        db.execute("update meta set value = 5 where name = 'serial'")
        self.fails(self.restarted().position(), Corrupt)

    def test_a_torn_journal_loses_only_what_was_not_on_disk(self) -> None:
        self.done(self.make().append([change(1)]))
        wal = self.path + "-wal"
        safe = os.path.getsize(wal)
        self.done(self.stores[0].append([change(2, value=b"x" * 9000)]))
        torn = self.mktemp()
        for suffix in ("", "-wal"):
            with open(self.path + suffix, "rb") as source, open(torn + suffix, "wb") as target:
                target.write(source.read())
        os.truncate(torn + "-wal", (safe + os.path.getsize(wal)) // 2)
        self.path = torn
        self.assertEqual(self.done(self.restarted().load()), Snapshot(1, 1, {("node", "a"): b"{}"}))

    def test_a_killed_process_loses_nothing_it_was_told_is_stored(self) -> None:
        path = self.mktemp()
        script = (
            "import sys\n"
            "from ganeti_tw.kernel import InlineBlocking\n"
            "from ganeti_tw.ledger.store import SqliteStore\n"
            "from ganeti_tw.protocol.ledger import Change, Put\n"
            "store = SqliteStore(sys.argv[1], InlineBlocking())\n"
            "for n in range(1, 100_000):\n"
            "    store.append([Change(n, 1, (Put('node', str(n), b'x' * 500),))])\n"
            "    print(n, flush=True)\n"
        )
        writer = subprocess.Popen([sys.executable, "-c", script, path], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        for _ in range(50):
            writer.stdout.readline()
        writer.kill()
        told = 50 + len(writer.stdout.read().split())
        writer.stdout.close()
        writer.wait()
        self.path = path
        after = self.restarted()
        self.assertIn(self.done(after.position()).serial, (told, told + 1))
        self.assertEqual(len(self.done(after.read("node"))), self.done(after.position()).serial)

    def test_a_missing_folder_is_named(self) -> None:
        store = SqliteStore("/nowhere/at/all", InlineBlocking())
        self.assertIn("/nowhere/at/all", self.fails(store.load(), DriverError))


class MemoryStoreTests(StoreContract, SynchronousTestCase):
    def make(self, **limits: int) -> Store:
        self.clock = Clock()
        self.disk = SimulatedDisk(self.clock, delay=0.01)
        self.limits = limits
        return self.restarted()

    def restarted(self) -> Store:
        return MemoryStore(self.disk, **self.limits)

    def settle(self) -> None:
        while self.clock.getDelayedCalls():
            self.clock.advance(0.01)

    def fill_disk(self) -> None:
        self.disk.room = 100

    def empty_disk(self) -> None:
        self.disk.room = None

    def damage(self) -> None:
        self.disk.content[20] ^= 0xFF

    def test_a_write_takes_its_time(self) -> None:
        store = self.make()
        write = store.append([change(1)])
        self.clock.advance(0.009)
        self.assertNoResult(write)
        self.clock.advance(0.002)
        self.successResultOf(write)

    def test_a_power_cut_leaves_all_or_nothing(self) -> None:
        for kept in (0, 1, 8, 30, 60):
            store = self.make()
            self.done(store.append([change(1)]))
            write = store.append([change(2, key="b"), change(3, key="c")])
            self.disk.crash(kept)
            self.settle()
            self.assertNoResult(write)
            after = self.restarted()
            self.assertEqual(self.done(after.position()), Position(1, 1))
            self.done(after.append([change(2, epoch=2)]))
            self.assertEqual(self.done(self.restarted().position()), Position(2, 2))

    def test_a_write_that_got_through_before_the_power_cut_is_there(self) -> None:
        store = self.make()
        store.append([change(1)])
        self.disk.crash(10_000)
        self.assertEqual(self.done(self.restarted().position()), Position(1, 1))

    def test_an_error_may_come_before_or_after_the_write(self) -> None:
        store = self.make()
        self.disk.fail_early = 1
        self.fails(store.append([change(1)]), DriverError)
        self.assertEqual(self.done(store.position()), Position(0, 0))
        self.disk.fail_late = 1
        self.fails(store.append([change(1)]), DriverError)
        self.assertEqual(self.done(store.position()), Position(1, 1))
