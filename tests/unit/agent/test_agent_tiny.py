"""The scripts of our OS definition, but for ``create``, which needs an image."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import unittest

TINY = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../../etc/os/tiny"))


class TinyTests(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = tempfile.mkdtemp(prefix="gtw")
        self.addCleanup(shutil.rmtree, self.directory)
        self.disk = os.path.join(self.directory, "d0")
        with open(self.disk, "wb") as f:
            f.write(os.urandom(65536))

    def run_script(self, name: str, *arguments: str, stdin: bytes = b"", status: int = 0, **env: str) -> bytes:
        end = subprocess.run(
            [os.path.join(TINY, name), *arguments],
            cwd=TINY,
            env={"PATH": "/sbin:/bin:/usr/sbin:/usr/bin", **env},
            input=stdin,
            capture_output=True,
        )
        self.assertEqual(end.returncode, status, end.stderr.decode())
        return end.stdout + end.stderr

    def content(self) -> bytes:
        with open(self.disk, "rb") as f:
            return f.read()

    def test_a_dump_is_the_disk(self) -> None:
        dump = self.run_script("export", EXPORT_DEVICE=self.disk, EXPORT_DISK_PATH=self.disk)
        self.assertEqual(dump, self.content())

    def test_an_import_writes_the_dump(self) -> None:
        self.run_script("import", stdin=b"x" * 70000, IMPORT_DEVICE=self.disk)
        self.assertEqual(self.content(), b"x" * 70000)

    def test_a_new_name_goes_into_the_settings_and_nothing_else_changes(self) -> None:
        before = self.content()
        said = self.run_script(
            "rename",
            INSTANCE_NAME="new.example.com",
            OLD_INSTANCE_NAME="old.example.com",
            DISK_COUNT="1",
            DISK_0_PATH=self.disk,
            OSP_RUN="one\ntwo",
        )
        after = self.content()
        self.assertIn(b"new.example.com from its next boot on", said)
        self.assertEqual((after[:4096], after[8192:]), (before[:4096], before[8192:]))
        settings = b"ganeti-tiny 1\nhostname=new.example.com\nvariant=default\nrun=onetwo\n"
        self.assertTrue(after[4096:].startswith(settings))

    def test_without_a_disk_there_is_nothing_to_rename(self) -> None:
        self.assertIn(b"nothing to do", self.run_script("rename", INSTANCE_NAME="new", DISK_COUNT="0"))

    def test_parameters_are_verified(self) -> None:
        self.run_script("verify", "parameters", OSP_CACHE="/srv/cache", OS_VARIANT="ticking")
        self.run_script("verify", "parameters")
        self.assertIn(b"absolute", self.run_script("verify", "parameters", OSP_CACHE="here", status=1))
        self.assertIn(b"'x'", self.run_script("verify", "parameters", OS_VARIANT="x", status=1))

    def test_an_instance_without_disks_cannot_be_installed(self) -> None:
        self.assertIn(b"no disk to boot from", self.run_script("create", INSTANCE_NAME="web1", status=1))
