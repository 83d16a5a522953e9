"""Hooks as real scripts on real processes."""

from __future__ import annotations

from pathlib import Path
from unittest import TestCase

from real_cluster import RealCluster

REMEMBER = """#!/bin/sh
pwd >>"$GANETI_ROOTDIR/seen-$GANETI_HOOKS_PATH-$GANETI_HOOKS_PHASE"
env >>"$GANETI_ROOTDIR/seen-$GANETI_HOOKS_PATH-$GANETI_HOOKS_PHASE"
"""
REFUSE = """#!/bin/sh
case " $GANETI_INSTANCE_TAGS " in *" keep "*) echo "it is tagged keep"; exit 1;; esac
"""
ADD = ("-t", "diskless", "--no-install", "--no-start", "--no-name-check", "--no-ip-check", "-n", "node2")


class HookTests(TestCase):
    def setUp(self) -> None:
        self.cluster = RealCluster(2)
        self.addCleanup(self.cluster.destroy)
        self.cluster.form()

    def script(self, host: str, hook: str, name: str, text: str) -> None:
        directory = Path(self.cluster.paths(host).hooks) / f"{hook}.d"
        directory.mkdir(parents=True, exist_ok=True)
        place = directory / name
        place.write_text(text)
        place.chmod(0o755)

    def seen(self, host: str, hook: str) -> list[str]:
        place = self.cluster.directory / host / f"seen-{hook}"
        return place.read_text().splitlines() if place.exists() else []

    def test_scripts_see_and_refuse(self) -> None:
        for hook in ("instance-add-post", "instance-start-pre"):
            self.script("node2", hook, "10-remember", REMEMBER)
        self.script("node1", "config-update-post", "10-remember", REMEMBER)
        self.script("node2", "instance-start-pre", "20-refuse", REFUSE)
        self.script("node2", "instance-start-pre", "30-never.sh", "#!/bin/sh\nexit 1\n")
        self.cluster.run("gnt-instance", "add", *ADD, "--tags", "keep", "web1.example")
        seen = self.seen("node2", "instance-add-post")
        self.assertEqual(seen[0], "/")
        for line in (
            "GANETI_OP_CODE=OP_INSTANCE_CREATE",
            "GANETI_MASTER=node1",
            "GANETI_INSTANCE_PRIMARY=node2",
            "GANETI_POST_INSTANCE_TAGS=keep",
        ):
            self.assertIn(line, seen)
        self.assertFalse([line for line in seen if line.startswith(("HOME=", "PYTHONPATH="))])
        self.assertIn("GANETI_OP_CODE=OP_INSTANCE_CREATE", self.seen("node1", "config-update-post"))

        refused = self.cluster.run("gnt-instance", "startup", "web1.example", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("node: node2, script: 20-refuse, output: it is tagged keep", refused.stdout + refused.stderr)
        self.cluster.run("gnt-instance", "remove-tags", "web1.example", "keep")
        self.cluster.run("gnt-instance", "startup", "web1.example")
