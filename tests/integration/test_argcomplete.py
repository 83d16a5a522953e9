"""Completion by argcomplete, as a shell calls it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

from ganeti_tw.model.paths import Paths

SCRIPT = "import sys; sys.argv[0] = '{0}'; from ganeti_tw.cli.main import {1}; sys.exit({1}())"


class CompletionTests(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="gtwc")
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)

    def completed(self, line: str) -> list[str]:
        """The words offered for what stands at the end of the line."""
        program = line.split()[0]
        found = self.root / "found"
        environ = {
            **os.environ,
            "GANETI_ROOTDIR": str(self.root),
            "_ARGCOMPLETE": "1",
            "_ARGCOMPLETE_STDOUT_FILENAME": str(found),
            "_ARGCOMPLETE_IFS": "\n",
            "COMP_LINE": line,
            "COMP_POINT": str(len(line)),
            "COMP_TYPE": "9",
        }
        found.write_text("")
        script = SCRIPT.format(program, program.replace("-", "_"))
        subprocess.run([sys.executable, "-c", script], env=environ, timeout=30, stdin=subprocess.DEVNULL)
        return sorted(word.strip() for word in found.read_text().split("\n") if word.strip())

    def listen(self) -> socket.socket:
        path = Path(Paths(str(self.root)).socket)
        path.parent.mkdir(parents=True)
        server = socket.socket(socket.AF_UNIX)
        self.addCleanup(server.close)
        server.bind(str(path))
        server.listen()
        return server

    def test_subcommands_and_options(self) -> None:
        self.assertEqual(self.completed("gnt-instance sh"), ["shutdown"])
        self.assertEqual(self.completed("gnt-job list --no-h"), ["--no-headers"])
        self.assertEqual(self.completed("gnt-cluster queue un"), ["undrain"])
        self.assertEqual(self.completed("gnt-instance shutdown --priority h"), ["high"])

    def test_names_come_from_the_master(self) -> None:
        server = self.listen()
        body = b'{"fields": [], "data": [[[0, "web1.example"]], [[0, "web2.example"]], [[0, "db.example"]]]}'

        asked: list[bytes] = []

        def answer() -> None:
            connection, _ = server.accept()
            asked.append(connection.recv(65536))
            box = b"".join(len(t).to_bytes(2, "big") + t for t in (b"_answer", b"1", b"body", body)) + b"\0\0"
            connection.sendall(box)
            connection.recv(1)
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        self.assertEqual(self.completed("gnt-instance startup web"), ["web1.example", "web2.example"])
        thread.join(10)
        self.assertIn(b'"filter":["=~","name","^web"]', asked[0])

    def test_without_a_master_nothing_is_offered(self) -> None:
        self.assertEqual(self.completed("gnt-instance startup w"), [])

    def test_a_master_that_does_not_answer_holds_nobody_up(self) -> None:
        self.listen()
        begin = time.monotonic()
        self.assertEqual(self.completed("gnt-instance startup w"), [])
        self.assertLess(time.monotonic() - begin, 10)  # it would wait for ever
