"""``ganeti-ledger``: check, export, backup, restore."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import stat
import tempfile
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cli_world import World
from ganeti_tw.ledger.file import LedgerFile
from ganeti_tw.ledger.seam import Snapshot
from ganeti_tw.model.config_data import config_data, rows_from_config_data
from ganeti_tw.protocol.ledger import Change, Delete, Position, Put

DATA = Path(__file__).parents[2] / "data" / "config.data.json"
EPOCH = 5


def job(number: int) -> Put:
    value = {
        "id": number,
        "ops": [],
        "received_timestamp": [1, 2],
        "start_timestamp": None,
        "end_timestamp": None,
    }
    return Put("job", str(number), json.dumps(value).encode())


class LedgerToolCase(SynchronousTestCase):
    """A master's host whose process is stopped; its ledger is at change 12."""

    def setUp(self) -> None:
        # In memory where that is possible: many files wait for the disk here.
        memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
        self.root = Path(tempfile.mkdtemp(dir=memory))
        self.addCleanup(shutil.rmtree, self.root)
        self.data = self.root / "var/lib/ganeti"
        self.data.mkdir(parents=True)
        (self.root / "var/run/ganeti/socket").mkdir(parents=True)
        self.path = str(self.data / "ledger.db")
        self.world = World()
        self.world.environ = {"GANETI_ROOTDIR": str(self.root)}
        self.original = json.loads(DATA.read_text())
        self.node = next(iter(self.original["nodes"].values()))
        puts = rows_from_config_data(DATA.read_text())
        puts += [Put("secret", "ca", b'"PEM"'), Put("secret", "hmac", b'"key"'), Put("queue", "serial", b"7")]
        with self.ledger() as file:
            file.install(Snapshot(10, EPOCH, {(p.kind, p.key): p.value for p in puts}))
            file.append((Change(11, EPOCH, (job(7),)), Change(12, EPOCH, (Put("live", "7", b"true"),))))
        self.host_state(master=self.node["name"])

    def host_state(self, **changed: Any) -> None:
        record = {
            "cluster": "c",
            "cluster_uuid": self.original["cluster"]["uuid"],
            "name": self.node["name"],
            "uuid": self.node["uuid"],
            "epoch": 8,
            "serial": 99,
            "candidates": [self.node["name"]],
            **changed,
        }
        (self.data / "host.json").write_text(json.dumps(record))

    def ledger(self) -> _Open:
        return _Open(self.path)

    def run_tool(self, *argv: str, code: int = 0) -> str:
        found = self.world.run("ganeti-ledger", *argv)
        self.assertEqual(found, code, self.world.out + self.world.err)
        return self.world.out if code == 0 else self.world.out + self.world.err

    def says(self, needles: tuple[str, ...], *argv: str, code: int = 1) -> None:
        text = self.run_tool(*argv, code=code)
        for needle in needles:
            self.assertIn(needle, text)

    def sql(self, statement: str, path: str = "") -> None:
        db = sqlite3.connect(path or self.path)
        db.execute(statement)
        db.commit()
        db.close()


class _Open:
    def __init__(self, path: str) -> None:
        self.file = LedgerFile(path)

    def __enter__(self) -> LedgerFile:
        return self.file

    def __exit__(self, *ignored: object) -> None:
        self.file.close()


