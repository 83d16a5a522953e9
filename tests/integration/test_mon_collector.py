"""``mon-collector`` as a process, with Ganeti's options."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest import TestCase

from ganeti_tw.daemon.mon_collector import parse_xl_uptime
from ganeti_tw.errors import BadRequest

DATA = Path(__file__).resolve().parents[1] / "data"
CLI = json.loads((DATA / "reference" / "cli.json").read_text())
LINE = "uu;root;-wi-ao----;-1;-1;254;0;4294967296;1;;;vu;xenvg;linear;0;0;4294967296;;/dev/a:0-1;/dev/a(0)\n"


class MonCollectorTests(TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)

    def run_it(self, *argv: str) -> subprocess.CompletedProcess[str]:
        environ = {**os.environ, "GANETI_ROOTDIR": str(self.root), "GANETI_HOSTNAME": "n1"}
        argv = (sys.executable, "-m", "ganeti_tw.daemon.mon_collector", *argv)
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, env=environ)

    def report(self, *argv: str) -> Any:
        done = self.run_it(*argv)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout.count("\n"), 1)
        return json.loads(done.stdout)

    def file(self, name: str, text: str) -> str:
        (self.root / name).write_text(text)
        return str(self.root / name)

    def test_drbd_from_files(self) -> None:
        pairs = self.file("pairs", '[["n1", 0, "web1", "disk/0", "primary", "n2"]]')
        for status, pairing in (("-s", "-p"), ("--drbd-status", "--drbd-pairing")):
            report = self.report("drbd", status, str(DATA / "drbd.txt"), pairing, pairs)
            self.assertEqual(
                list(report), ["name", "version", "format_version", "timestamp", "category", "kind", "data"]
            )
            self.assertEqual([d.get("instance") for d in report["data"]["deviceInfos"]], ["web1", None, None])

    def test_lv_from_files(self) -> None:
        disks = [[{"name": "web1"}, [{"dev_type": "plain", "logical_id": ["xenvg", "root"]}]]]
        report = self.report("lv", "-f", self.file("lvs", LINE), "-i", self.file("i", json.dumps(disks)))
        self.assertEqual([(v["name"], v["instance"]) for v in report["data"]], [("root", "web1")])

    def test_diskstats_from_a_file(self) -> None:
        report = self.report("diskstats", "-f", self.file("d", "8 0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n"))
        self.assertEqual((report["data"][0]["name"], report["data"][0]["wIOmillis"]), ("sda", 11))

    def test_diskstats_of_this_host(self) -> None:
        self.assertEqual(self.report("diskstats")["kind"], 0)

    def test_errors_go_to_stderr_with_status_1(self) -> None:
        bad = self.file("bad", "x\n")
        for argv in (
            ("diskstats", "-f", bad),
            ("diskstats", "-f", "/no/such/file"),
            ("drbd", "-s", "/no/such/file", "-p", self.file("p", "[]")),
            ("drbd", "-s", bad, "-p", self.file("p", "[]")),
            ("drbd", "-p", bad),
            ("lv", "-f", bad, "-i", self.file("p", "[]")),
            ("lv", "-f", self.file("lvs", LINE), "-i", self.file("p", "[[1]]")),
            ("inst-status-xen",),
        ):
            done = self.run_it(*argv)
            self.assertEqual((done.returncode, done.stdout), (1, ""), argv)
            self.assertTrue(done.stderr.startswith("mon-collector: "), done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def test_uptimes_of_domains(self) -> None:
        text = "Name   ID Uptime\nDomain-0  0 21 days,  4:35:29\nweb1  3  2:03:04  \nweb2 4 1 day, 0:00:01\n"
        day = 86400.0
        wanted = {"Domain-0": 21 * day + 16529, "web1": 7384.0, "web2": day + 1}
        self.assertEqual(parse_xl_uptime(text), wanted)
        with self.assertRaisesRegex(BadRequest, "web1 3 for ever"):
            parse_xl_uptime("Name ID Uptime\nweb1 3 for ever\n")

    def test_without_confd_the_instances_are_left_out(self) -> None:
        done = self.run_it("drbd", "-s", str(DATA / "drbd.txt"))
        self.assertEqual((done.returncode, json.loads(done.stdout)["data"]["deviceInfos"][0]["instance"]), (0, None))
        self.assertIn("hmac.key", done.stderr)

    def test_the_options_are_ganetis(self) -> None:
        tables = CLI["other_programs"]
        names = {key.removeprefix("mon-collector "): table for key, table in tables.items() if key.startswith("mon-")}
        for name, table in names.items():
            if name == "mon-collector":
                continue
            text = self.run_it(name, "--help").stdout
            for option in table["options"]:
                for flag in option["flags"]:
                    self.assertIn(flag, text, name)
                if "metavar" in option:
                    self.assertIn(option["metavar"], text)

    def test_no_collector_or_one_there_is_not(self) -> None:
        for argv in ((), ("cpu-avg-load",)):
            self.assertNotEqual(self.run_it(*argv).returncode, 0)
