"""What a scrape of mond costs: latency, requests per second, CPU per request.

    python benchmarks/mond.py [--check] [--instances 10,300,1000] [--requests 400] [--peer URL]

Makes a virtual cluster with the fake hypervisor and so many instances on every
node, asks one regular scrape after the other on one connection, and removes the
cluster again.  ``--check`` exits 1 when a goal is missed.  ``--peer`` is the
URL of another mond, Ganeti's for instance, that is asked the same in the same
run; of its CPU time nothing is known from outside.
"""

from __future__ import annotations

import argparse
import http.client
import os
import statistics
import sys
import time
import urllib.parse
from pathlib import Path

from cluster import VirtualCluster, cluster

from ganeti_tw.model.paths import Paths
from ganeti_tw.testing.endings import run

PATHS = ("/1/report/all", "/1/report/instance/inst-status", "/metrics", "/")
GOAL_MS = 5.0  # of CPU: how long it takes by the clock depends on who else is at work
TICK = os.sysconf("SC_CLK_TCK")


class Figures:
    """Of many requests for one path."""

    def __init__(self, taken: list[float], cpu: float | None, size: int) -> None:
        self.p50 = statistics.median(taken) * 1000
        self.p99 = sorted(taken)[int(len(taken) * 0.99)] * 1000
        self.rate = len(taken) / sum(taken)
        self.cpu = cpu
        self.size = size

    def line(self) -> str:
        cpu = f"{self.cpu:9.2f}" if self.cpu is not None else "        -"
        return f"{self.p50:9.2f} {self.p99:9.2f} {cpu} {self.rate:9.0f} {self.size / 1024:9.1f}"


def cpu_seconds(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / TICK


def ask(address: str, port: int, path: str, requests: int, pid: int | None) -> Figures:
    """One request after the other, on one connection."""
    connection = http.client.HTTPConnection(address, port, timeout=30)
    taken, size = [], 0
    for _ in range(5):
        connection.request("GET", path)
        connection.getresponse().read()
    before = cpu_seconds(pid) if pid else 0.0
    for _ in range(requests):
        begin = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        size = len(answer.read())
        taken.append(time.perf_counter() - begin)
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status}")
    connection.close()
    cpu = (cpu_seconds(pid) - before) / requests * 1000 if pid else None
    return Figures(taken, cpu, size)


def resident_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no such process")


def address_of(made: VirtualCluster, host: str) -> str:
    text = Path(Paths(str(made.directory / host)).settings).read_text()
    return next(line.partition("=")[2].strip() for line in text.splitlines() if line.startswith("address"))


def measure(made: VirtualCluster, instances: int, requests: int) -> list[str]:
    """One table; what missed the goal."""
    made.populate(3 * instances)
    address = address_of(made, "node2")
    pid = int(Path(Paths(str(made.directory / "node2")).pid).read_text())
    time.sleep(6)  # every collector has run
    missed = []
    begin, before = time.monotonic(), cpu_seconds(pid)
    time.sleep(15)
    idle = (cpu_seconds(pid) - before) / (time.monotonic() - begin) * 100
    print(f"\n{instances} instances on the node; nobody asks: {idle:.1f} % CPU, {resident_mib(pid):.0f} MiB resident")
    print(f"{'':<34}{'p50 ms':>9} {'p99 ms':>9} {'CPU ms':>9} {'per s':>9} {'KiB':>9}")
    for path in PATHS:
        found = ask(address, 1815, path, requests, pid)
        print(f"{path:<34}{found.line()}", flush=True)
        if path == "/1/report/all" and found.cpu is not None and found.cpu > GOAL_MS:
            missed.append(f"{path} with {instances} instances")
    print(f"resident after that: {resident_mib(pid):.0f} MiB")
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--instances", default="10,300,1000")
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--peer", default="")
    options = parser.parse_args()
    missed = []
    with cluster() as made:
        for count in options.instances.split(","):
            missed += measure(made, int(count), options.requests)
    if options.peer:
        url = urllib.parse.urlsplit(options.peer)
        found = ask(url.hostname or "", url.port or 1815, "/1/report/all", max(5, options.requests // 20), None)
        print(f"\npeer, /1/report/all{'':<15}{found.line()}")
    if options.check and missed:
        print(f"missed: {', '.join(missed)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
