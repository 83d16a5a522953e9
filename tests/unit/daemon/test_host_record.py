"""What a host remembers of its cluster, and files replaced whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec
from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.daemon.record import HostRecord, load, remove_files, save, write_safely
from ganeti_tw.errors import Corrupt, DriverError, Refused, StaleEpoch

RECORD = HostRecord(
    "cluster", "u", "n2", "u2", 5, "n1", ("n1", "n3"), 40, {"n1": "192.0.2.1"}, ("fake",), {"file": "/d"}
)


class SeenTests(SynchronousTestCase):
    def test_the_master_and_candidates_of_this_epoch_change_nothing(self) -> None:
        for peer in ("n1", "n3"):
            self.assertIs(RECORD.seen(peer, 5), RECORD)

    def test_a_later_epoch_is_remembered_and_its_news_count_from_the_start(self) -> None:
        self.assertEqual(RECORD.seen("n3", 6), evolve(RECORD, epoch=6, serial=0))

    def test_an_earlier_epoch_is_over_whoever_speaks(self) -> None:
        for peer in ("n1", "n9"):
            error = self.assertRaises(StaleEpoch, RECORD.seen, peer, 4)
            self.assertIn("epoch 5", error.text)

    def test_others_are_refused_and_their_epoch_is_not_believed(self) -> None:
        for epoch in (5, 6, 1000):
            self.assertRaises(Refused, RECORD.seen, "n9", epoch)

    def test_the_master_may_be_no_candidate(self) -> None:
        self.assertIs(evolve(RECORD, candidates=()).seen("n1", 5).master, "n1")

    def test_roles(self) -> None:
        self.assertEqual((RECORD.is_master, RECORD.is_candidate), (False, False))
        self.assertTrue(evolve(RECORD, name="n1").is_master)
        self.assertTrue(evolve(RECORD, name="n3").is_candidate)


class FileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.path = str(self.folder / "deep" / "host.json")

    def test_round_trip(self) -> None:
        save(self.path, RECORD)
        self.assertEqual(load(self.path), RECORD)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        self.assertEqual(os.listdir(os.path.dirname(self.path)), ["host.json"])

    def test_none_without_a_file(self) -> None:
        self.assertIsNone(load(self.path))

    def test_damage_names_the_file_and_the_remedy(self) -> None:
        good = msgspec.json.encode(RECORD)
        os.makedirs(os.path.dirname(self.path))
        for damage in (b"", good[:-5], b"[]", b"\xff", good.replace(b'"epoch":5', b'"epoch":"x"')):
            Path(self.path).write_bytes(damage)
            error = self.assertRaises(Corrupt, load, self.path)
            self.assertIn(self.path, error.text)
            self.assertIn("join again", error.text)

    def test_a_file_that_cannot_be_read_is_not_called_damaged(self) -> None:
        os.makedirs(self.path)
        error = self.assertRaises(DriverError, load, self.path)
        self.assertIn(f"{self.path} cannot be read: Is a directory", error.text)
        self.assertNotIn("join again", error.text)

    def test_what_a_crash_left_half_written_is_ignored_and_replaced(self) -> None:
        save(self.path, RECORD)
        Path(self.path + ".new").write_bytes(b'{"clus')
        self.assertEqual(load(self.path), RECORD)
        save(self.path, evolve(RECORD, epoch=6))
        found = load(self.path)
        assert found is not None
        self.assertEqual(found.epoch, 6)

    def test_a_failing_disk_leaves_the_old_content(self) -> None:
        save(self.path, RECORD)
        os.mkdir(self.path + ".new")
        error = self.assertRaises(DriverError, save, self.path, evolve(RECORD, epoch=6))
        self.assertIn(self.path, error.text)
        self.assertEqual(load(self.path), RECORD)

    def test_the_mode_holds_for_files_that_are_there(self) -> None:
        self.folder.mkdir()
        path = str(self.folder / "key")
        Path(path).write_text("old")
        write_safely(path, b"new", 0o440)
        self.assertEqual((stat.S_IMODE(os.stat(path).st_mode), Path(path).read_text()), (0o440, "new"))

    def test_removing(self) -> None:
        save(self.path, RECORD)
        remove_files(self.path, self.path)
        self.assertIsNone(load(self.path))
        self.assertRaises(DriverError, remove_files, os.path.dirname(self.path))
