"""What the benchmarks of htools share: both programs, their options, what was missed."""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

UUID = "11111111-2222-3333-4444-555555555555"


class Tools:
    """Runs a tool and tells the CPU seconds it took and what it printed."""

    def __init__(self, words: Sequence[str], environ: dict[str, str]) -> None:
        self._words = list(words)
        # An installed package is compiled already; the first run here compiles what is new.
        self._environ = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | environ

    def run(self, tool: str, *arguments: str) -> tuple[float, str]:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            [*self._words, *arguments],
            env={**self._environ, "HTOOLS": tool},
            capture_output=True,
            text=True,
            check=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, done.stdout


class Both(NamedTuple):
    """What was asked for, our htools, and Ganeti's where they are named."""

    wanted: argparse.Namespace
    ours: Tools
    peer: Tools | None

    def finish(self, missed: Iterable[str]) -> int:
        """Print what was missed; the exit code."""
        lines = list(missed)
        for line in lines:
            print("MISSED", line)
        return 1 if lines and self.wanted.check else 0


def yardstick() -> str:
    """What starting Python, and NumPy, takes just now."""
    seconds = []
    for words in ("pass", "import numpy"):
        python = Tools([sys.executable, "-c", words], {"OPENBLAS_NUM_THREADS": "1"})
        seconds.append(min(python.run("")[0] for _ in range(3)))
    return f"start of Python {seconds[0]:.3f} s, with NumPy {seconds[1]:.3f} s"


def both(description: str | None) -> Both:
    """From the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="exit with 1 when a goal is missed")
    parser.add_argument("--peer", help="Ganeti's htools binary")
    parser.add_argument("--peer-libraries", default="", help="where its shared libraries are, if not installed")
    parser.add_argument("--only", default="", help="the cases whose name contains this")
    parser.add_argument("--long", action="store_true", help="also the cases that take minutes")
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    root = str(Path(__file__).resolve().parents[1])
    ours = Tools([sys.executable, "-m", "ganeti_tw.cli.htools"], {"PYTHONPATH": root})
    peer = None
    if wanted.peer:
        libraries = {"LD_LIBRARY_PATH": wanted.peer_libraries} if wanted.peer_libraries else {}
        peer = Tools([os.path.abspath(wanted.peer)], {"LC_ALL": "C.UTF-8", **libraries})
    return Both(wanted, ours, peer)
