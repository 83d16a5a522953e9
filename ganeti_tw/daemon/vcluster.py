"""``ganeti-vcluster``: makes, starts, stops and removes hosts on one machine, without root."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

from ganeti_tw import __version__
from ganeti_tw.cli.client import Client
from ganeti_tw.cli.endings import in_words, piped
from ganeti_tw.daemon import vhosts, vprocess
from ganeti_tw.daemon.vhosts import MARKER, VirtualCluster, VirtualHost
from ganeti_tw.errors import GanetiError, NotFound

DEADLINES = {"start": 60.0, "stop": 10.0, "destroy": 10.0}  # seconds
STATUS_COLUMNS = ("Host", "Address", "PID", "State", "Role")


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="ganeti-vcluster",
        description="Hosts of a cluster on one machine: each has a directory, a loopback address and a process.",
        epilog="DIR may be left out inside the directory of a virtual cluster, or with GANETI_VCLUSTER set.",
    )
    p.add_argument("--version", action="version", version=f"%(prog)s (ganeti_tw) {__version__}")
    commands = p.add_subparsers(dest="command", metavar="COMMAND", required=True)
    make = commands.add_parser("create", help="make directories for new hosts; starts nothing")
    make.add_argument("directory", metavar="DIR", type=Path)
    make.add_argument("--hosts", type=int, default=3, metavar="N", help="how many (3)")
    make.add_argument("--base", default="", metavar="127.77.1.0", help="their network; a free one is chosen without")
    make.add_argument("--prefix", default="node", help="their names, to which a number is added (node)")
    make.add_argument("--cluster-name", default="cluster", metavar="NAME", help="name with an address too (cluster)")
    for name, text in (
        ("start", "start hosts and wait until they answer"),
        ("stop", "stop hosts; their guests run on"),
        ("status", "show which hosts run, and as what"),
        ("kill", "end a host's process as a power cut does; its guests run on"),
        ("destroy", "stop everything, end the guests, remove the directory"),
    ):
        sub = commands.add_parser(name, help=text)
        sub.add_argument("words", metavar="DIR|HOST", nargs="*", help="the directory, then hosts; all hosts without")
        if name in DEADLINES:
            sub.add_argument("--timeout", type=float, default=DEADLINES[name], metavar="SECONDS")
        if name == "start":
            sub.add_argument("--parallel", type=int, default=0, metavar="N", help="how many at a time")
        if name == "status":
            sub.add_argument("--no-headers", action="store_true")
            sub.add_argument("--separator", default=None)
    return p


def main() -> int:
    """Entry point of ``ganeti-vcluster``: 0 done, 1 not done, 2 wrong usage."""
    return piped(_run)


def _run() -> int:
    options = parser().parse_args()
    try:
        return COMMANDS[options.command](options)
    except BrokenPipeError:
        raise
    except GanetiError as e:
        print(f"ganeti-vcluster: {e}", file=sys.stderr)
        return 1
    except OSError as e:
        print(f"ganeti-vcluster: {in_words(e)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def say(line: str) -> None:
    print(line, flush=True)


def locate(words: Sequence[str], environ: Mapping[str, str], here: Path) -> tuple[VirtualCluster, list[str]]:
    """The cluster meant, and the words that are left: names of hosts."""
    if words and ("/" in words[0] or (Path(words[0]) / MARKER).exists()):
        return vhosts.find(Path(words[0])), list(words[1:])
    if environ.get("GANETI_VCLUSTER"):
        return vhosts.find(Path(environ["GANETI_VCLUSTER"])), list(words)
    for directory in (here, *here.parents):
        if (directory / MARKER).exists():
            return vhosts.find(directory), list(words)
    raise NotFound(f"there is no virtual cluster in {words[0] if words else here}: name its directory")


def selected(options: argparse.Namespace) -> tuple[VirtualCluster, tuple[VirtualHost, ...]]:
    cluster, names = locate(options.words, os.environ, Path.cwd())
    return cluster, cluster.select(names)


def ask_state(host: VirtualHost) -> Mapping[str, Any]:
    """What the host says of itself."""
    state: Mapping[str, Any] = Client(host.paths.socket, timeout=5).call("host_state")
    return state


def create(options: argparse.Namespace) -> int:
    cluster = vhosts.create(options.directory, options.hosts, options.base, options.prefix, options.cluster_name)
    for host in cluster.hosts:
        say(f"{host.name} {host.address}")
    say(f"{cluster.name} {cluster.address}")
    return 0


def start(options: argparse.Namespace) -> int:
    _, hosts = selected(options)
    parallel = options.parallel if options.parallel > 0 else 1 + (os.cpu_count() or 1)
    vprocess.Starter(ask_state, os.environ, parallel).start(hosts, options.timeout, say)
    return 0


def stop(options: argparse.Namespace) -> int:
    vprocess.stop(selected(options)[1], options.timeout, say)
    return 0


def kill(options: argparse.Namespace) -> int:
    cluster, hosts = selected(options)
    if len(hosts) == len(cluster.hosts) > 1:
        raise NotFound(f"name the host to kill, one of {', '.join(host.name for host in hosts)}")
    for host in hosts:
        say(f"{host.name}: process {vprocess.kill(host)} killed")
    return 0


def destroy(options: argparse.Namespace) -> int:
    cluster, hosts = selected(options)
    if len(hosts) < len(cluster.hosts):
        raise NotFound("destroy removes all hosts: name the directory alone")
    vprocess.stop(hosts, options.timeout, say)
    for host in hosts:
        _clean_hypervisor(host)
    guests = vprocess.kill_guests(cluster)
    if guests:
        say(f"{len(guests)} guests ended")
    vhosts.remove(cluster)
    say(f"{cluster.directory} is removed")
    return 0


def _clean_hypervisor(host: VirtualHost) -> None:
    """Let the hypervisor end what it has for this host; without libvirt-python it never had anything."""
    try:
        module = import_module("ganeti_tw.agent.hypervisor.libvirt_host")
    except ImportError:
        return
    module.cleanup(str(host.root))


def status(options: argparse.Namespace) -> int:
    _, hosts = selected(options)
    with ThreadPoolExecutor(min(16, len(hosts))) as pool:
        rows = list(pool.map(lambda host: status_row(host, ask_state), hosts))
    for line in table(rows, not options.no_headers, options.separator):
        say(line)
    return 0 if all(row[3] == "running" for row in rows) else 1


def status_row(host: VirtualHost, ask: Callable[[VirtualHost], Mapping[str, Any]]) -> tuple[str, ...]:
    """``running``, ``silent`` (a process that does not answer), ``crashed`` or ``stopped``."""
    pid = host.pid()
    if pid is None:
        return host.name, host.address, "-", "crashed" if host.crashed() else "stopped", "-"
    try:
        return host.name, host.address, str(pid), "running", str(ask(host)["role"])
    except (GanetiError, OSError):
        return host.name, host.address, str(pid), "silent", "-"


def table(rows: Sequence[Sequence[str]], headers: bool, separator: str | None) -> list[str]:
    """Lines: aligned columns, or fields between separators."""
    everything = [STATUS_COLUMNS, *rows] if headers else list(rows)
    if separator is not None:
        return [separator.join(row) for row in everything]
    widths = [max(len(row[i]) for row in everything) for i in range(len(STATUS_COLUMNS))]
    return [" ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in everything]


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "create": create,
    "start": start,
    "stop": stop,
    "status": status,
    "kill": kill,
    "destroy": destroy,
}


if __name__ == "__main__":
    sys.exit(main())