class CheckTests(LedgerToolCase):
    def test_a_sound_ledger(self) -> None:
        out = self.run_tool("check")
        self.assertIn(f"{self.path}: change 12 of epoch {EPOCH}", out)
        self.assertIn("3 instance", out)
        self.assertIn("changes kept: 11 to 12", out)
        self.assertIn("nothing is wrong", out)

    def test_nothing_is_written(self) -> None:
        before = {p.name: p.read_bytes() for p in self.data.iterdir()}
        self.run_tool("check")
        self.assertEqual({p.name: p.read_bytes() for p in self.data.iterdir()}, before)

    def test_while_the_host_writes(self) -> None:
        with self.ledger() as file:
            file.append((Change(13, EPOCH, (job(8), Put("queue", "serial", b"8"))),))
            self.assertIn("change 13", self.run_tool("check"))
            file.append((Change(14, EPOCH, (job(9), Put("queue", "serial", b"9"))),))
            self.assertTrue(os.path.exists(self.path + "-wal"))
        self.assertIn("change 14", self.run_tool("check"))

    def test_rows_that_are_wrong_are_named_with_a_remedy(self) -> None:
        instance = next(iter(self.original["instances"]))
        disk = next(iter(self.original["disks"]))
        with self.ledger() as file:
            puts = (Put("instance", instance, b'{"uuid": 5}'), Put("odd", "x", b"{"), Put("job", "8", b"[]"))
            file.append((Change(13, EPOCH, puts),))
        self.says((f"row instance {instance}:", "row odd x", "job 8", "'ganeti-ledger restore'"), "check")
        with self.ledger() as file:
            puts = (Put("odd", "x", b"1"), job(8), Put("queue", "serial", b"8"))
            value = json.dumps(self.original["instances"][instance]).encode()
            file.append((Change(14, EPOCH, (*puts, Put("instance", instance, value)), (Delete("disk", disk),)),))
        self.says((f"unknown disk {disk}", "gnt-cluster verify"), "check")

    def test_jobs_that_are_not_there_are_named(self) -> None:
        with self.ledger() as file:
            file.append((Change(13, EPOCH, (Put("live", "9", b"true"), job(30))),))
        self.says(("there is no job 9", "said to be 7, but there is job 30"), "check")

    def test_a_missing_secret_is_named(self) -> None:
        with self.ledger() as file:
            file.append((Change(13, EPOCH, (), (Delete("secret", "ca"),)),))
        self.says(("row secret ca: it is missing",), "check")

    def test_rows_that_are_not_what_the_changes_made_are_named(self) -> None:
        self.sql("update rows set value = '{}', crc = 5 where kind = 'job'")
        self.says(("row job 7 does not fit its checksum", "row job 7: it is not as change 11 left it"), "check")

    def test_damage_of_any_kind(self) -> None:
        self.sql("delete from changes where serial = 11")
        self.says(("changes 11 to 11 are missing",), "check")
        with open(self.path, "r+b") as file:
            file.truncate(20_000)
        self.run_tool("check", code=1)
        Path(self.path).write_bytes(b"SQLite format 3\0" + b"x" * 500)
        self.run_tool("check", code=1)
        Path(self.path).write_bytes(b"garbage" * 100)
        self.says(("not a database",), "check")
        os.unlink(self.path)
        self.says(("No such file",), "check")

    def test_a_lost_journal_is_noticed(self) -> None:
        file = LedgerFile(self.path)
        file.append((Change(13, EPOCH, (job(8), Put("queue", "serial", b"8"))),))
        for ending in ("", "-mark"):
            (self.root / f"copy{ending}").write_bytes(Path(self.path + ending).read_bytes())
        file.close()
        self.says(("ends with change 12", "change 13"), "check", str(self.root / "copy"))

    def test_another_format_is_named(self) -> None:
        self.sql("update meta set value = 1 where name = 'format'")
        self.says(("its format is 1",), "check")


