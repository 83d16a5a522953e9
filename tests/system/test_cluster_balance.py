"""The htools on a cluster of real processes."""

from __future__ import annotations

import json
import signal
from unittest import TestCase

from real_cluster import RealCluster

INSTANCES = [f"inst{i}" for i in range(1, 7)]


class BalanceTests(TestCase):
    def setUp(self) -> None:
        self.cluster = RealCluster(3)
        self.addCleanup(self.cluster.destroy)
        self.cluster.form("diskless,file,sharedfile")

    def add(self, *names: str, template: str = "sharedfile") -> None:
        """Instances on the first node."""
        path = self.cluster.top / "instances.json"
        made = [
            {
                "instance_name": name,
                "mode": "create",
                "disk_template": template,
                "disks": [{"size": 1024}] if template == "sharedfile" else [],
                "nics": [{"mode": "routed", "link": "main", "ip": f"192.0.2.{number}"}],
                "os_type": "tiny+default",
                "pnode": "node1",
                "name_check": False,
                "ip_check": False,
                "beparams": {"memory": 256},
            }
            for number, name in enumerate(names, start=1)
        ]
        path.write_text(json.dumps(made))
        self.cluster.run("gnt-instance", "batch-create", str(path))

    def places(self) -> dict[str, str]:
        lines = self.cluster.run(
            "gnt-instance", "list", "--no-headers", "--separator=|", "-o", "name,pnode,status"
        ).stdout
        rows = [line.split("|") for line in lines.splitlines()]
        self.assertEqual({status for _, _, status in rows}, {"running"}, rows)
        return {name: node for name, node, _ in rows}

    def interrupted(self, *words: str) -> tuple[int, str, str]:
        """Exit code and outputs of one of the htools that is interrupted when its first jobs run."""
        process = self.cluster.begin_htool(*words)
        assert process.stdout is not None
        seen = ""
        for line in process.stdout:
            seen += line
            if line.startswith("Got job IDs"):
                process.send_signal(signal.SIGINT)
                break
        rest, errors = process.communicate(timeout=60)
        return process.returncode, seen + rest, errors

    def test_instances_on_one_node_are_spread(self) -> None:
        self.add(*INSTANCES)
        got = self.cluster.htool("hbal", "-L", "-C", host="node2", check=False)
        self.assertEqual((got.returncode, got.stdout), (1, ""))
        self.assertIn("Error: failed to load data, aborting: node2 is not the master, node1 is", got.stderr)

        got = self.cluster.htool("hbal", "-L", "-C")
        self.assertIn("Solution length=4\n", got.stdout)
        self.assertIn("gnt-instance migrate -f -n node2 inst1\n", got.stdout)
        self.assertEqual(set(self.places().values()), {"node1"})

        # Interrupted after the first of four sets, what is left is done by the next run.
        code, out, errors = self.interrupted("hbal", "-L", "-X", "--reason=too full")
        self.assertEqual(code, 0, errors)
        self.assertIn("will exit at the end of the current job set...\nExiting early due to user request, ", out)
        moved = [node for node in self.places().values() if node != "node1"]
        self.assertIn(len(moved), (1, 2, 3))
        got = self.cluster.htool("hbal", "-L", "-X")
        self.assertIn(f"Solution length={4 - len(moved)}\n", got.stdout)
        self.assertEqual(sorted(self.places().values()), ["node1", "node1", "node2", "node2", "node3", "node3"])
        self.assertNotIn("Got job IDs", self.cluster.htool("hbal", "-L", "-X").stdout)
        reasons = self.cluster.run("gnt-job", "list", "--no-headers", "-o", "ops").stdout
        self.assertIn("too full", reasons)

        # The saved state gives the same answer elsewhere.
        got = self.cluster.htool("hscan", "-d", str(self.cluster.top))
        self.assertRegex(got.stdout, r"LOCAL +3 +6 +0 +0 ")
        got = self.cluster.htool("hbal", "-t", str(self.cluster.top / "LOCAL.data"))
        self.assertIn("Loaded 3 nodes, 6 instances\n", got.stdout)

        # The monitoring daemons have figures some seconds after their start.
        self.cluster.until(lambda: "monitoring" not in self.cluster.htool("hinfo", "-L", "--mond").stderr)

        # A node dies: nothing is decided before somebody says so; then its instances go elsewhere.
        self.cluster.kill("node3")
        got = self.cluster.htool("hbal", "-L", "-C", check=False)
        self.assertEqual((got.returncode, got.stdout), (1, ""))
        self.assertIn("node node3 does not tell mtotal", got.stderr)
        self.cluster.run("gnt-node", "modify", "--offline=yes", "--auto-promote", "node3")
        self.cluster.htool("hbal", "-L", "-E", "-X")
        self.assertEqual(set(self.places().values()), {"node1", "node2"})
        self.assertTrue(self.cluster.htool("harep", "-L").stdout.endswith("\nHealthy: 6\n"))
