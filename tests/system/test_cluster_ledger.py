"""The ledger of real hosts: damage, backup, restoring, and the configuration of another cluster."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import TestCase

from ganeti_tw.errors import GanetiError
from real_cluster import NOOP, ROOT, RealCluster

SAMPLE = Path(__file__).parents[1] / "data" / "config.data.json"


class LedgerCase(TestCase):
    hosts = 1

    def setUp(self) -> None:
        self.cluster = RealCluster(self.hosts)
        self.addCleanup(self.cluster.destroy)

    def start_refused(self, host: str) -> str:
        """The process of a host does not stay; what it says."""
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "GANETI_HOSTNAME": host}
        environ["GANETI_ROOTDIR"] = str(self.cluster.directory / host)
        argv = [sys.executable, "-m", "twisted", "--log-format=text", "ganeti"]
        done = subprocess.run(argv, capture_output=True, text=True, env=environ, timeout=60, cwd="/", check=False)
        self.assertNotEqual(done.returncode, 0)
        return done.stdout + done.stderr

    def stop(self, host: str) -> None:
        self.cluster.vcluster("stop", host)

    def exported(self) -> Any:
        return json.loads(self.cluster.run("ganeti-ledger", "export", "--config-data").stdout)

    def content(self, data: Any) -> Any:
        """Without what a master writes when its reign begins: the certificates of candidates."""
        counted = ("serial_no", "mtime")
        cluster = {k: v for k, v in data["cluster"].items() if k not in (*counted, "candidate_certs")}
        return {**{k: v for k, v in data.items() if k not in counted}, "cluster": cluster}


class RestoreTests(LedgerCase):
    hosts = 2

    def test_a_master_whose_ledger_is_damaged_comes_back_from_a_backup(self) -> None:
        self.cluster.form()
        backup = str(self.cluster.top / "backup.db")
        self.addCleanup(os.unlink, backup)
        self.cluster.run("ganeti-ledger", "backup", backup)
        refused = self.cluster.run("ganeti-ledger", "restore", backup, check=False)
        self.assertIn("stop it first", refused.stderr)
        self.cluster.run("gnt-cluster", "add-tags", "lost")
        self.stop("node1")
        ledger = self.cluster.paths("node1").ledger
        with open(ledger, "r+b") as file:
            file.seek(os.path.getsize(ledger) // 2)
            file.write(b"\xff" * 4096)
        said = self.start_refused("node1")
        for needle in ("cannot start", ledger, "ganeti-ledger check", "ganeti-ledger restore", "another candidate"):
            self.assertIn(needle, said)
        self.assertEqual(self.cluster.run("ganeti-ledger", "check", check=False).returncode, 1)
        self.assertIn("Lost: changes", self.cluster.run("ganeti-ledger", "restore", backup).stdout)
        self.cluster.start("node1")
        self.assertEqual(self.cluster.run("gnt-cluster", "list-tags").stdout, "")
        with self.cluster.client() as client:
            client.call("submit", {"ops": [NOOP]})
        # The other candidate, which had more, takes the restored history.
        self.cluster.until(lambda: self.cluster.state("node2")["position"] == self.cluster.state("node1")["position"])
        self.cluster.run("gnt-cluster", "add-tags", "new")
        self.stop("node2")
        self.assertIn("nothing is wrong", self.cluster.run("ganeti-ledger", "check", host="node2").stdout)

    def test_a_candidate_without_its_journal_says_so_and_takes_a_copy(self) -> None:
        self.cluster.form()
        self.cluster.until(lambda: self.cluster.state("node2")["role"] == "candidate")
        self.cluster.kill("node2")
        ledger = Path(self.cluster.paths("node2").ledger)
        ledger.with_name("ledger.db-wal").unlink()
        said = self.start_refused("node2")
        self.assertIn("was on its disk: its journal", said)
        self.assertIn("the master sends a copy", said)
        for path in ledger.parent.glob("ledger.db*"):
            path.unlink()
        self.cluster.start("node2")
        self.cluster.until(lambda: self.cluster.state("node2")["position"] == self.cluster.state("node1")["position"])


class LostHostTests(LedgerCase):
    def test_a_backup_of_the_ledger_alone_is_enough(self) -> None:
        self.cluster.form()
        self.cluster.run("gnt-cluster", "add-tags", "saved")
        backup = self.cluster.top / "backup.db"
        self.addCleanup(lambda: [path.unlink() for path in self.cluster.top.glob("*") if path.is_file()])
        self.cluster.run("ganeti-ledger", "backup", str(backup))
        self.stop("node1")
        data = Path(self.cluster.paths("node1").data)
        shutil.rmtree(data)
        data.mkdir(mode=0o700)
        refused = self.cluster.run("ganeti-ledger", "restore", str(backup), check=False)
        self.assertEqual(refused.returncode, 1)
        needles = ("host.json", "hmac.key", "tls/", "master-failover", "gnt-node add --readd", "gnt-cluster import")
        for needle in needles:
            self.assertIn(needle, refused.stderr)
        config = str(self.cluster.top / "config.data")
        self.cluster.run("ganeti-ledger", "export", "--config-data", "-o", config, str(backup))
        self.cluster.start("node1")
        self.cluster.run("gnt-cluster", "import", config)
        self.assertEqual(self.cluster.run("gnt-cluster", "list-tags").stdout, "saved\n")


class ImportTests(LedgerCase):
    def test_the_configuration_of_a_ganeti_cluster(self) -> None:
        data = json.loads(SAMPLE.read_text())
        (node,) = data["nodes"].values()
        node["name"] = "node1"
        source = self.cluster.top / "config.data"
        source.write_text(json.dumps(data))
        self.addCleanup(source.unlink)
        refused = self.cluster.run("gnt-cluster", "import", str(source), check=False)
        self.assertIn("but listens on", refused.stderr)
        node["primary_ip"] = node["secondary_ip"] = self.cluster.address("node1")
        source.write_text(json.dumps(data))
        out = self.cluster.run("gnt-cluster", "import", str(source)).stdout
        self.assertIn("3 instance", out)
        self.assertEqual(self.content(self.exported()), self.content(data))
        self.assertEqual(self.cluster.run("gnt-cluster", "getmaster").stdout, "node1\n")
        names = self.cluster.run("gnt-instance", "list", "--no-headers", "-o", "name").stdout.split()
        self.assertEqual(sorted(names), sorted(i["name"] for i in data["instances"].values()))
        again = self.cluster.run("gnt-cluster", "import", str(source), check=False)
        self.assertIn("already", again.stderr)
        self.cluster.kill("node1")
        self.cluster.start("node1")
        self.assertEqual(self.content(self.exported()), self.content(data))
        with self.assertRaises(GanetiError), self.cluster.client() as client:
            client.call("import_cluster", {"text": 5})
