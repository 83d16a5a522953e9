"""Files that are copied from node to node: read and written below the host's root, and no others."""

from __future__ import annotations

import os
import stat
from typing import Any

from agent_samples import HostTestCase
from ganeti_tw.agent.ancillary import AncillaryFiles
from ganeti_tw.errors import BadRequest, DriverError, GanetiError
from ganeti_tw.model.ancillary import LARGEST
from ganeti_tw.model.paths import Paths
from ganeti_tw.protocol.ancillary import FileCopy, ReadAncillary, WriteAncillary
from ganeti_tw.protocol.node import MASTER_ONLY

USERS = "/var/lib/ganeti/rapi/users"
PATHS = "/etc/ganeti/file-storage-paths"


class AncillaryFilesTests(HostTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.files = AncillaryFiles(Paths(self.directory), self.blocking)

    def write(self, *files: FileCopy) -> Any:
        return self.result(self.files.write(WriteAncillary(files)))

    def read(self, *paths: str) -> Any:
        return self.result(self.files.read(ReadAncillary(paths)))

    def refused_write(self, error: type[GanetiError], *files: FileCopy) -> Any:
        return self.failure(self.files.write(WriteAncillary(files)), error)

    def refused_read(self, error: type[GanetiError], *paths: str) -> Any:
        return self.failure(self.files.read(ReadAncillary(paths)), error)

    def here(self, path: str) -> str:
        return self.directory + path

    def test_only_the_master_may_ask(self) -> None:
        self.assertLessEqual({"node.read_ancillary/1", "node.write_ancillary/1"}, MASTER_ONLY)

    def test_written_with_its_mode_in_a_directory_that_is_made(self) -> None:
        self.assertEqual(self.write(FileCopy(USERS, b"jack x\n", 1e9)), (USERS,))
        found = os.stat(self.here(USERS))
        self.assertEqual((stat.S_IMODE(found.st_mode), found.st_mtime), (0o640, 1e9))
        self.assertEqual(os.listdir(os.path.dirname(self.here(USERS))), ["users"])
        self.assertEqual(self.read(USERS, PATHS), (FileCopy(USERS, b"jack x\n", 1e9),))

    def test_what_is_as_it_should_be_is_not_touched(self) -> None:
        self.write(FileCopy(USERS, b"x", 1e9))
        self.assertEqual(self.write(FileCopy(USERS, b"x", 2e9), FileCopy(PATHS, b"/d\n", 2e9)), (PATHS,))
        self.assertEqual(os.stat(self.here(USERS)).st_mtime, 1e9)

    def test_a_mode_that_is_wrong_is_put_right(self) -> None:
        self.write(FileCopy(USERS, b"x", 1e9))
        os.chmod(self.here(USERS), 0o666)
        self.assertEqual(self.write(FileCopy(USERS, b"x", 1e9)), (USERS,))
        self.assertEqual(stat.S_IMODE(os.stat(self.here(USERS)).st_mode), 0o640)

    def test_a_symbolic_link_is_replaced_not_followed(self) -> None:
        os.makedirs(os.path.dirname(self.here(PATHS)))
        with open(self.here("/other"), "w") as file:
            file.write("precious")
        os.symlink(self.here("/other"), self.here(PATHS))
        self.write(FileCopy(PATHS, b"precious", 1e9))
        self.assertFalse(os.path.islink(self.here(PATHS)))
        with open(self.here("/other")) as file:
            self.assertEqual(file.read(), "precious")

    def test_nothing_else_is_written_or_read(self) -> None:
        for path in (
            "/etc/shadow",
            "/etc/ganeti/ganeti.conf",
            "/etc/ganeti/hosts",
            "/etc/ganeti/../shadow",
            "/etc/ganeti/hooks/x",
            "/etc/ganeti/.x",
            "/etc/ganeti/a\n",
            "/var/lib/ganeti/host.json",
            "/var/lib/ganeti/ssconf_node_list",
            "etc/ganeti/x",
            "",
        ):
            self.refused_write(BadRequest, FileCopy(USERS, b"x", 1e9), FileCopy(path, b"x", 1e9))
            self.refused_read(BadRequest, path)
        self.assertEqual(os.listdir(self.directory), [])

    def test_what_cannot_be_copied(self) -> None:
        os.makedirs(self.here(PATHS))
        self.assertIn("file-storage-paths", self.refused_read(DriverError, PATHS).text)
        self.refused_write(DriverError, FileCopy(PATHS, b"x", 1e9))
        os.makedirs(os.path.dirname(self.here(USERS)))
        os.mkfifo(self.here(USERS))
        self.refused_read(DriverError, USERS)

    def test_too_large(self) -> None:
        self.refused_write(BadRequest, FileCopy(USERS, b"x" * (LARGEST + 1), 1e9))
        self.write(FileCopy(USERS, b"x" * LARGEST, 1e9))
        with open(self.here(USERS), "ab") as file:
            file.write(b"x")
        self.refused_read(DriverError, USERS)
