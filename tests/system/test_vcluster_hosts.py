"""ganeti-vcluster with real hosts: the process of each is the real one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from unittest import TestCase

ROOT = Path(__file__).resolve().parents[2]


class RealHostTests(TestCase):
    def setUp(self) -> None:
        self.top = Path(tempfile.mkdtemp(prefix="vc", dir="/tmp"))
        self.addCleanup(lambda: self.top.exists() and os.rmdir(self.top))
        self.directory = self.top / "c"
        self.run_vcluster("create", str(self.directory), "--hosts", "2")
        self.addCleanup(lambda: self.directory.exists() and self.run_vcluster("destroy", str(self.directory)))

    def run_vcluster(self, *words: str) -> str:
        command = [sys.executable, "-m", "ganeti_tw.daemon.vcluster", *words]
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, env=environ, cwd="/")
        self.assertEqual(done.stderr, "")
        return done.stdout

    def states(self) -> dict[str, tuple[str, str]]:
        """Address and state of each host."""
        lines = self.run_vcluster("status", str(self.directory), "--no-headers", "--separator=:").splitlines()
        return {name: (address, state) for name, address, _, state, _ in (line.split(":") for line in lines)}

    def test_the_life_of_two_hosts(self) -> None:
        self.run_vcluster("start", str(self.directory))
        states = self.states()
        self.assertEqual([state for _, state in states.values()], ["running", "running"])
        with urllib.request.urlopen(f"http://{states['node1'][0]}:1815/", timeout=10) as answer:
            self.assertEqual(json.load(answer), [1])
        self.run_vcluster("kill", str(self.directory), "node2")
        self.assertEqual([state for _, state in self.states().values()], ["running", "crashed"])
        self.run_vcluster("start", str(self.directory))
        self.run_vcluster("stop", str(self.directory))
        self.assertEqual([state for _, state in self.states().values()], ["stopped", "stopped"])
        self.run_vcluster("destroy", str(self.directory))
        self.assertFalse(self.directory.exists())
