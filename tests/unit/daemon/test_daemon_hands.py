"""Which directories of a host may hold disks."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.agent.storage.base import Filling, Renaming, StorageHost
from ganeti_tw.agent.storage.registry import build_storages
from ganeti_tw.daemon.hands import RootedStorage, allowed_directories, rooted
from ganeti_tw.daemon.record import HostRecord
from ganeti_tw.daemon.settings import Settings
from ganeti_tw.errors import DriverError
from ganeti_tw.kernel import InlineBlocking
from ganeti_tw.model.paths import Paths
from ganeti_tw.protocol.instance import DiskSpec

RECORD = HostRecord("c", "u", "n1", "u1", 1, "n1", ("n1",), file_storage_dirs={"file": "/files", "sharedfile": ""})


class RootedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = str(Path(self.mktemp()).resolve())
        paths = Paths(self.root)
        found = build_storages(StorageHost(InlineBlocking(), lambda: [f"{self.root}/disks"]))
        self.storages = {name: rooted(storage, paths) for name, storage in found.items()}

    def test_files_are_below_the_root(self) -> None:
        for template in ("file", "sharedfile"):
            storage = self.storages[template]
            assert isinstance(storage, Renaming)
            old, new = (
                DiskSpec("u", 0, template, 1, "rw", ("loop", f"/disks/{n}/{template}")) for n in ("web1", "web2")
            )
            for step in (storage.create("web1", old), storage.rename("web1", old, new)):
                self.successResultOf(Deferred.fromCoroutine(step))
            self.assertTrue(Path(f"{self.root}/disks/web2/{template}").is_file())
            self.assertEqual(self.successResultOf(Deferred.fromCoroutine(storage.size("web2", new))), 1)
            self.assertIsNone(self.successResultOf(Deferred.fromCoroutine(storage.find("web1", old))))

    def test_one_is_filled_from_another(self) -> None:
        old, new = (DiskSpec(t, 0, t, 1, "rw", ("loop", f"/disks/web1/{t}")) for t in ("file", "sharedfile"))
        file, shared = self.storages["file"], self.storages["sharedfile"]
        assert isinstance(shared, Filling)
        source = self.successResultOf(Deferred.fromCoroutine(file.create("web1", old)))
        self.successResultOf(Deferred.fromCoroutine(shared.create("web1", new)))
        Path(source).write_bytes(b"data".ljust(2**20, b"\0"))
        self.successResultOf(Deferred.fromCoroutine(shared.fill("web1", new, source, 0, 1)))
        self.assertEqual(Path(f"{self.root}/disks/web1/sharedfile").read_bytes()[:4], b"data")

    def test_others_are_left_alone(self) -> None:
        self.assertNotIsInstance(self.storages["diskless"], RootedStorage)


class AllowedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = str(Path(self.mktemp()).resolve())
        self.settings = Settings(Paths(self.root), "n1", file_storage_dirs=(f"{self.root}/own/",))
        self.file = Path(self.settings.paths.file_storage_paths)
        self.file.parent.mkdir(parents=True)

    def allowed(self, record: HostRecord | None = RECORD) -> list[str]:
        return [d.removeprefix(self.root) for d in allowed_directories(self.settings, record)]

    def test_those_of_the_cluster_and_of_the_settings(self) -> None:
        self.assertEqual(self.allowed(), ["/files", "/own"])
        self.assertEqual(self.allowed(None), ["/own"])

    def test_a_list_takes_the_place_of_the_clusters(self) -> None:
        self.file.write_text("# disks\n\n/a/./b\n/etc/c\n")
        self.assertEqual(self.allowed(), ["/a/b", "/own"])
        self.file.write_text("")
        self.assertEqual(self.allowed(), ["/own"])

    def test_one_that_cannot_be_read(self) -> None:
        self.file.mkdir()
        self.assertIn("cannot be read", self.assertRaises(DriverError, self.allowed).text)
