"""A cluster of real processes on loopback addresses, for tests."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ganeti_tw.cli.client import Client
from ganeti_tw.errors import GanetiError
from ganeti_tw.model.paths import Paths

ROOT = Path(__file__).resolve().parents[2]
ENDED = ("success", "error", "canceled")
NOOP = {"OP_ID": "OP_TEST_DELAY", "duration": 0, "reason": []}


class RealCluster:
    """``hosts`` virtual hosts; :meth:`form` makes a cluster of them."""

    def __init__(self, hosts: int) -> None:
        self.top = Path(tempfile.mkdtemp(prefix="rc", dir="/tmp"))
        self.directory = self.top / "c"
        self.names = [f"node{i}" for i in range(1, hosts + 1)]
        self.vcluster("create", "--hosts", str(hosts))
        self.vcluster("start")

    def destroy(self) -> None:
        self.vcluster("destroy")
        shutil.rmtree(self.top)

    def vcluster(self, command: str, *words: str) -> str:
        argv = [sys.executable, "-m", "ganeti_tw.daemon.vcluster", command, str(self.directory), *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, env=self._environ(), cwd="/")
        if done.returncode:
            raise RuntimeError(f"ganeti-vcluster {command}: {done.stdout}{done.stderr}")
        return done.stdout

    def run(
        self, program: str, *words: str, host: str = "node1", check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """A command, on a host."""
        function = program.replace("-", "_")
        code = f"import sys; from ganeti_tw.cli import main; sys.argv[0] = {program!r}; sys.exit(main.{function}())"
        return self._done([sys.executable, "-c", code, *words], host, check)

    def htool(
        self, tool: str, *words: str, host: str = "node1", check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """One of the htools, on a host."""
        return self._done([sys.executable, "-m", "ganeti_tw.cli.htools", tool, *words], host, check)

    def begin_htool(self, tool: str, *words: str, host: str = "node1") -> subprocess.Popen[str]:
        """One of the htools that goes on, its output behind a pipe."""
        argv = [sys.executable, "-m", "ganeti_tw.cli.htools", tool, *words]
        return subprocess.Popen(
            argv,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environ_of(host),
            cwd="/",
            stdin=subprocess.DEVNULL,
        )

    def _done(self, argv: list[str], host: str, check: bool) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            timeout=120,
            env=self._environ_of(host),
            cwd="/",
            stdin=subprocess.DEVNULL,
        )
        if check and done.returncode:
            raise RuntimeError(f"{argv}: {done.stdout}{done.stderr}")
        return done

    def _environ_of(self, host: str) -> dict[str, str]:
        return {**self._environ(), "GANETI_ROOTDIR": str(self.directory / host)}

    def _environ(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("GANETI_")}
        return {**kept, "PYTHONPATH": str(ROOT)}

    def form(self, templates: str = "diskless,file") -> None:
        """Make a cluster with all hosts as master candidates."""
        enabled = f"--enabled-disk-templates={templates}"
        self.run("gnt-cluster", "init", "--enabled-hypervisors=fake", enabled, "cluster")
        for name in self.names[1:]:
            self.run("gnt-node", "add", "--token", self.token(name), name)

    def token(self, host: str) -> str:
        return self.run("gnt-node", "token", host=host).stdout.strip()

    def client(self, host: str = "node1") -> Client:
        return Client(self.paths(host).socket, timeout=60)

    def paths(self, host: str) -> Paths:
        return Paths(str(self.directory / host))

    def pid(self, host: str) -> int:
        return int(Path(self.paths(host).pid).read_text())

    def address(self, host: str) -> str:
        lines = self.vcluster("status", "--no-headers", "--separator=|").splitlines()
        return next(line.split("|")[1] for line in lines if line.startswith(f"{host}|"))

    def kill(self, host: str) -> None:
        os.kill(self.pid(host), signal.SIGKILL)

    def start(self, *hosts: str) -> None:
        self.vcluster("start", *hosts)

    def state(self, host: str) -> dict[str, Any]:
        with self.client(host) as client:
            state: dict[str, Any] = client.call("host_state")
            return state

    def statuses(self) -> dict[int, str]:
        """Status of every job."""
        with self.client() as client:
            rows = client.call("query", {"what": "job", "fields": ["id", "status"], "filter": None})["data"]
        return {row[0][1]: row[1][1] for row in rows}

    def until(self, true: Callable[[], bool], seconds: float = 30) -> None:
        """Wait for something that takes a moment; AssertionError when it does not come."""
        end = time.monotonic() + seconds
        while True:
            try:
                if true():
                    return
            except GanetiError:
                pass
            if time.monotonic() > end:
                raise AssertionError(f"did not become true in {seconds} s")
            time.sleep(0.05)