class ExportTests(LedgerToolCase):
    def test_config_data(self) -> None:
        self.assertEqual(json.loads(self.run_tool("export", "--config-data")), self.original)

    def test_into_a_file(self) -> None:
        target = self.root / "out"
        self.run_tool("export", "--config-data", "-o", str(target))
        self.assertEqual(json.loads(target.read_text()), self.original)
        self.assertEqual(stat.S_IMODE(target.stat().st_mode), 0o640)
        self.run_tool("export", "--json", "-o", str(target))
        self.assertEqual(stat.S_IMODE(target.stat().st_mode), 0o600)
        self.says(("/nowhere/x", "No such file"), "export", "--json", "-o", "/nowhere/x")

    def test_json_holds_every_row(self) -> None:
        dump = json.loads(self.run_tool("export", "--json"))
        self.assertEqual((dump["ganeti_tw_ledger"], dump["serial"], dump["epoch"]), (1, 12, EPOCH))
        with self.ledger() as file:
            rows = {row: json.loads(value) for row, value in file.load().rows.items()}
        self.assertEqual({(kind, key): value for kind, key, value in dump["rows"]}, rows)

    def test_a_device_is_not_replaced(self) -> None:
        target = self.root / "device"
        os.mkfifo(target)
        self.says(("is no file that could be replaced",), "export", "--json", "-o", str(target))
        self.assertTrue(target.is_fifo())
        link = self.root / "link"
        link.symlink_to(self.root / "out")
        self.run_tool("export", "--json", "-o", str(link))
        self.assertTrue(link.is_symlink())
        self.assertTrue((self.root / "out").is_file())

    def test_one_kind_must_be_chosen(self) -> None:
        self.says(("--config-data or --json",), "export")
        self.says(("--config-data or --json",), "export", "--json", "--config-data")

    def test_what_is_damaged_is_exported_on_request_only(self) -> None:
        self.sql("update rows set crc = 5 where kind = 'job'")
        target = self.root / "out"
        self.says(("row job 7", "--salvage"), "export", "--json", "-o", str(target))
        self.assertFalse(target.exists())
        self.says(("row job 7",), "export", "--json", "--salvage", "-o", str(target))
        kinds = {kind for kind, _, _ in json.loads(target.read_text())["rows"]}
        self.assertNotIn("job", kinds)
        self.assertIn("instance", kinds)


class BackupTests(LedgerToolCase):
    def test_while_the_host_writes(self) -> None:
        target = str(self.root / "backup.db")
        with self.ledger() as file:
            file.append((Change(13, EPOCH, (job(8), Put("queue", "serial", b"8"))),))
            self.assertIn("change 13 of epoch 5", self.run_tool("backup", target))
            file.append((Change(14, EPOCH, (job(9), Put("queue", "serial", b"9"))),))
            expected = file.load()
        self.assertEqual(stat.S_IMODE(os.stat(target).st_mode), 0o600)
        self.assertIn("nothing is wrong", self.run_tool("check", target))
        self.run_tool("backup", target)  # takes the place of the one before
        copy = LedgerFile(target)
        self.addCleanup(copy.close)
        self.assertEqual(copy.load(), expected)
        self.assertEqual([n for n in os.listdir(self.root) if ".new" in n], [])

    def test_a_damaged_ledger_is_not_saved_over_a_good_backup(self) -> None:
        target = self.root / "backup.db"
        self.run_tool("backup", str(target))
        before = target.read_bytes()
        self.sql("update rows set crc = 5 where kind = 'job'")
        self.says(("is damaged", "row job 7"), "backup", str(target))
        self.assertEqual(target.read_bytes(), before)

    def test_an_empty_ledger_is_not_saved_over_a_good_backup(self) -> None:
        backup = self.root / "backup.db"
        self.run_tool("backup", str(backup))
        good = backup.read_bytes()
        for path in self.data.glob("ledger.db*"):
            path.unlink()
        with self.ledger() as empty:
            empty.load()
            self.says(("is empty", "in sync"), "backup", str(backup))
        self.assertEqual(backup.read_bytes(), good)

    def test_a_ledger_that_cannot_be_looked_at_is_not_called_missing(self) -> None:
        shutil.rmtree(self.data)
        self.data.write_text("no folder")
        self.says((self.path, "Not a directory"), "backup", str(self.root / "backup.db"))

    def test_where_nothing_can_be_written(self) -> None:
        self.says(("/nowhere/b",), "backup", "/nowhere/b")
        self.says(("is the ledger itself",), "backup", self.path)
        self.says(("is the ledger itself",), "backup", self.path + "-wal")
        os.unlink(self.path)
        self.says(("there is no ledger",), "backup", str(self.root / "b"))


