"""Clusters of real processes, for tests."""

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
from ganeti_tw.daemon import vhosts, vprocess
from ganeti_tw.errors import GanetiError
from ganeti_tw.model.paths import Paths

ROOT = Path(__file__).resolve().parents[2]
ENDED = ("success", "error", "canceled")
NOOP = {"OP_ID": "OP_TEST_DELAY", "duration": 0, "reason": []}


class Hosts:
    """Hosts with a process each: commands are run on them, and looked at what they say.

    ``names`` are theirs, ``directory`` has the file system of each under its name.
    """

    names: list[str]
    directory: Path

    def on(self, host: str, argv: list[str]) -> list[str]:
        """The command line that runs another one on a host."""
        return argv

    def environ_of(self, host: str) -> dict[str, str]:
        """What commands on a host have in their environment."""
        return own_environ()

    def start(self, *hosts: str) -> None:
        """Start the processes of these, or of all."""
        raise NotImplementedError

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
            self.on(host, argv),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environ_of(host),
            cwd="/",
            stdin=subprocess.DEVNULL,
        )

    def _done(self, argv: list[str], host: str, check: bool) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.on(host, argv),
            capture_output=True,
            text=True,
            timeout=120,
            env=self.environ_of(host),
            cwd="/",
            stdin=subprocess.DEVNULL,
        )
        if check and done.returncode:
            raise RuntimeError(f"{argv}: {done.stdout}{done.stderr}")
        return done

    def token(self, host: str) -> str:
        return self.run("gnt-node", "token", host=host).stdout.strip()

    def client(self, host: str = "node1") -> Client:
        return Client(self.paths(host).socket, timeout=60)

    def paths(self, host: str) -> Paths:
        return Paths(str(self.directory / host))

    def pid(self, host: str) -> int:
        return int(Path(self.paths(host).pid).read_text())

    def kill(self, host: str) -> None:
        os.kill(self.pid(host), signal.SIGKILL)

    def state(self, host: str) -> dict[str, Any]:
        with self.client(host) as client:
            state: dict[str, Any] = client.call("host_state")
            return state

    def do(self, op: dict[str, Any], host: str = "node1") -> str:
        """Submit an operation on a host, and wait for the job's end: its status."""
        with self.client(host) as client:
            asked: dict[str, Any] = {"fields": ["status"], "previous": None, "timeout": 20}
            asked["id"] = client.call("submit", {"ops": [op]})
            while True:
                answer = client.call("wait", asked)
                if answer == "nochange":
                    raise AssertionError(f"job {asked['id']} does not end")
                asked["previous"], _ = answer
                if asked["previous"][0] in ENDED:
                    return str(asked["previous"][0])

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


class RealCluster(Hosts):
    """``hosts`` virtual hosts on loopback addresses; :meth:`form` makes a cluster of them."""

    def __init__(self, hosts: int) -> None:
        self.top = Path(tempfile.mkdtemp(prefix="rc", dir="/tmp"))
        self.directory = self.top / "c"
        self.names = [f"node{i}" for i in range(1, hosts + 1)]
        self.vcluster("create", "--hosts", str(hosts))
        try:
            self.vcluster("start")
        except BaseException:
            for host in vhosts.find(self.directory).hosts:  # of those that have only begun nobody knows a process yet
                vprocess.kill_all(host)
            self.destroy()
            raise

    def destroy(self) -> None:
        self.vcluster("destroy")
        shutil.rmtree(self.top)

    def vcluster(self, command: str, *words: str) -> str:
        argv = [sys.executable, "-m", "ganeti_tw.daemon.vcluster", command, str(self.directory), *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, env=own_environ(), cwd="/")
        if done.returncode:
            raise RuntimeError(f"ganeti-vcluster {command}: {done.stdout}{done.stderr}")
        return done.stdout

    def environ_of(self, host: str) -> dict[str, str]:
        return {**own_environ(), "GANETI_ROOTDIR": str(self.directory / host)}

    def start(self, *hosts: str) -> None:
        self.vcluster("start", *hosts)

    def form(self, templates: str = "diskless,file") -> None:
        """Make a cluster with all hosts as master candidates."""
        enabled = f"--enabled-disk-templates={templates}"
        self.run("gnt-cluster", "init", "--enabled-hypervisors=fake", enabled, "cluster")
        for name in self.names[1:]:
            self.run("gnt-node", "add", "--token", self.token(name), name)

    def address(self, host: str) -> str:
        lines = self.vcluster("status", "--no-headers", "--separator=|").splitlines()
        return next(line.split("|")[1] for line in lines if line.startswith(f"{host}|"))


def own_environ() -> dict[str, str]:
    """The environment of commands, with this checkout."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GANETI_")}
    return {**kept, "PYTHONPATH": str(ROOT)}
