from __future__ import annotations

import json
import os
import socket
import tempfile
from pathlib import Path
from unittest import TestCase

from ganeti_tw.daemon import vhosts
from ganeti_tw.daemon.settings import load
from ganeti_tw.errors import BadRequest, Exists, NotFound, WrongState


class VirtualHostTests(TestCase):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.top = Path(holder.name)
        self.directory = self.top / "demo"

    def test_what_is_created_is_found(self) -> None:
        made = vhosts.create(self.directory, 3, "127.77.9.0")
        self.assertEqual(vhosts.find(self.directory), made)
        self.assertEqual([(h.name, h.address) for h in made.hosts], [(f"node{i}", f"127.77.9.{i}") for i in (1, 2, 3)])

    def test_a_host_finds_its_settings(self) -> None:
        host = vhosts.create(self.directory, 2, "127.77.9").hosts[1]
        settings = load({"GANETI_ROOTDIR": str(host.root)})
        self.assertEqual((settings.name, settings.address, settings.ports.rapi), ("node2", "127.77.9.2", 5080))
        self.assertTrue(all(Path(d).is_dir() for d in settings.file_storage_dirs))
        self.assertEqual(load(host.environ({})), settings)

    def test_every_host_knows_all_names_and_the_clusters(self) -> None:
        made = vhosts.create(self.directory, 2, "127.77.9.0", prefix="h", name="c1")
        wanted = "127.77.9.254\tc1\n127.77.9.1\th1\n127.77.9.2\th2\n"
        self.assertEqual([Path(h.paths.hosts).read_text() for h in made.hosts], [wanted, wanted])

    def test_shared_disks_are_in_one_place_and_the_whole_may_be_moved(self) -> None:
        made = vhosts.create(self.directory, 2, "127.77.9.0")
        places = [(h.root / "srv/ganeti/shared-file-storage").resolve() for h in made.hosts]
        self.assertEqual(set(places), {(self.directory / "shared").resolve()})
        moved = self.top / "moved"
        self.directory.rename(moved)
        self.assertEqual(vhosts.find(moved).hosts[0].root, moved / "node1")

    def test_os_definitions_that_come_along_are_there(self) -> None:
        host = vhosts.create(self.directory, 1, "127.77.9.0").hosts[0]
        found = sorted(p.name for p in (host.root / "srv/ganeti/os").iterdir() if (p / "ganeti_api_version").exists())
        self.assertEqual(found, sorted(p.name for p in vhosts.shipped_os_definitions()))

    def test_foreign_directories_are_refused_and_left_alone(self) -> None:
        self.directory.mkdir()
        (self.directory / "precious").touch()
        with self.assertRaises(Exists):
            vhosts.create(self.directory, 3)
        with self.assertRaises(NotFound):
            vhosts.find(self.directory)
        self.assertEqual(os.listdir(self.directory), ["precious"])

    def test_a_second_cluster_in_the_same_place_is_refused(self) -> None:
        vhosts.create(self.directory, 1)
        with self.assertRaisesRegex(Exists, "destroy"):
            vhosts.create(self.directory, 1)

    def test_a_path_too_long_for_a_socket_is_refused_with_a_remedy(self) -> None:
        with self.assertRaisesRegex(BadRequest, "107.*bytes shorter"):
            vhosts.create(self.top / ("x" * 80), 3)
        self.assertEqual(os.listdir(self.top), [])

    def test_bad_arguments(self) -> None:
        for count, base in ((0, ""), (251, ""), (3, "10.0.0.0"), (3, "127.77"), (3, "127.77.1.7"), (3, "127.77.x.0")):
            with self.assertRaises(BadRequest):
                vhosts.create(self.directory, count, base)

    def test_a_network_in_use_is_not_chosen(self) -> None:
        first = vhosts.free_network("seed")
        with socket.socket() as busy:
            busy.bind((f"{first}.1", 1811))
            busy.listen()
            self.assertNotEqual(vhosts.free_network("seed"), first)

    def test_hosts_are_selected_by_name(self) -> None:
        made = vhosts.create(self.directory, 3, "127.77.9.0")
        self.assertEqual([h.name for h in made.select(["node2"])], ["node2"])
        self.assertEqual(made.select([]), made.hosts)
        with self.assertRaisesRegex(NotFound, "'node9'.*node1, node2, node3"):
            made.select(["node1", "node9"])

    def test_a_number_that_another_process_has_is_not_the_hosts(self) -> None:
        host = vhosts.create(self.directory, 1).hosts[0]
        self.assertEqual((host.pid(), host.crashed()), (None, False))
        Path(host.paths.pid).write_text(str(os.getpid()))
        self.assertEqual((host.pid(), host.crashed()), (None, True))
        Path(host.paths.pid).write_text("nonsense")
        self.assertIsNone(host.pid())

    def test_only_marked_directories_are_removed(self) -> None:
        made = vhosts.create(self.directory, 1)
        vhosts.remove(made)
        self.assertFalse(self.directory.exists())
        made = vhosts.create(self.directory, 1)
        (self.directory / vhosts.MARKER).unlink()
        with self.assertRaises(WrongState):
            vhosts.remove(made)
        self.assertTrue(self.directory.exists())

    def test_a_damaged_marker_is_named(self) -> None:
        vhosts.create(self.directory, 1)
        for damage in ("", "[]", json.dumps({"name": "x", "address": "y", "hosts": [1]})):
            (self.directory / vhosts.MARKER).write_text(damage)
            with self.assertRaisesRegex(WrongState, "vcluster.json"):
                vhosts.find(self.directory)
