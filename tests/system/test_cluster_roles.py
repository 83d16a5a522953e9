"""Roles of nodes, commands and files on real processes."""

from __future__ import annotations

import os
from pathlib import Path
from unittest import TestCase

from real_cluster import RealCluster


class RoleTests(TestCase):
    cluster: RealCluster

    @classmethod
    def setUpClass(cls) -> None:
        cls.cluster = RealCluster(3)
        cls.addClassCleanup(cls.cluster.destroy)
        cls.cluster.form()

    def place(self, host: str, path: str) -> Path:
        return self.cluster.directory / host / path.lstrip("/")

    def ledger_files(self, host: str) -> list[str]:
        return sorted(path.name for path in Path(self.cluster.paths(host).data).glob("ledger*"))

    def test_demotion_drops_the_ledger_and_promotion_brings_it_back(self) -> None:
        ledger = self.place("node2", "/var/lib/ganeti/config.data")
        self.cluster.until(ledger.exists)
        self.cluster.run("gnt-node", "modify", "-C", "no", "node2")
        self.cluster.until(lambda: self.cluster.state("node2")["role"] == "node" and not ledger.exists())
        self.assertEqual(self.cluster.state("node2")["position"], 0)
        self.cluster.run("gnt-cluster", "add-tags", "demoted")
        self.assertFalse(ledger.exists())
        self.assertEqual(self.ledger_files("node2"), [])
        self.cluster.vcluster("stop", "node2")
        self.cluster.start("node2")
        self.assertEqual(self.ledger_files("node2"), [])
        self.cluster.run("gnt-node", "modify", "-C", "yes", "node2")
        self.cluster.until(lambda: self.cluster.state("node2")["position"] == self.cluster.state("node1")["position"])
        self.cluster.until(ledger.exists)
        self.cluster.until(lambda: self.cluster.state("node2")["role"] == "candidate")

    def test_an_offline_node_is_left_alone_and_comes_back(self) -> None:
        self.cluster.run("gnt-node", "modify", "-O", "yes", "--auto-promote", "node3")
        before = self.cluster.state("node3")["position"]
        self.cluster.run("gnt-cluster", "add-tags", "while-offline")
        self.assertEqual(self.cluster.state("node3")["position"], before)
        self.cluster.vcluster("kill", "node3")
        self.cluster.run("gnt-cluster", "add-tags", "while-dead")
        refused = self.cluster.run("gnt-node", "modify", "-f", "-O", "no", "node3", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("stays offline", refused.stderr)
        self.cluster.vcluster("start")
        self.cluster.run("gnt-node", "modify", "-f", "-O", "no", "node3")
        self.cluster.until(lambda: self.cluster.state("node3")["position"] == self.cluster.state("node1")["position"])
        self.cluster.until(lambda: self.cluster.state("node3")["role"] == "candidate")

    def test_commands_and_files_reach_the_hosts(self) -> None:
        done = self.cluster.run("gnt-cluster", "command", "-M", "echo $GANETI_HOSTNAME; false")
        self.assertEqual(done.stdout, "node2: node2\nnode3: node3\nnode1: node1\n")
        path = self.place("node1", "/etc/ganeti/notice")
        path.write_text("to all\n")
        os.chmod(path, 0o640)
        self.cluster.run("gnt-cluster", "copyfile", str(path))
        for host in ("node2", "node3"):
            copy = self.place(host, "/etc/ganeti/notice")
            self.assertEqual((copy.read_text(), copy.stat().st_mode & 0o777), ("to all\n", 0o640))

    def test_helpers_and_restricted_commands(self) -> None:
        helper = self.place("node1", "/etc/ganeti/oob")
        helper.write_text('#!/bin/sh\n[ "$1" = power-status ] && echo \'{"powered": true}\'\nexit 0\n')
        os.chmod(helper, 0o755)
        self.cluster.run("gnt-node", "modify", "--node-parameters", "oob_program=/etc/ganeti/oob", "node2")
        shown = self.cluster.run("gnt-node", "power", "--no-headers", "status", "node2").stdout
        self.assertEqual(shown, "node2 powered\n")
        directory = self.place("node2", "/etc/ganeti/restricted-commands")
        directory.mkdir(mode=0o755)
        (directory / "hello").write_text("#!/bin/sh\necho hello\n")
        os.chmod(directory / "hello", 0o755)
        self.assertEqual(
            self.cluster.run("gnt-node", "restricted-command", "-M", "hello", "node2").stdout, "node2: hello\n"
        )
        os.chmod(directory / "hello", 0o777)
        refused = self.cluster.run("gnt-node", "restricted-command", "-M", "hello", "node2", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertNotIn("mode", refused.stdout)
