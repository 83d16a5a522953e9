"""What the tools do without on small clusters, since starting them must not take long."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from unittest import TestCase

from runs import DATA

_HEAVY = ("numpy", "twisted", "attr", "asyncio", "ssl", "argparse", "decimal", "socket")
_RUNS = """
import io, sys
from ganeti_tw.cli.htools.entry import main
for words in (
    ["hbal"], ["hcheck"], ["hinfo"], ["hroller"], ["hsqueeze"],
    ["hspace"], ["hspace", "--disk-template=drbd"], ["hspace", "--disk-template=plain"],
):
    out = io.StringIO()
    status = main(words[0], [*words[1:], "-t", "three-nodes.data"], stdin=sys.stdin, stdout=out, stderr=sys.stderr)
    assert out.getvalue(), words
    assert status in (0, 1), words
print(*sorted(name for name in sys.modules if "." not in name))
"""


class StartTests(TestCase):
    def test_small_clusters_need_nothing_heavy(self) -> None:
        root = str(Path(__file__).resolve().parents[3])
        done = subprocess.run(
            [sys.executable, "-S", "-c", _RUNS],
            cwd=DATA,
            env={**os.environ, "PYTHONPATH": root},
            capture_output=True,
            text=True,
            check=True,
        )
        self.assertEqual(set(_HEAVY) & set(done.stdout.split()), set())
