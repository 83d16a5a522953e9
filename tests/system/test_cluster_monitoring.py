"""mond of real processes: told by the cluster, on candidates and regular nodes, plain and with TLS."""

from __future__ import annotations

import json
import os
import ssl
import time
import urllib.request
from pathlib import Path
from typing import Any
from unittest import TestCase

from ganeti_tw.wire.certificates import new_key, self_signed
from real_cluster import RealCluster


class MonitoringTests(TestCase):
    cluster: RealCluster

    @classmethod
    def setUpClass(cls) -> None:
        cls.cluster = RealCluster(2)
        cls.addClassCleanup(cls.cluster.destroy)
        cls.cluster.form()
        for host in cls.cluster.names:
            with open(cls.cluster.paths(host).hosts, "a") as file:
                file.write("192.0.2.7\tweb1\n")
        cls.addresses = {name: cls.cluster.address(name) for name in cls.cluster.names}

    def get(self, host: str, path: str, scheme: str = "http", **more: Any) -> Any:
        with urllib.request.urlopen(f"{scheme}://{self.addresses[host]}:1815{path}", timeout=10, **more) as answer:
            return json.load(answer)

    def names(self, host: str) -> list[str]:
        return [row[0] for row in self.get(host, "/1/list/collectors")]

    def until(self, true: Any) -> None:
        self.cluster.until(true, 30)

    def test_the_cluster_switches_and_times_collectors_in_running_processes(self) -> None:
        pids = [self.cluster.pid(host) for host in self.cluster.names]
        self.assertIn("drbd", self.names("node2"))
        settings = ("--enabled-data-collectors", "drbd=false", "--data-collector-interval", "node-resources=0.5")
        self.cluster.run("gnt-cluster", "modify", *settings)
        for host in self.cluster.names:
            self.until(lambda host=host: "drbd" not in self.names(host))
        seen = set()
        for _ in range(30):
            seen.add(self.get("node2", "/1/report/default/node-resources")["timestamp"])
            time.sleep(0.1)
        self.assertGreater(len(seen), 4)
        self.assertEqual([self.cluster.pid(host) for host in self.cluster.names], pids)
        self.cluster.kill("node2")
        self.cluster.start("node2")
        self.assertNotIn("drbd", self.names("node2"))
        self.cluster.run("gnt-cluster", "modify", "--enabled-data-collectors", "drbd=true")
        self.until(lambda: "drbd" in self.names("node2"))

    def test_a_regular_node_knows_what_should_run(self) -> None:
        where = ("-t", "diskless", "-o", "tiny", "-n", "node2", "--no-install", "--no-ip-check", "web1")
        self.cluster.run("gnt-instance", "add", *where)
        self.cluster.run("gnt-instance", "startup", "web1")
        self.cluster.run("gnt-node", "modify", "--master-candidate=no", "node2")
        self.until(lambda: self.cluster.state("node2")["role"] == "node")
        os.unlink(Path(self.cluster.paths("node2").run) / "fake-hypervisor" / "web1")

        def found() -> Any:
            data = self.get("node2", "/1/report/instance/inst-status")["data"]
            return [(i["name"], i["adminState"], i["actualState"], i["status"]["code"]) for i in data["instances"]]

        self.until(lambda: found() == [("web1", "up", "shutdown", 4)])

    def test_with_a_certificate_it_speaks_https(self) -> None:
        paths = self.cluster.paths("node2")
        key = new_key()
        certificate = Path(paths.below("/etc/ganeti/mond.pem"))
        certificate.write_text(key + self_signed(key, "node2", time.time()))
        settings = Path(paths.settings)
        before = settings.read_text()
        settings.write_text(before + "\n[mond]\ncertificate = /etc/ganeti/mond.pem\n")
        try:
            self.cluster.vcluster("stop", "node2")
            self.cluster.start("node2")
            trust = ssl.create_default_context(cafile=str(certificate))
            trust.check_hostname = False
            self.assertEqual(self.get("node2", "/", "https", context=trust), [1])
            with self.assertRaises(OSError):
                self.get("node2", "/")
        finally:
            settings.write_text(before)
            self.cluster.vcluster("stop", "node2")
            self.cluster.start("node2")
