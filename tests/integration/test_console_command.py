"""The command that a node gives for a console, run as a process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from unittest import TestCase

ROOT = Path(__file__).resolve().parents[2]


class ConsoleCommandTests(TestCase):
    def test_it_shows_the_log_and_carries_both_ways(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="co", dir="/tmp")
        self.addCleanup(directory.cleanup)
        path, log = f"{directory.name}/web1.serial", f"{directory.name}/web1.log"
        Path(log).write_text("booted\n")
        door = socket.socket(socket.AF_UNIX)
        self.addCleanup(door.close)
        door.bind(path)
        door.listen()
        heard: list[bytes] = []

        def guest() -> None:
            line, _ = door.accept()
            with line:
                heard.append(line.recv(100))
                line.sendall(b"it is me\n")

        thread = threading.Thread(target=guest, daemon=True)
        thread.start()
        command = [sys.executable, "-m", "ganeti_tw.cli.console", "--linger", "5", "--log", log, path]
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, input=b"who\n", capture_output=True, timeout=30, env=environ, cwd="/")
        thread.join(10)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual(heard, [b"who\n"])
        self.assertEqual(done.stdout, b"booted\nit is me\n")
