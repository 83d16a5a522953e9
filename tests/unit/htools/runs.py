"""Running a tool in this process, in a folder of its own."""

from __future__ import annotations

import io
import os
import re
import shutil
import tempfile
from pathlib import Path
from unittest import TestCase

from attrs import frozen

from ganeti_tw.cli.htools.entry import main
from ganeti_tw.cli.htools.outside import Outside

DATA = Path(__file__).resolve().parents[2] / "data" / "htools"


@frozen
class Outcome:
    status: int
    stdout: str
    stderr: str


class InFolder(TestCase):
    """Each test's working folder holds the example clusters and requests."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        for path in DATA.iterdir():
            if path.suffix in (".data", ".txt"):
                shutil.copy(path, self.folder)
        shutil.copytree(DATA / "hail", self.folder / "hail")
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)

    def run_tool(self, *words: str, stdin: str = "", outside: Outside | None = None) -> Outcome:
        stdout, stderr = io.StringIO(), io.StringIO()
        status = main(words[0], words[1:], stdin=io.StringIO(stdin), stdout=stdout, stderr=stderr, outside=outside)
        return Outcome(status, stdout.getvalue(), stderr.getvalue())

    def write(self, name: str, content: str | bytes) -> str:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return name


def without_policy_dump(text: str) -> str:
    return re.sub(r"(?m)^(Loaded cluster ipolicy:).*$", r"\1 ...", text)
