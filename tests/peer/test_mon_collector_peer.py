"""Debian's ``mon-collector`` beside ours: both ask our confd, and both write the same report."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from debian_packages import missing, unpacked
from ganeti_tw.confd.actor import Confd
from ganeti_tw.kernel import ActorSystem, InlineBlocking
from ganeti_tw.model.config import Config
from ganeti_tw.model.config_data import rows_from_config_data

DATA = Path(__file__).resolve().parents[1] / "data"
SOURCE = Path(__file__).resolve().parents[2]
PACKAGES = ("ganeti-haskell-3.0", "libpcre3")
NODE, OTHER = "ref1.ref.example", "ref2.ref.example"
ADDRESS = "127.77.255.1"  # no virtual cluster has it: the port is given
KEY = "0123456789012345678901234567890123456789\n"
LVS = "uu;%s;-wi-ao----;-1;-1;254;0;4294967296B;1;;;vu;xenvg;linear;0B;0;4294967296B;;/dev/a:0-1;/dev/a(0)\n"
DISKSTATS = "   8       0 sda 89502 4833 4433387 89244 519115 62738 16059726 465120 0 149148 554564\n"
UPTIMES = """Name ID Uptime
Domain-0 0 98 days, 12:27:44
inst1.ref.example 7 1:02:03
inst3.ref.example 9 1 day, 10:11:12
"""
LIST = "Name ID Mem VCPUs State Time(s)\nDomain-0 0 1023 1 r----- 184000.4\n%s"
DOMAIN = """(domain
    (domid %d)
    (cpu_weight 256)
    (cpu_cap 0)
    (vcpus 1)
    (name %s)
    (on_reboot restart)
    (memory 128)
    (cpu_time TIME)
    (online_vcpus 1)
    (status 2)
    (state %s)
)
"""
DOMAINS = (("Domain-0", 0, "r-----"), ("inst1.ref.example", 7, "r-----"), ("inst3.ref.example", 9, "--p---"))
reactor: Any = global_reactor


def configuration() -> Config:
    """Of the sample: its instances under Xen, one on a logical volume and one mirrored by DRBD."""
    data = json.loads((DATA / "config.data.json").read_text())
    (node,) = data["nodes"].values()
    other = {**node, "uuid": node["uuid"][:-1] + "0", "name": OTHER, "primary_ip": "10.88.1.12"}
    data["nodes"][other["uuid"]] = {**other, "secondary_ip": "10.88.1.12"}
    by_name = {instance["name"].partition(".")[0]: instance for instance in data["instances"].values()}
    for instance in by_name.values():
        instance["hypervisor"] = "xen-pvm"
    disk = data["disks"][by_name["inst1"]["disks"][0]]
    disk |= {"dev_type": "plain", "logical_id": ["xenvg", "owned"]}
    disk = data["disks"][by_name["inst3"]["disks"][0]]
    disk |= {"dev_type": "drbd", "logical_id": [node["uuid"], other["uuid"], 11000, 5, 0, "secret"]}
    return Config.from_rows({(p.kind, p.key): p.value for p in rows_from_config_data(json.dumps(data).encode())})


def free_of_words(*reports: Any) -> None:
    """Leave of the texts of statuses only whether there is one."""
    for report in reports:
        data = report["data"]
        for status in (data["status"], *(instance["status"] for instance in data.get("instances", ()))):
            status["message"] = bool(status["message"])


class MonCollectorTests(TestCase):
    def setUp(self) -> None:
        self.peer = unpacked(*PACKAGES)
        (self.theirs,) = self.peer.glob("usr/lib/ganeti/*/usr/lib/ganeti/mon-collector")
        self.root = Path(mkdtemp(prefix="mc", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.root)
        data = self.root / "var/lib/ganeti"
        data.mkdir(parents=True)
        (data / "hmac.key").write_text(KEY)
        (data / "ssconf_master_candidates_ips").write_text(f"{ADDRESS}\n")
        reasons = self.root / "var/run/ganeti/instance-reason"
        reasons.mkdir(parents=True)
        for number in (1, 2, 3):
            trail = [["gnt:client:gnt-instance", "test", 1_700_000_000_000_000_000 + number]]
            (reasons / f"inst{number}.ref.example").write_text(json.dumps(trail))
        self.tools()
        tried = self.run_theirs("--version")
        if tried.returncode:
            raise missing(f"Ganeti's mon-collector does not run here: {tried.stderr.strip()}")
        config = configuration()
        system = ActorSystem(reactor)
        self.addCleanup(system.stop)
        made = Confd(
            address=ADDRESS,
            port=1814,
            reactor=reactor,
            key_file=str(data / "hmac.key"),
            config=lambda: config,
            blocking=InlineBlocking(),
            now=time.time,
            monotonic=time.monotonic,
        )
        system.spawn("confd", lambda: made)

    def tools(self) -> None:
        """Xen's, as both programs call them; a domain whose CPU time stands still counts as hung there."""
        long = "".join(DOMAIN % (number, name, state) for name, number, state in DOMAINS)
        short = LIST % "".join(f"{name} {number} 128 1 {state} 12.5\n" for name, number, state in DOMAINS[1:])
        (self.root / "bin").mkdir()
        for name, listed in (("xm", long), ("xl", short)):
            (self.root / f"{name}.list").write_text(listed)
            (self.root / f"{name}.uptime").write_text(UPTIMES)
            program = self.root / "bin" / name
            program.write_text(f'#!/bin/sh\nsed "s/TIME/$(date +%s.%N)/" "{self.root}/{name}.$1"\n')
            program.chmod(0o755)

    def environ(self) -> dict[str, str]:
        return {
            "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
            "LD_LIBRARY_PATH": ":".join(str(path.parent) for path in self.peer.glob("**/libpcre.so.3")),
            "GANETI_ROOTDIR": str(self.root),
            "GANETI_HOSTNAME": NODE,
        }

    def run_theirs(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """It takes the host's name from the kernel alone: in a namespace with another one."""
        user = [] if os.geteuid() == 0 else ["--map-root-user"]
        inside = ["sh", "-c", f'hostname {NODE} && exec "$@"', "sh", str(self.theirs), *argv]
        return subprocess.run(
            ["unshare", *user, "--uts", *inside], env=self.environ(), capture_output=True, text=True, timeout=60
        )

    def run_ours(self, *argv: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ganeti_tw.daemon.mon_collector", *argv],
            env={**self.environ(), "PYTHONPATH": str(SOURCE)},
            capture_output=True,
            text=True,
            timeout=60,
        )

    async def both(self, *argv: str) -> tuple[Any, Any]:
        """Their report and ours, without the time."""
        await deferLater(reactor, 0.01)
        reports = []
        for run in (self.run_theirs, self.run_ours):
            done = await deferToThread(run, *argv)
            self.assertEqual((done.returncode, done.stderr), (0, ""), f"{run.__name__} {argv}")
            report = json.loads(done.stdout)
            self.assertLess(abs(report.pop("timestamp") / 1e9 - time.time()), 60)
            reports.append(report)
        return reports[0], reports[1]

    def file(self, text: str) -> str:
        path = self.root / "input"
        path.write_text(text)
        return str(path)

    async def test_diskstats(self) -> None:
        theirs, ours = await self.both("diskstats", "--file", self.file(DISKSTATS))
        self.assertEqual(ours, theirs)

    async def test_drbd_and_whose_device_it_is(self) -> None:
        theirs, ours = await self.both("drbd", "--drbd-status", str(DATA / "drbd.txt"))
        self.assertEqual([d.get("instance") for d in theirs["data"]["deviceInfos"]], [None, None, "inst3.ref.example"])
        free_of_words(theirs, ours)
        self.assertEqual(ours, theirs)

    async def test_volumes_and_whose_they_are(self) -> None:
        theirs, ours = await self.both("lv", "--file", self.file(LVS % "owned" + LVS % "other"))
        self.assertEqual([volume["instance"] for volume in theirs["data"]], ["inst1.ref.example", None])
        self.assertEqual(ours, theirs)

    async def test_instances_under_xen(self) -> None:
        theirs, ours = await self.both("inst-status-xen")
        found = {i["name"]: (i["adminState"], i["actualState"], i["uptime"]) for i in theirs["data"]["instances"]}
        self.assertEqual(len(found), 3)
        self.assertEqual(found["inst1.ref.example"], ("up", "running", "1:02:03"))
        self.assertEqual(found["inst3.ref.example"], ("up", "paused", "1 day, 10:11:12"))
        theirs["data"]["instances"].sort(key=lambda instance: instance["name"])  # theirs are in no order
        free_of_words(theirs, ours)
        self.assertEqual(ours, theirs)
