"""A master that was succeeded while it was dead or cut off: it is refused, and has the address no more."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from unittest import TestCase

from ganeti_tw.errors import GanetiError
from real_cluster import RealCluster

SCRIPT = '#!/bin/sh\necho "$1 $MASTER_IP" >> "$GANETI_ROOTDIR/address.log"\n'


def tag(name: str) -> dict[str, object]:
    return {"OP_ID": "OP_TAGS_SET", "kind": "cluster", "tags": [name], "reason": []}


class DeposedTests(TestCase):
    cluster: RealCluster

    @classmethod
    def setUpClass(cls) -> None:
        cls.cluster = RealCluster(3)
        cls.addClassCleanup(cls.cluster.destroy)
        cls.cluster.form()
        for name in cls.cluster.names:
            script = Path(cls.cluster.paths(name).external_master_ip_script)
            script.parent.mkdir(parents=True, exist_ok=True)
            script.write_text(SCRIPT)
            script.chmod(0o755)
        cls.cluster.run("gnt-cluster", "modify", "--use-external-mip-script=yes")

    def address(self, host: str) -> str:
        """``start`` when the host has it, ``stop`` when it took it off, nothing while neither was asked for."""
        log = self.cluster.directory / host / "address.log"
        return log.read_text().split()[-2] if log.exists() else ""

    def role(self, host: str) -> str:
        role: str = self.cluster.state(host)["role"]
        return role

    def level(self) -> bool:
        return len({self.cluster.state(n)["position"] for n in self.cluster.names}) == 1

    def test_one_that_was_cut_off(self) -> None:
        old, new, _ = self.cluster.names
        self.cluster.until(lambda: self.address(old) == "start")
        self.cluster.until(self.level)
        with self.cluster.client(old) as client:
            client.call("host_state")
            os.kill(self.cluster.pid(old), signal.SIGSTOP)
            late = client.send("submit", {"ops": [tag("late")]})
            self.cluster.run("gnt-cluster", "master-failover", host=new)
            self.cluster.run("gnt-cluster", "add-tags", "of-the-successor", host=new)
            os.kill(self.cluster.pid(old), signal.SIGCONT)
            with self.assertRaises(GanetiError):
                client.receive(late)
        self.cluster.until(lambda: self.role(old) == "candidate")
        self.cluster.until(lambda: self.address(old) == "stop")
        self.assertEqual(self.address(new), "start")
        self.assertEqual(self.cluster.run("gnt-cluster", "list-tags", host=new).stdout, "of-the-successor\n")
        refused = self.cluster.run("gnt-cluster", "add-tags", "x", host=old, check=False)
        self.assertIn(f"{new} is: run the command there", refused.stderr)
        self.cluster.until(self.level)
        self.cluster.run("gnt-cluster", "remove-tags", "of-the-successor", host=new)
        self.cluster.run("gnt-cluster", "master-failover", host=old)

    def test_one_that_was_killed(self) -> None:
        old, _, new = self.cluster.names
        self.cluster.until(lambda: self.role(old) == "master" and self.address(old) == "start")
        self.cluster.until(self.level)
        self.cluster.kill(old)
        self.cluster.run("gnt-cluster", "master-failover", host=new)
        self.cluster.until(lambda: self.address(new) == "start")
        self.assertEqual(self.address(old), "start")  # it died with it
        self.cluster.start(old)
        self.cluster.until(lambda: self.address(old) == "stop")
        self.cluster.until(lambda: self.role(old) == "candidate")
        self.assertEqual(self.address(new), "start")
        self.cluster.until(self.level)
        self.cluster.run("gnt-cluster", "master-failover", host=old)
