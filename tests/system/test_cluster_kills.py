"""A few rounds of ``ganeti-kills``: real processes die under load, and all that clients were told is there."""

from __future__ import annotations

import io
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import TestCase

from ganeti_tw.daemon import vhosts, vprocess
from ganeti_tw.errors import NotFound
from ganeti_tw.testing.kills.main import main
from real_cluster import own_environ


class KillsTests(TestCase):
    def test_nothing_that_was_acknowledged_is_lost(self) -> None:
        directory, out = Path(tempfile.mkdtemp(prefix="rc", dir="/tmp")) / "k", io.StringIO()
        argv = ["--rounds", "4", "--hosts", "3", "--clients", "3", "--seed", "10", "--directory", str(directory)]
        code = main(argv, out)
        if code:  # the hosts run on, to be looked at; their files do for that
            vprocess.stop(vhosts.find(directory / "c").hosts, 10, print)
        self.assertEqual(code, 0, out.getvalue())
        shutil.rmtree(directory.parent)
        masters = re.search(r"4 rounds in .* s: 4 kills, (\d+) of them of the master", out.getvalue())
        jobs = re.search(r"^(\d+) jobs acknowledged, (\d+) changes", out.getvalue(), re.MULTILINE)
        assert masters and jobs, out.getvalue()
        self.assertGreaterEqual(int(masters[1]), 1)
        self.assertGreaterEqual(int(jobs[2]), 50)

    def test_told_to_end_it_leaves_nothing_behind(self) -> None:
        top = Path(tempfile.mkdtemp(prefix="rc", dir="/tmp"))
        argv = [sys.executable, "-m", "ganeti_tw.testing.kills.main", "--hosts", "3", "--directory", str(top / "k")]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=own_environ(), cwd="/") as process:
            hosts = started(top / "k" / "c")
            process.send_signal(signal.SIGTERM)
            out, _ = process.communicate(timeout=60)
        left = [pid for host in hosts for pid in host.processes()]
        self.assertEqual((process.returncode, left), (128 + signal.SIGTERM, []), out)
        self.assertIn("SIGTERM: ending the hosts\n", out)
        self.assertIn("SIGTERM in round 1: no host runs any more\n", out)
        self.assertEqual(list(top.iterdir()), [])
        top.rmdir()


def started(directory: Path) -> tuple[vhosts.VirtualHost, ...]:
    """The hosts of a virtual cluster, once all have begun to start."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            hosts = vhosts.find(directory).hosts
            if all(host.processes() for host in hosts):
                return hosts
        except NotFound:
            pass
        time.sleep(0.05)
    raise AssertionError("no hosts in 30 s")