class RestoreTests(LedgerToolCase):
    def setUp(self) -> None:
        super().setUp()
        self.backup = str(self.root / "backup.db")
        self.run_tool("backup", self.backup)
        with self.ledger() as file:
            self.saved = file.load()
            file.append((Change(13, EPOCH, (job(8), Put("queue", "serial", b"8"))), Change(14, 7, (job(7),))))
        self.before = {p.name: p.read_bytes() for p in self.data.iterdir()}

    def untouched(self, *needles: str, source: str = "") -> None:
        self.says(needles, "restore", source or self.backup)
        self.assertEqual({p.name: p.read_bytes() for p in self.data.iterdir()}, self.before)

    def restored(self, epoch: int) -> None:
        with self.ledger() as file:
            found = file.load()
            self.assertEqual(file.position(), Position(13, epoch))
        self.assertEqual({row: v for row, v in found.rows.items() if row[0] != "reign"}, self.saved.rows)
        self.assertEqual(json.loads(found.rows["reign", "current"])["epoch"], epoch)
        self.assertIn("nothing is wrong", self.run_tool("check"))
        record = json.loads((self.data / "host.json").read_text())
        self.assertEqual((record["epoch"], record["serial"], record["cluster"]), (epoch, 0, "c"))

    def test_a_backup(self) -> None:
        out = self.run_tool("restore", self.backup)
        for line in (
            "Restored: change 12 of epoch 5.",
            "Before: change 14 of epoch 7, as it says.",
            "Lost: changes 13 to 14.",
            "Rows that differ from those that could be read before: 1 job, 1 queue.",
        ):
            self.assertIn(line, out)
        self.restored(epoch=9)  # the host has seen 8
        kept = next(p for p in self.data.iterdir() if p.name.startswith("ledger.damaged-"))
        self.assertEqual(kept.read_bytes(), self.before["ledger.db"])
        self.assertIn(str(kept), out)

    def test_a_dump(self) -> None:
        dump = str(self.root / "dump")
        self.run_tool("export", "--json", "-o", dump, self.backup)
        self.run_tool("restore", dump)
        self.restored(epoch=9)

    def test_the_file_of_another_candidate_with_its_journal(self) -> None:
        other = LedgerFile(self.backup)
        for serial in (13, 14, 15):
            other.append((Change(serial, 20, (job(9), Put("queue", "serial", b"9"))),))
        for ending in ("", "-wal"):
            (self.root / f"theirs{ending}").write_bytes(Path(self.backup + ending).read_bytes())
        other.close()
        self.assertIn("Lost: nothing", self.run_tool("restore", str(self.root / "theirs")))
        with self.ledger() as file:
            self.assertEqual(file.position(), Position(16, 21))
            self.assertIn(("job", "9"), file.load().rows)

    def test_nothing_is_left_lying_about(self) -> None:
        self.run_tool("restore", self.backup)
        self.assertEqual([p.name for p in self.data.iterdir() if ".new" in p.name], [])

    def test_a_failure_on_the_way_leaves_the_old_one_to_be_replaced_later(self) -> None:
        (self.data / "ledger.db.new").mkdir()
        self.says(("was not replaced",), "restore", self.backup)
        (self.data / "ledger.db.new").rmdir()
        self.run_tool("restore", self.backup)
        self.restored(epoch=9)

    def test_a_higher_epoch_on_request(self) -> None:
        self.run_tool("restore", "--epoch", "40", self.backup)
        self.restored(epoch=40)

    def test_over_any_damage(self) -> None:
        for damage in ("truncate", "garbage", "missing", "mark", "empty"):
            with self.subTest(damage):
                for name, content in self.before.items():
                    (self.data / name).write_bytes(content)
                file = Path(self.path)
                if damage == "truncate":
                    os.truncate(file, 9000)
                elif damage == "garbage":
                    file.write_bytes(b"x" * 5000)
                elif damage == "missing":
                    file.unlink()
                elif damage == "empty":
                    file.write_bytes(b"")
                else:
                    Path(self.path + "-mark").write_bytes(b"?")
                out = self.run_tool("restore", self.backup)
                self.assertIn("change 14 of epoch 7", out)
                self.restored(epoch=9)

    def test_not_while_the_process_runs(self) -> None:
        with self.ledger() as file:
            file.position()
            self.says(("another process has the ledger open",), "restore", self.backup)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.bind(str(self.root / "var/run/ganeti/socket/ganeti-amp"))
            line.listen()
            self.says(("stop it first",), "restore", self.backup)

    def test_not_on_a_host_that_is_not_the_master(self) -> None:
        self.host_state(master="other")
        self.before = {p.name: p.read_bytes() for p in self.data.iterdir()}
        self.untouched("is not the master, other is", "the master sends a copy")
        os.unlink(self.data / "host.json")
        del self.before["host.json"]
        self.untouched("in no cluster")

    def test_not_from_what_is_not_sound(self) -> None:
        self.sql("update rows set crc = 5 where kind = 'job'", self.backup)
        self.untouched("is not sound itself", "row job 7")
        (self.root / "garbage").write_bytes(b"x" * 5000)
        self.untouched("not a database", source=str(self.root / "garbage"))
        (self.root / "cut").write_bytes(b'{"ganeti_tw_ledger":1,"serial":1')
        self.untouched("no dump", source=str(self.root / "cut"))
        self.untouched("No such file", source=str(self.root / "none"))

    def test_not_from_another_cluster(self) -> None:
        self.host_state(master=self.node["name"], cluster_uuid="another")
        self.before = {p.name: p.read_bytes() for p in self.data.iterdir()}
        self.untouched("is of cluster", "this host is in c (another)")

    def test_not_from_an_empty_ledger(self) -> None:
        empty = str(self.root / "empty.db")
        file = LedgerFile(empty)
        file.position()
        file.close()
        self.untouched("empty ledger", source=empty)

    def test_interrupted_anywhere_no_host_begins_with_the_old_one(self) -> None:
        """The mark is set before the files are exchanged."""
        self.run_tool("restore", self.backup)
        kept = next(p for p in self.data.iterdir() if p.name.startswith("ledger.damaged-"))
        new = Path(self.path).read_bytes()
        for content in (None, kept.read_bytes()):
            Path(self.path).unlink()
            if content is not None:
                Path(self.path).write_bytes(content)
            file = LedgerFile(self.path)
            self.assertIn("change 13 of epoch 9", str(self.assertRaises(Exception, file.position)))
            file.close()
            Path(self.path).write_bytes(new)

    def test_a_backup_of_before_a_failover_makes_this_host_master(self) -> None:
        address = {"primary_ip": "10.88.1.77", "secondary_ip": "10.88.1.77"}
        uuid = "00000000-0000-4000-8000-000000000002"
        second = {**self.node, **address, "uuid": uuid, "name": "second", "master_candidate": False}
        other = LedgerFile(self.backup)
        other.append((Change(13, EPOCH, (Put("node", second["uuid"], json.dumps(second).encode()),)),))
        other.close()
        self.host_state(name="second", master="second", uuid=second["uuid"])
        self.run_tool("restore", self.backup)
        with self.ledger() as file:
            config = json.loads(config_data(file.load().rows))
        self.assertEqual(config["cluster"]["master_node"], second["uuid"])
        self.assertTrue(config["nodes"][second["uuid"]]["master_candidate"])
        self.assertEqual(config["serial_no"], self.original["serial_no"] + 1)
