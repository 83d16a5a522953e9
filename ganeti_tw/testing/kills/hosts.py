"""The cluster under test: virtual hosts, seen from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import ganeti_tw
from ganeti_tw.cli.client import Client
from ganeti_tw.daemon import vhosts, vprocess
from ganeti_tw.daemon.vcluster import ask_state
from ganeti_tw.daemon.vhosts import VirtualHost
from ganeti_tw.errors import GanetiError, WrongState

START, COMMAND = 90.0, 180.0  # seconds
PARALLEL = 3


def quiet(line: str) -> None:
    """For those who want something said to."""


class Hosts:
    """A virtual cluster in a directory, made if there is none."""

    def __init__(self, directory: Path, count: int) -> None:
        self.cluster = vhosts.create(directory, count)
        self.names = [host.name for host in self.cluster.hosts]
        self._starter = vprocess.Starter(ask_state, os.environ, PARALLEL)

    def form(self) -> None:
        """Make one cluster of all, each a master candidate."""
        self.start_all()
        first, *others = self.names
        options = ("--enabled-hypervisors=fake", "--enabled-disk-templates=diskless", "--candidate-pool-size=100")
        self.run(first, "gnt-cluster", "init", *options, self.cluster.name)
        for name in others:
            token = self.run(name, "gnt-node", "token").strip()
            self.run(first, "gnt-node", "add", "--token", token, name)

    def host(self, name: str) -> VirtualHost:
        return self.cluster.select([name])[0]

    def start_all(self) -> None:
        """Start those that do not run; WrongState when one does not come up."""
        self._starter.start(self.cluster.hosts, START, quiet)

    def kill(self, name: str) -> None:
        vprocess.kill_all(self.host(name))

    def stop(self) -> None:
        vprocess.stop(self.cluster.hosts, 10.0, quiet)

    def end(self) -> None:
        """All processes of all hosts at once, those too that have only begun."""
        for name in self.names:
            self.kill(name)

    def client(self, name: str) -> Client:
        return Client(self.host(name).paths.socket, timeout=20.0)

    def begin(self, name: str, program: str, *words: str) -> subprocess.Popen[str]:
        """A command on a host; nothing is read from it."""
        function = program.replace("-", "_")
        code = f"import sys; from ganeti_tw.cli import main; sys.argv[0] = {program!r}; sys.exit(main.{function}())"
        source = Path(ganeti_tw.__file__).parents[1]
        environ = {**self.host(name).environ(os.environ), "PYTHONPATH": str(source)}
        return subprocess.Popen(
            [sys.executable, "-P", "-c", code, *words],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, name: str, program: str, *words: str) -> str:
        """The output of a command on a host; WrongState when it fails."""
        with self.begin(name, program, *words) as process:
            out, err = process.communicate(timeout=COMMAND)
            if process.returncode:
                raise WrongState(f"{program} {' '.join(words)} on {name} ended with {process.returncode}: {out}{err}")
        return out

    def dump(self, name: str) -> Any:
        """The whole ledger of a host."""
        return json.loads(self.run(name, "ganeti-ledger", "export", "--json"))

    def states(self) -> dict[str, Mapping[str, Any]]:
        """What each host that answers says of itself."""
        found: dict[str, Mapping[str, Any]] = {}
        for host in self.cluster.hosts:
            try:
                found[host.name] = ask_state(host)
            except (GanetiError, OSError):
                continue
        return found

    def master(self) -> str:
        """Who acts as master, of two the one with the later epoch; empty without one."""
        acting = [(s["epoch"], name) for name, s in self.states().items() if s["role"] == "master"]
        return max(acting)[1] if acting else ""

    def is_level(self) -> bool:
        """Whether all hosts live, follow one master and have what it has."""
        states = self.states()
        same = all(len({s[key] for s in states.values()}) == 1 for key in ("master", "position", "epoch"))
        return len(states) == len(self.names) and same and any(s["role"] == "master" for s in states.values())

    def troubles(self) -> Iterable[str]:
        """Failures in the logs of hosts that nobody foresaw."""
        for host in self.cluster.hosts:
            for path in Path(host.paths.log).glob("*.log*"):
                for line in path.read_text(errors="replace").splitlines():
                    if " CRITICAL [" in line:
                        yield f"{path}: {line}"


def until(true: Callable[[], bool], seconds: float) -> bool:
    """Whether something came true within that time."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True
