"""Iallocators as real processes: our own hail without any set-up, and programs of the site."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from unittest import TestCase

from real_cluster import RealCluster

ADD = ("-t", "diskless", "--no-install", "--no-start", "--no-name-check", "--no-ip-check")
PICK = """#!/bin/sh
cp "$1" "$GANETI_ROOTDIR/question.json"
echo "$GANETI_HOSTNAME: thinking" >&2
echo '{"success": true, "info": "as ever", "result": ["node2"]}'
"""
BROKEN = """#!/bin/sh
echo "cannot make up my mind" >&2
exit 7
"""
SLOW = """#!/bin/sh
echo $$ >"$GANETI_ROOTDIR/slow.new" && mv "$GANETI_ROOTDIR/slow.new" "$GANETI_ROOTDIR/slow.pid"
exec sleep 600
"""


class AllocatorTests(TestCase):
    def setUp(self) -> None:
        self.cluster = RealCluster(3)
        self.addCleanup(self.cluster.destroy)
        self.cluster.form("diskless,sharedfile")
        self.root = self.cluster.directory / "node1"

    def script(self, name: str, text: str) -> None:
        directory = self.root / "usr/local/lib/ganeti/iallocators"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
        (directory / name).chmod(0o755)

    def add(self, name: str, *more: str, check: bool = True) -> Any:
        return self.cluster.run("gnt-instance", "add", *ADD, *more, f"{name}.example", check=check)

    def where(self) -> dict[str, str]:
        columns = ("--no-headers", "--separator=|", "-o", "name,pnode")
        lines = self.cluster.run("gnt-instance", "list", *columns).stdout.splitlines()
        return {line.partition(".")[0]: line.partition("|")[2] for line in lines}

    def would_be(self, mode: str, *words: str) -> Any:
        """What hail answers."""
        argv = ("iallocator", "--dir", "out", "-I", "hail", "-t", "diskless", "-m", mode, *words)
        answer = json.loads(self.cluster.run("gnt-debug", *argv).stdout)
        self.assertTrue(answer["success"], answer)
        return answer["result"]

    def test_hail_and_others_choose(self) -> None:
        for node in ("node1", "node2"):  # so that there is one best place
            self.add(f"on-{node}", "-n", node)
        self.assertEqual(self.would_be("allocate", "new.example"), ["node3"])
        self.add("web1", "-I", "hail")
        self.assertEqual(self.where()["web1"], "node3")

        self.script("pick", PICK)
        self.add("web2", "-I", "pick")
        self.assertEqual(self.where()["web2"], "node2")
        asked = json.loads((self.root / "question.json").read_text())
        self.assertEqual((asked["request"]["name"], list(asked["nodes"])), ("web2.example", self.cluster.names))
        self.assertGreater(asked["nodes"]["node3"]["total_memory"], 0)

        self.script("broken", BROKEN)
        refused = self.add("web3", "-I", "broken", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("iallocator broken failed, exit status 7; it said: cannot make up my mind", refused.stderr)

        self.script("slow", SLOW)
        job = self.add("web3", "-I", "slow", "--submit").stderr.split()[-1]
        pid_file = self.root / "slow.pid"
        self.cluster.until(pid_file.exists)
        process = Path(f"/proc/{pid_file.read_text().strip()}")
        self.cluster.run("gnt-job", "cancel", job)
        self.cluster.until(lambda: not process.exists())
        self.assertEqual(self.cluster.run("gnt-job", "watch", job, check=False).returncode, 1)
        self.assertNotIn("web3", self.where())

        evacuated = self.cluster.run("gnt-group", "evacuate", "default", check=False)
        self.assertIn("there is no other group", evacuated.stderr)
        for name in ("on-node1", "web1"):
            self.cluster.run("gnt-instance", "remove", "-f", f"{name}.example")
        self.cluster.run("gnt-node", "evacuate", "-f", "-p", "node2")
        self.assertEqual([node for node in self.where().values() if node == "node2"], [])
        left = [name for name in os.listdir(self.cluster.paths("node1").run) if name.startswith("iallocator")]
        self.assertEqual(left, [])
