"""The processes of virtual hosts, seen from outside; blocking, without Twisted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

import ganeti_tw
from ganeti_tw.daemon.vhosts import VirtualCluster, VirtualHost, is_alive
from ganeti_tw.errors import GanetiError, WrongState


def twistd(host: VirtualHost) -> list[str]:
    """The command of a host's process.  It stays in the foreground of a session of its own."""
    run = "import sys; sys.argv[0] = 'twistd'; from twisted.scripts.twistd import run; run()"
    paths = host.paths
    options = ["--nodaemon", "--pidfile", paths.pid, "--logger", "ganeti_tw.daemon.logs.observer"]
    return [sys.executable, "-P", "-c", run, *options, "ganeti"]


FRUGAL = {"MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": "131072"}
"""For the C library: threads share their memory, what is free goes back; ``etc/ganeti.service`` has the same."""


@frozen
class _Start:
    """A host's process that does not answer yet; ``end`` is when that is too late, by the monotonic clock."""

    host: VirtualHost
    process: subprocess.Popen[bytes]
    end: float
    logged: int  # bytes of the log that are from before


@frozen
class Starter:
    """Starts hosts, a few at a time, and waits until they answer.

    ``ask`` gives the state of the host behind a local socket or raises OSError
    or GanetiError; ``command`` gives the command line of a host's process.
    """

    ask: Callable[[VirtualHost], Mapping[str, Any]]
    environ: Mapping[str, str]
    parallel: int
    command: Callable[[VirtualHost], list[str]] = twistd

    def start(self, hosts: Iterable[VirtualHost], timeout: float, say: Callable[[str], None]) -> None:
        """Those that run already are left alone.  WrongState names the first that does not come up."""
        waiting = [host for host in hosts if host.pid() is None]
        starting: list[_Start] = []
        while waiting or starting:
            while waiting and len(starting) < self.parallel:
                host = waiting.pop(0)
                logged = _size(host.paths.log_file)
                starting.append(_Start(host, self._spawn(host), time.monotonic() + timeout, logged))
            for start in list(starting):
                if self._answers(start, timeout):
                    starting.remove(start)
                    say(f"{start.host.name} is up at {start.host.address}, process {start.process.pid}")
            time.sleep(0.02)

    def _spawn(self, host: VirtualHost) -> subprocess.Popen[bytes]:
        for stale in (host.paths.pid, host.paths.socket):
            Path(stale).unlink(missing_ok=True)
        environ = {**FRUGAL, **host.environ(self.environ)}
        source = Path(ganeti_tw.__file__).parents[1]
        if (source / "setup.cfg").exists():  # a checkout, perhaps not installed
            environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(source), environ.get("PYTHONPATH")]))
        with open(_output(host), "wb") as output:
            return subprocess.Popen(
                self.command(host),
                cwd=host.root,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _answers(self, start: _Start, timeout: float) -> bool:
        host, process = start.host, start.process
        code = process.poll()
        if code is not None:
            raise WrongState(f"{host.name} ended with {code} while starting:\n{_last_words(start)}")
        if os.path.exists(host.paths.socket):
            try:
                self.ask(host)
                return True
            except (GanetiError, OSError):
                pass
        if time.monotonic() > start.end:
            process.kill()
            process.wait()
            raise WrongState(f"{host.name} gave no answer within {timeout:g} s:\n{_last_words(start)}")
        return False


def _output(host: VirtualHost) -> str:
    """What the process prints before its log is open."""
    return host.paths.log + "/start.log"


def _last_words(start: _Start) -> str:
    host, lines = start.host, []
    for path, since in ((_output(host), 0), (host.paths.log_file, start.logged)):
        try:
            said = Path(path).read_bytes()[since:]
        except OSError:
            continue
        lines += [f"    {line}" for line in said.decode(errors="replace").splitlines()[-15:]]
    return "\n".join(lines) or f"    see {host.paths.log}"


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def stop(hosts: Iterable[VirtualHost], timeout: float, say: Callable[[str], None]) -> None:
    """End the processes of hosts in order, after ``timeout`` seconds by force.  Guests run on."""
    running = [(host, pid) for host in hosts if (pid := host.pid()) is not None]
    for _, pid in running:
        _signal(pid, signal.SIGTERM)
    late = _wait_for_end(running, timeout)
    for host, pid in late:
        say(f"{host.name} did not stop within {timeout:g} s and is killed")
        _signal(pid, signal.SIGKILL)
    _wait_for_end(late, 10)
    for host, _ in running:
        Path(host.paths.pid).unlink(missing_ok=True)
        say(f"{host.name} is stopped")


def kill(host: VirtualHost) -> int:
    """End the process of a host as a power cut does; gives its number."""
    pid = host.pid()
    if pid is None:
        raise WrongState(f"{host.name} does not run")
    _signal(pid, signal.SIGKILL)
    _wait_for_end([(host, pid)], 10)
    return pid


def kill_all(host: VirtualHost) -> list[int]:
    """End every process of a host, commands that run on it included; gives their numbers."""
    killed: list[int] = []
    while found := [pid for pid in host.processes() if is_alive(pid)]:
        for pid in found:
            _signal(pid, signal.SIGKILL)
        _wait_for_end([(host, pid) for pid in found], 10)
        killed += found
    return killed


def _wait_for_end(running: list[tuple[VirtualHost, int]], timeout: float) -> list[tuple[VirtualHost, int]]:
    """Those that are still there after ``timeout`` seconds."""
    end = time.monotonic() + timeout
    while running and time.monotonic() < end:
        time.sleep(0.02)
        running = [(host, pid) for host, pid in running if is_alive(pid)]
    return running


def kill_guests(cluster: VirtualCluster) -> list[int]:
    """End every QEMU that was started with files of this cluster; gives their numbers."""
    place = os.fsencode(f"{cluster.directory}/")
    killed = []
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            words = (proc / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if os.path.basename(words[0]).startswith((b"qemu", b"kvm")) and any(place in word for word in words[1:]):
            _signal(int(proc.name), signal.SIGKILL)
            killed.append(int(proc.name))
    end = time.monotonic() + 10
    while any(map(is_alive, killed)) and time.monotonic() < end:
        time.sleep(0.02)
    return killed


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
