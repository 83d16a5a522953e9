"""A ledger's file that is damaged, incomplete, foreign or out of reach: all is there, or it says so."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import Corrupt, DriverError, GanetiError
from ganeti_tw.ledger.file import LedgerFile
from ganeti_tw.ledger.mark import ENDING, NOTHING, Mark, read
from ganeti_tw.ledger.seam import Snapshot
from ganeti_tw.protocol.ledger import Change, Delete, Position, Put

PAGE = 4096
Content = tuple[Snapshot, Any]


def change(serial: int, key: str = "a", size: int = 300) -> Change:
    return Change(serial, 1, (Put("node", key, b"%d" % serial * size),), (Delete("node", f"{serial - 40}"),))


def content(path: str) -> Content:
    file = LedgerFile(path)
    try:
        return file.load(), file.tail(0)
    finally:
        file.close()


class LedgerCase(SynchronousTestCase):
    """A ledger of 60 changes whose process was killed: half of them are in its journal only."""

    def setUp(self) -> None:
        # In memory where that is possible: many files wait for the disk here.
        self.folder = Path(tempfile.mkdtemp(dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = str(self.folder / "ledger.db")
        kept = self.folder / "kept"
        kept.mkdir()
        file = LedgerFile(self.path)
        for serial in range(1, 31):
            file.append((change(serial, str(serial)),))
        file.close()
        for serial in range(31, 61):
            file.append((change(serial, str(serial)),))
        for name in os.listdir(self.folder):
            if name.startswith("ledger") and not name.endswith("-shm"):
                shutil.copy(self.folder / name, kept / name)
        file.close()
        self.kept = kept
        self.fresh()
        self.expected = content(self.path)
        self.assertEqual(self.expected[0].serial, 60)
        self.fresh()

    def fresh(self, *without: str) -> None:
        """The files as they were when the process was killed."""
        for name in os.listdir(self.folder):
            if name.startswith("ledger"):
                os.unlink(self.folder / name)
        for path in self.kept.iterdir():
            if path.name.removeprefix("ledger.db") not in without:
                shutil.copy(path, self.folder / path.name)

    def refused(self, *needles: str) -> str:
        text = self.assertRaises(Corrupt, content, self.path).text
        for needle in (self.path, *needles):
            self.assertIn(needle, text)
        return text

    def all_or_refused(self) -> bool:
        """Whether everything is there; the test fails when something is silently not."""
        try:
            found = content(self.path)
        except GanetiError as e:
            self.assertIn(self.path, e.text)
            return False
        self.assertEqual(found, self.expected)
        return True

    def sql(self, *statements: str) -> None:
        db = sqlite3.connect(self.path)
        for statement in statements:
            db.execute(statement)
        db.commit()
        db.close()


class DamageTests(LedgerCase):
    def flip(self, ending: str, offset: int, mask: int) -> None:
        with open(self.path + ending, "r+b") as file:
            file.seek(offset)
            byte = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([byte ^ mask]))

    def test_a_flipped_bit_in_any_page_loses_nothing_silently(self) -> None:
        draw = random.Random(17)
        noticed = 0
        for ending in ("", "-wal"):
            size = (self.kept / f"ledger.db{ending}").stat().st_size
            for page in range(0, size, PAGE):
                for _ in range(1 if ending else 4):  # the journal has several times as many
                    self.fresh()
                    offset = min(page + draw.randrange(PAGE), size - 1)
                    with self.subTest(ending=ending, offset=offset):
                        self.flip(ending, offset, 1 << draw.randrange(8))
                        noticed += not self.all_or_refused()
        self.assertGreater(noticed, 30)

    def test_a_flipped_bit_in_the_first_bytes_loses_nothing_silently(self) -> None:
        for ending in ("", "-wal", ENDING):
            for offset in range(0, 100 if not ending else 56, 3):
                self.fresh()
                with self.subTest(ending=ending, offset=offset):
                    self.flip(ending, offset, 0x10)
                    self.all_or_refused()

    def test_a_file_cut_off_anywhere_loses_nothing_silently(self) -> None:
        for ending in ("", "-wal", ENDING):
            size = (self.kept / f"ledger.db{ending}").stat().st_size
            for length in sorted({0, 1, 16, 31, 99, 512, size // 3, size // 2, size - PAGE, size - 25, size - 1}):
                if 0 <= length < size:
                    self.fresh()
                    with self.subTest(ending=ending, length=length):
                        os.truncate(self.path + ending, length)
                        self.all_or_refused()

    def test_a_bit_flipped_in_a_value_is_noticed_when_the_ledger_is_opened(self) -> None:
        content(self.path)  # brings all into the main file
        with open(self.path, "r+b") as file:
            whole = file.read()
            at = whole.rindex(b"5959")
            file.seek(at)
            file.write(b"7")
        self.refused("does not fit its checksum", "ganeti-ledger check", "ganeti-ledger restore", "another candidate")

    def test_a_row_that_is_gone_or_old_is_noticed(self) -> None:
        for statement in (
            "delete from rows where key = '50'",
            "update rows set value = (select value from rows where key = '51'), "
            "crc = (select crc from rows where key = '51') where key = '50'",
        ):
            self.fresh()
            self.sql(statement)
            self.refused("row")

    def test_changes_that_are_gone_or_out_of_order_are_noticed(self) -> None:
        self.sql("delete from changes where serial = 40")
        self.refused("changes 40 to 40 are missing")
        self.fresh()
        self.sql("delete from changes where serial = 60")
        self.refused("the last change is 59, not 60")

    def test_numbers_that_are_changed_are_noticed(self) -> None:
        for name in ("serial", "epoch", "base", "total", "crc"):
            self.fresh()
            self.sql(f"update meta set value = value + 1 where name = '{name}'")
            self.refused("meta")
            self.fresh()
            self.sql(f"delete from meta where name = '{name}'")
            self.refused("meta")

    def test_values_of_another_type_are_noticed(self) -> None:
        for statement in (
            "update rows set value = 'text' where key = '50'",
            "update rows set crc = 'text' where key = '50'",
            "update changes set body = 5 where serial = 50",
            "update changes set epoch = 'x' where serial = 50",
            "update rows set key = cast(x'ff00ff' as text) where key = '50'",
        ):
            self.fresh()
            with self.subTest(statement):
                self.sql(statement)
                self.refused()

    def test_damage_after_it_was_opened_is_noticed_by_whoever_reads_it(self) -> None:
        for call in ("load", "read", "tail"):
            self.fresh()
            file = LedgerFile(self.path)
            file.position()
            self.sql("update rows set crc = 5 where key = '50'", "update changes set crc = 5 where serial = 50")
            arguments: dict[str, tuple[Any, ...]] = {"load": (), "read": ("node", ["50"]), "tail": (10,)}
            self.assertRaises(Corrupt, getattr(file, call), *arguments[call])
            file.close()


class IncompleteTests(LedgerCase):
    def test_a_journal_that_is_missing_is_noticed(self) -> None:
        self.fresh("-wal")
        self.refused("change 30", "change 60 of epoch 1 was on its disk", "journal")

    def test_a_missing_file_is_noticed(self) -> None:
        self.fresh("")
        self.refused("it is missing, but it held change 60")
        self.assertFalse(os.path.exists(self.path))
        self.fresh("", ENDING)
        self.refused("its journal is there")

    def test_an_empty_file_is_noticed(self) -> None:
        os.truncate(self.path, 0)
        self.refused("it is empty, but it held change 60")

    def test_an_older_file_in_its_place_is_noticed(self) -> None:
        file = LedgerFile(self.path)
        file.append((change(61),))
        file.close()
        for name in ("ledger.db", "ledger.db-wal"):
            shutil.copy(self.kept / name, self.folder / name)
        self.refused("ends with change 60", "change 61")

    def test_without_its_mark_a_file_is_taken_as_it_is(self) -> None:
        self.fresh(ENDING)
        self.assertTrue(self.all_or_refused())
        self.assertEqual(read(self.path + ENDING), Position(60, 1))

    def test_a_copy_of_an_earlier_time_is_no_loss(self) -> None:
        file = LedgerFile(self.path)
        file.install(Snapshot(5, 1, {("node", "n"): b"1"}))
        file.close()
        self.assertEqual(content(self.path)[0], Snapshot(5, 1, {("node", "n"): b"1"}))


class ForeignTests(LedgerCase):
    def test_garbage_is_named_and_left_alone(self) -> None:
        self.fresh("-wal", ENDING)
        Path(self.path).write_bytes(b"no ledger" * 1000)
        self.refused("not a database")
        self.assertEqual(Path(self.path).read_bytes(), b"no ledger" * 1000)

    def test_the_file_of_another_program_is_left_alone(self) -> None:
        self.fresh("", "-wal", ENDING)
        self.sql("create table songs (name text)")
        before = Path(self.path).read_bytes()
        self.refused("it is no ledger")
        self.assertEqual(Path(self.path).read_bytes(), before)

    def test_another_format_is_named(self) -> None:
        self.sql("update meta set value = 1 where name = 'format'")
        self.refused("its format is 1 and this version of the program knows format 2")

    def test_a_table_that_is_defined_otherwise_is_noticed(self) -> None:
        self.sql("drop table changes", "create table changes (serial integer primary key, epoch, body, crc)")
        self.refused("table changes is defined in another way")


class DiskTests(LedgerCase):
    def test_every_commit_waits_for_the_disk(self) -> None:
        file = LedgerFile(self.path)
        self.addCleanup(file.close)
        found = []
        file.look(
            lambda db: found.extend(db.execute(f"pragma {p}").fetchone() for p in ("journal_mode", "synchronous"))
        )
        self.assertEqual(found, [("wal",), (2,)])

    def test_one_process_at_a_time(self) -> None:
        file = LedgerFile(self.path)
        file.position()
        self.assertIn("another process", self.assertRaises(DriverError, content, self.path).text)
        file.close()
        self.assertTrue(self.all_or_refused())

    def test_a_reader_sees_the_same_without_the_lock(self) -> None:
        file, reader = LedgerFile(self.path), LedgerFile(self.path, reader=True)
        self.addCleanup(file.close)
        self.addCleanup(reader.close)
        file.append((change(61, "x"),))
        self.assertEqual(reader.load(), file.load())
        file.append((change(62, "y"),))
        self.assertEqual(reader.position(), Position(62, 1))

    def test_a_reader_makes_no_file(self) -> None:
        reader = LedgerFile(str(self.folder / "none.db"), reader=True)
        self.assertRaises(DriverError, reader.position)
        self.assertFalse((self.folder / "none.db").exists())

    def test_who_else_opens_the_file_does_not_take_the_journal_away(self) -> None:
        """Closing any descriptor of a file drops all locks that a process has on it."""
        file = LedgerFile(self.path)
        self.addCleanup(file.close)
        reader = LedgerFile(self.path, reader=True)
        file.append((change(61, "x"),))
        reader.position()
        reader.close()
        script = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('select * from rows'); db.close()"
        subprocess.run([sys.executable, "-c", script, self.path], check=True)
        self.assertTrue(os.path.exists(self.path + "-wal"))

    def test_a_file_that_may_not_grow_refuses_and_goes_on_later(self) -> None:
        script = (
            "import resource, sys\n"
            "from ganeti_tw.errors import DriverError\n"
            "from ganeti_tw.ledger.file import LedgerFile\n"
            "from ganeti_tw.protocol.ledger import Change, Put\n"
            "file = LedgerFile(sys.argv[1])\n"
            "at = file.position().serial\n"
            "soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))\n"
            "try:\n"
            "    while True:\n"
            "        file.append((Change(at + 1, 1, (Put('node', str(at), b'x' * 20_000),)),))\n"
            "        at += 1\n"
            "except DriverError as e:\n"
            "    print(e)\n"
            "assert file.position().serial == at\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))\n"
            "file.append((Change(at + 1, 1, (Put('node', 'last', b'x' * 20_000),)),))\n"
            "print(at + 1)\n"
        )
        done = subprocess.run([sys.executable, "-c", script, self.path], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        error, serial = done.stdout.splitlines()
        self.assertIn("disk", error)
        self.assertGreater(int(serial), 62)
        self.assertEqual(content(self.path)[0].serial, int(serial))


class MarkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = self.mktemp()

    def test_says_what_was_set_last(self) -> None:
        mark = Mark(self.path)
        self.assertEqual(mark.open(), NOTHING)
        mark.set(Position(2**40, 7), sync=True)
        mark.set(Position(5, 8))
        mark.close()
        self.assertEqual(read(self.path), Position(5, 8))
        self.assertEqual(mark.open(), Position(5, 8))
        mark.close()

    def test_damage_is_noticed(self) -> None:
        mark = Mark(self.path)
        mark.open()
        mark.set(Position(123, 1))
        mark.close()
        whole = Path(self.path).read_bytes()
        for wrong in (whole.replace(b"123", b"124"), whole[:40], b"x" * 64, whole + b"more"):
            Path(self.path).write_bytes(wrong)
            self.assertIn("damaged", self.assertRaises(Corrupt, mark.open).text)
            self.assertRaises(Corrupt, read, self.path)

    def test_nobody_may_read_it_but_its_owner(self) -> None:
        mark = Mark(self.path)
        mark.open()
        mark.close()
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)
