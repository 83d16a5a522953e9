"""A few rounds of ``ganeti-kills``: real processes die under load, and all that clients were told is there."""

from __future__ import annotations

import io
import re
import shutil
import tempfile
from pathlib import Path
from unittest import TestCase

from ganeti_tw.daemon import vhosts, vprocess
from ganeti_tw.testing.kills.main import main


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
