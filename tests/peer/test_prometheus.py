"""A real Prometheus scrapes a cluster; its tools judge our figures, rules and dashboard.

``PROMETHEUS_BIN`` names the directory of ``prometheus`` and ``promtool`` when
they are not on the path; unpacking Debian's package ``prometheus`` with
``dpkg -x`` is enough.  ``PROMETHEUS_TABLE`` names a file that gets what the
dashboard's queries answered.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any
from unittest import TestCase

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "system"))

from real_cluster import RealCluster  # noqa: E402

SEARCH = os.pathsep.join(filter(None, (os.environ.get("PROMETHEUS_BIN"), os.environ.get("PATH"))))
PROMETHEUS, PROMTOOL = (shutil.which(name, path=SEARCH) for name in ("prometheus", "promtool"))
RULES = ROOT / "etc" / "prometheus" / "ganeti.rules.yml"
DASHBOARD = json.loads((ROOT / "etc" / "grafana" / "ganeti.json").read_text())

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (PROMETHEUS and PROMTOOL), reason="needs Debian's package prometheus, see PROMETHEUS_BIN"),
]


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def queries() -> list[tuple[str, str]]:
    """Title of the panel and query, the variables filled in."""
    return [
        (panel["title"], target["expr"].replace("$job", "ganeti").replace("$node", ".+"))
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", ())
    ]


class PrometheusTests(TestCase):
    cluster: RealCluster
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def setUpClass(cls) -> None:
        cls.directory = Path(tempfile.mkdtemp(prefix="prom"))
        cls.addClassCleanup(shutil.rmtree, cls.directory, True)
        cls.cluster = RealCluster(3)
        cls.addClassCleanup(cls.cluster.destroy)
        cls.cluster.form()
        cls.addresses = {name: cls.cluster.address(name) for name in cls.cluster.names}
        for host in cls.cluster.names:
            hosts = Path(cls.cluster.paths(host).hosts)
            hosts.write_text(hosts.read_text() + "".join(f"192.0.2.{i}\tweb{i}\n" for i in range(1, 4)))
        for i in range(1, 4):
            where = ("-t", "diskless", "-o", "tiny", "-n", f"node{i}", "--no-install", "--no-ip-check")
            cls.cluster.run("gnt-instance", "add", *where, f"web{i}")
            cls.cluster.run("gnt-instance", "startup", f"web{i}")
        # One is not as it should be: somebody pulled its plug behind Ganeti's back.
        os.unlink(Path(cls.cluster.paths("node3").run) / "fake-hypervisor" / "web3")
        cls.port = free_port()
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(RULES)],
            "scrape_configs": [
                {"job_name": "ganeti", "static_configs": [{"targets": [f"{a}:1815" for a in cls.addresses.values()]}]}
            ],
        }
        (cls.directory / "prometheus.yml").write_text(json.dumps(config))
        cls.log = open(cls.directory / "log", "wb")  # noqa: SIM115
        cls.addClassCleanup(cls.log.close)
        assert PROMETHEUS
        cls.process = subprocess.Popen(
            [
                PROMETHEUS,
                f"--config.file={cls.directory}/prometheus.yml",
                f"--storage.tsdb.path={cls.directory}/data",
                f"--web.listen-address=127.0.0.1:{cls.port}",
            ],
            stdout=cls.log,
            stderr=cls.log,
        )
        cls.addClassCleanup(cls.end)
        cls.until(lambda: len(cls.query("up == 1")) == 3)
        for _ in range(3):
            cls.cluster.run("gnt-debug", "delay", "0.1")
            time.sleep(3)
        # The report of the instance that is down is made within the interval of 5 s.
        cls.until(lambda: cls.query("ganeti_instance_status == 4") != [])

    @classmethod
    def end(cls) -> None:
        if cls.process is not None:
            cls.process.terminate()
            cls.process.wait(30)

    @classmethod
    def until(cls, true: Any, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                raise AssertionError((cls.directory / "log").read_text()[-2000:])
            time.sleep(0.3)

    @classmethod
    def api(cls, path: str, **arguments: str) -> Any:
        url = f"http://127.0.0.1:{cls.port}/api/v1/{path}?{urllib.parse.urlencode(arguments)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    @classmethod
    def query(cls, expr: str) -> list[Any]:
        try:
            return cls.api("query", query=expr)["result"]  # type: ignore[no-any-return]
        except OSError:
            return []

    def fetch(self, accept: str) -> bytes:
        request = urllib.request.Request(f"http://{self.addresses['node1']}:1815/metrics", headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read()  # type: ignore[no-any-return]

    def test_all_targets_are_scraped_without_complaint(self) -> None:
        targets = self.api("targets")["activeTargets"]
        self.assertEqual([(t["health"], t["lastError"]) for t in targets], [("up", "")] * 3)

    def test_promtool_has_nothing_to_say_of_the_figures(self) -> None:
        assert PROMTOOL
        done = subprocess.run([PROMTOOL, "check", "metrics"], input=self.fetch("text/plain"), capture_output=True)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, b""))

    def test_the_rules_are_good_and_evaluated(self) -> None:
        assert PROMTOOL
        done = subprocess.run([PROMTOOL, "check", "rules", str(RULES)], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        example = subprocess.run(
            [PROMTOOL, "check", "config", str(RULES.parent / "prometheus.yml")], capture_output=True, text=True
        )
        self.assertEqual(example.returncode, 0, example.stderr)
        (group,) = self.api("rules")["groups"]
        self.assertEqual({rule["health"] for rule in group["rules"]}, {"ok"})
        states = {rule["name"]: rule["state"] for rule in group["rules"]}
        self.assertEqual({n for n, s in states.items() if s != "inactive"}, {"GanetiInstanceWrongState"})

    def test_every_metric_in_rules_and_dashboard_exists(self) -> None:
        known = set(self.api("label/__name__/values"))
        text = RULES.read_text() + " ".join(expr for _, expr in queries())
        used = set(re.findall(r"\b(?:ganeti|process)_[a-z0-9_]+\b", text))
        absent = {name for name in used if name not in known and not name.startswith("ganeti_drbd_")}
        self.assertEqual(absent, set())

    def test_the_queries_of_the_dashboard_answer(self) -> None:
        # Without DRBD, faults and load these have nothing to show.
        may_be_empty = {"DRBD resync", "DRBD out of sync", "Messages that wait"}
        lines = []
        for title, expr in queries():
            result = self.query(expr.replace("[5m]", "[30s]").replace("[15m]", "[30s]"))
            if title not in may_be_empty:
                self.assertTrue(result, f"{title}: {expr}")
            for sample in result[:4]:
                labels = {k: v for k, v in sample["metric"].items() if k not in ("__name__", "job")}
                lines.append(f"{title:<40} {float(sample['value'][1]):>16.6g}  {labels or ''}")
        if where := os.environ.get("PROMETHEUS_TABLE"):
            Path(where).write_text("\n".join(lines) + "\n")

    def test_the_values_are_those_of_the_cluster(self) -> None:
        self.assertEqual(self.query('sum(ganeti_role{role="master"})')[0]["value"][1], "1")
        wrong = self.query("ganeti_instance_status == 4")
        self.assertEqual([s["metric"]["instance_name"] for s in wrong], ["web3"])
        self.assertEqual(self.query("sum(ganeti_hypervisor_running_instances)")[0]["value"][1], "2")
        delays = self.query('ganeti_job_run_seconds_count{operation="OP_TEST_DELAY"}')
        self.assertEqual(delays[0]["value"][1], "3")
