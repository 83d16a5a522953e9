"""What every disk template must do, shown by each that can run here."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.agent.storage.base import Abilities, Storage, StorageHost, disk_paths, storage_of
from ganeti_tw.agent.storage.diskless import Diskless
from ganeti_tw.agent.storage.file import FileStorage
from ganeti_tw.agent.storage.registry import build_storages, storages
from ganeti_tw.agent.storage.sharedfile import SharedFileStorage
from ganeti_tw.errors import BadRequest, DriverError, Exists, NoRoom
from ganeti_tw.kernel import InlineBlocking
from ganeti_tw.protocol.instance import DiskSpec


class StorageContract:
    """Mixed into a test case that sets ``storage`` and gives ``disk``."""

    storage: Storage

    def setUp(self) -> None:
        self.directory = tempfile.mkdtemp(prefix="gtw")
        self.addCleanup(shutil.rmtree, self.directory)
        self.allowed = os.path.join(self.directory, "allowed")
        os.mkdir(self.allowed)
        self.host = StorageHost(InlineBlocking(), lambda: [self.allowed])

    def disk(self, index: int = 0) -> DiskSpec:
        path = f"{self.allowed}/web1/u{index}.{self.storage.template}.disk{index}"
        return DiskSpec(f"u{index}", index, self.storage.template, 3, "rw", ("loop", path))

    def do(self, work: Any) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(work))

    def refused(self, work: Any, *errors: Any) -> str:
        return str(self.failureResultOf(Deferred.fromCoroutine(work), *errors).value)

    def test_one_that_is_not_there_is_not_found(self) -> None:
        self.assertIsNone(self.do(self.storage.find("web1", self.disk())))
        self.assertIsNone(self.do(self.storage.size("web1", self.disk())))

    def test_removing_what_is_not_there_succeeds(self) -> None:
        self.do(self.storage.remove("web1", self.disk()))

    def test_the_registry_knows_it(self) -> None:
        self.assertIs(storages.get(self.storage.template), type(self.storage))
        self.assertIs(type(build_storages(self.host)[self.storage.template]), type(self.storage))


class CreatingStorageContract(StorageContract):
    """For templates that make disks."""

    def test_created_it_is_found_with_its_size(self) -> None:
        path = self.do(self.storage.create("web1", self.disk()))
        self.assertEqual(self.do(self.storage.find("web1", self.disk())), path)
        self.assertEqual(self.do(self.storage.size("web1", self.disk())), 3)

    def test_creating_it_again_keeps_its_content(self) -> None:
        path = self.do(self.storage.create("web1", self.disk()))
        with open(path, "r+b") as f:
            f.write(b"precious")
        self.assertEqual(self.do(self.storage.create("web1", self.disk())), path)
        with open(path, "rb") as f:
            self.assertEqual(f.read(8), b"precious")

    def test_creating_it_with_another_size_is_refused(self) -> None:
        self.do(self.storage.create("web1", self.disk()))
        self.refused(self.storage.create("web1", evolve(self.disk(), size_mib=4)), Exists)

    def test_removed_it_is_gone_and_others_are_not(self) -> None:
        for index in (0, 1):
            self.do(self.storage.create("web1", self.disk(index)))
        self.do(self.storage.remove("web1", self.disk(0)))
        self.assertIsNone(self.do(self.storage.find("web1", self.disk(0))))
        self.assertIsNotNone(self.do(self.storage.find("web1", self.disk(1))))

    def test_one_that_is_too_large_is_refused_and_leaves_nothing(self) -> None:
        huge = evolve(self.disk(), size_mib=1 << 40)
        self.assertIn("free", self.refused(self.storage.create("web1", huge), NoRoom))
        self.assertIsNone(self.do(self.storage.find("web1", huge)))
        self.assertEqual(os.listdir(self.allowed), [])


class FileTests(CreatingStorageContract, SynchronousTestCase):
    make: Any = FileStorage

    def setUp(self) -> None:
        super().setUp()
        self.storage = self.make(self.host)

    def at(self, path: str) -> DiskSpec:
        return evolve(self.disk(), logical_id=("loop", path))

    def refuses(self, path: str) -> None:
        for work in (self.storage.create, self.storage.remove, self.storage.find):
            self.refused(work("web1", self.at(path)), BadRequest)

    def test_filled_from_another_it_has_its_data_and_its_holes(self) -> None:
        source = os.path.join(self.directory, "source")
        with open(source, "wb") as f:
            f.truncate(3 << 20)
            f.seek((1 << 20) + 5)
            f.write(b"precious")
        disk = self.disk()
        path = self.do(self.storage.create("web1", disk))
        self.do(self.storage.fill("web1", disk, source, 0, 1))
        self.assertEqual(os.stat(path).st_blocks, 0)
        self.do(self.storage.fill("web1", disk, source, 1, 2))
        with open(source, "rb") as old, open(path, "rb") as new:
            self.assertEqual(new.read(), old.read())
        self.assertLessEqual(os.stat(path).st_blocks * 512, 1 << 20)
        with open(source, "r+b") as f:
            f.write(bytes(3 << 20))
        self.do(self.storage.fill("web1", disk, source, 0, 3))  # what was there is overwritten by zeros
        with open(path, "rb") as new:
            self.assertEqual(new.read().strip(b"\0"), b"")

    def test_what_cannot_be_filled(self) -> None:
        disk = self.disk()
        source = os.path.join(self.directory, "short")
        with open(source, "wb") as f:
            f.truncate(1 << 20)
        self.refused(self.storage.fill("web1", disk, source, 0, 1), DriverError)
        self.do(self.storage.create("web1", disk))
        self.assertIn("it ends after", self.refused(self.storage.fill("web1", disk, source, 0, 2), DriverError))
        self.assertIn("nowhere", self.refused(self.storage.fill("web1", disk, "/nowhere", 0, 1), DriverError))

    def test_a_new_disk_and_its_name_are_on_disk_when_that_is_said(self) -> None:
        synced: list[str] = []
        really = os.fsync
        self.patch(os, "fsync", lambda fd: (synced.append(os.readlink(f"/proc/self/fd/{fd}")), really(fd)))
        disk = self.disk()
        path = self.do(self.storage.create("web1", disk))
        directory = os.path.dirname(path)
        self.assertEqual(synced, [os.path.dirname(directory), f"{path}.new", directory])
        synced.clear()
        to = self.renamed()
        self.do(self.storage.rename("web1", disk, to))
        directory = os.path.dirname(to.logical_id[1])
        self.assertEqual(synced, [os.path.dirname(directory), directory])

    def test_files_are_sparse(self) -> None:
        path = self.do(self.storage.create("web1", self.disk()))
        self.assertEqual(os.stat(path).st_size, 3 << 20)
        self.assertLess(os.stat(path).st_blocks * 512, 1 << 20)

    def test_places_that_are_not_allowed_are_refused(self) -> None:
        for path in (
            "relative/d0",
            self.directory + "/elsewhere/d0",
            self.allowed,
            self.allowed + "/../d0",
            self.allowed + "/web1/./d0",
            self.allowed + "x/d0",
            "/" + self.allowed + "/d0",
        ):
            self.refuses(path)

    def test_links_that_lead_out_are_refused(self) -> None:
        os.symlink("/tmp", self.allowed + "/out")
        self.refuses(self.allowed + "/out/d0")
        os.symlink("/etc/passwd", self.allowed + "/d0")
        self.refuses(self.allowed + "/d0")

    def test_an_allowed_directory_may_itself_be_a_link(self) -> None:
        real = os.path.join(self.directory, "real")
        os.mkdir(real)
        os.rmdir(self.allowed)
        os.symlink(real, self.allowed)
        self.do(self.storage.create("web1", self.disk()))

    def test_nothing_is_allowed_when_no_directory_is(self) -> None:
        self.storage = self.make(StorageHost(InlineBlocking(), list))
        self.refuses(self.allowed + "/web1/d0")

    def test_a_logical_id_of_another_template_is_refused(self) -> None:
        wrong = evolve(self.disk(), logical_id=("xenvg",))
        self.refused(self.storage.create("web1", wrong), BadRequest)

    def test_the_directory_of_an_instance_goes_with_its_last_disk(self) -> None:
        self.do(self.storage.create("web1", self.disk()))
        self.do(self.storage.remove("web1", self.disk()))
        self.assertEqual(os.listdir(self.allowed), [])

    def renamed(self, index: int = 0) -> DiskSpec:
        path = self.disk(index).logical_id[1].replace("/web1/", "/web2/")
        return evolve(self.disk(index), logical_id=("loop", path))

    def test_renamed_it_keeps_its_content_and_the_old_directory_goes_with_the_last(self) -> None:
        path = self.do(self.storage.create("web1", self.disk()))
        with open(path, "r+b") as file:
            file.write(b"data")
        self.do(self.storage.create("web1", self.disk(1)))
        self.do(self.storage.rename("web1", self.disk(), self.renamed()))
        with open(self.renamed().logical_id[1], "rb") as file:
            self.assertEqual(file.read(4), b"data")
        self.assertEqual(sorted(os.listdir(self.allowed)), ["web1", "web2"])
        self.do(self.storage.rename("web1", self.disk(1), self.renamed(1)))
        self.assertEqual(os.listdir(self.allowed), ["web2"])

    def test_renaming_the_renamed_succeeds(self) -> None:
        self.do(self.storage.create("web1", self.disk()))
        for _ in range(2):
            self.do(self.storage.rename("web1", self.disk(), self.renamed()))
        self.do(self.storage.rename("web2", self.renamed(), self.renamed()))

    def test_renaming_overwrites_nothing_and_misses_what_is_not_there(self) -> None:
        rename = self.storage.rename
        self.refused(rename("web1", self.disk(), self.renamed()), DriverError)
        self.do(self.storage.create("web1", self.disk()))
        self.do(self.storage.create("web2", self.renamed()))
        self.refused(rename("web1", self.disk(), self.renamed()), Exists)
        out = evolve(self.disk(), logical_id=("loop", "/etc/d0"))
        self.refused(rename("web1", self.disk(), out), BadRequest)

    def test_a_full_file_system_is_noticed_before(self) -> None:
        self.storage = self.make(self.host, lambda path: (10 << 20, 2 << 20))
        self.refused(self.storage.create("web1", self.disk()), NoRoom)

    def test_what_is_left_of_a_creation_cut_short_is_no_obstacle(self) -> None:
        path = self.disk().logical_id[1]
        os.makedirs(os.path.dirname(path))
        with open(path + ".new", "w"):
            pass
        self.do(self.storage.create("web1", self.disk()))
        self.assertEqual(os.listdir(os.path.dirname(path)), [os.path.basename(path)])


class SharedFileTests(FileTests):
    make = SharedFileStorage

    def test_it_is_shared(self) -> None:
        self.assertIn(Abilities.SHARED, self.storage.abilities)


class DisklessTests(StorageContract, SynchronousTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.storage = Diskless(self.host)

    def test_it_makes_no_disks(self) -> None:
        self.refused(self.storage.create("web1", self.disk()), BadRequest)


class PathsTests(StorageContract, SynchronousTestCase):
    """The functions over all templates."""

    def setUp(self) -> None:
        super().setUp()
        self.storage = FileStorage(self.host)

    def test_paths_by_index(self) -> None:
        path = self.do(self.storage.create("web1", self.disk(1)))
        found = self.do(disk_paths({"file": self.storage}, "web1", [self.disk(1)]))
        self.assertEqual(found, {1: path})

    def test_a_missing_disk_is_named(self) -> None:
        text = self.refused(disk_paths({"file": self.storage}, "web1", [self.disk()]), DriverError)
        self.assertIn("disk 0 of web1", text)

    def test_an_unknown_template_is_named(self) -> None:
        self.assertRaises(BadRequest, storage_of, {}, self.disk())
