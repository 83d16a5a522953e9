"""A cluster of three hosts as its administrators feel it: jobs, tags, lists, memory.

    python benchmarks/cluster.py [--check] [--instances 1000] [--large 10000] [--peer COMMAND]

Makes a virtual cluster with the fake hypervisor in a temporary directory, two
in-sync candidates beside the master, and removes it again.  ``--check`` exits 1
when a goal is missed.  ``--peer`` is a command prefix that runs a command on the
master of another cluster, of Ganeti itself for instance; the same things are
then measured there in the same run and shown as ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ganeti_tw.cli.client import Client
from ganeti_tw.daemon import vhosts, vprocess
from ganeti_tw.errors import NotFound, NotMaster
from ganeti_tw.model.codec import row
from ganeti_tw.model.config import Config
from ganeti_tw.model.new import new_disk, new_instance, new_nic
from ganeti_tw.model.paths import Paths
from ganeti_tw.testing.endings import run, undisturbed

BIN = Path(sys.executable).parent
NOOP = {"OP_ID": "OP_TEST_DELAY", "duration": 0, "reason": []}


class VirtualCluster:
    """Three hosts, initialised and joined."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "c"

    def start(self) -> None:
        self.tool("create", "--hosts", "3")
        self.tool("start")
        self.run(
            "gnt-cluster", "init", "--enabled-hypervisors=fake", "--enabled-disk-templates=diskless,file", "cluster"
        )
        for node in ("node2", "node3"):
            token = self.run("gnt-node", "token", host=node).strip()
            self.run("gnt-node", "add", "--token", token, node)

    def tool(self, command: str, *arguments: str) -> None:
        subprocess.run(
            [BIN / "ganeti-vcluster", command, self.directory, *arguments], check=True, stdout=subprocess.DEVNULL
        )

    def run(self, program: str, *arguments: str, host: str = "node1") -> str:
        environ = {**os.environ, "GANETI_ROOTDIR": str(self.directory / host)}
        done = subprocess.run([BIN / program, *arguments], env=environ, check=True, capture_output=True, text=True)
        return done.stdout

    def client(self) -> Client:
        return Client(Paths(str(self.directory / "node1")).socket, timeout=120)

    def pid(self, host: str) -> int:
        """Of a host's process."""
        return int(Path(Paths(str(self.directory / host)).pid).read_text())

    def cpu_seconds(self, host: str) -> float:
        """Processor time that a host's process has had; it is the same on a busy machine."""
        fields = Path(f"/proc/{self.pid(host)}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_mib(self, host: str) -> float:
        """Resident memory of a host's process."""
        pid = self.pid(host)
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError(f"{host} has no memory")

    def populate(self, count: int) -> None:
        """Stop everything, write ``count`` diskless running instances into the ledger, start again."""
        self.tool("stop")
        asyncio.run(_inject(self.directory / "node1", count))
        self.fake_guests(count)
        self.tool("start")
        client = self.client()
        wait_for(lambda: done_once(client))
        time.sleep(3)  # the candidates take their snapshot

    def fake_guests(self, count: int) -> None:
        for host in range(1, 4):
            directory = self.directory / f"node{host}/var/run/ganeti/fake-hypervisor"
            directory.mkdir(parents=True, exist_ok=True)
            for i in range(count):
                if i % 3 + 1 == host:
                    (directory / f"inst{i}.example.com").write_text("0\n128\n1\n")


async def _inject(root: Path, count: int) -> None:
    """Rows of instances straight into the store of a stopped master."""
    from ganeti_tw.kernel import InlineBlocking
    from ganeti_tw.ledger.sqlite import SqliteStore
    from ganeti_tw.protocol.ledger import Change

    store = SqliteStore(Paths(str(root)).ledger, InlineBlocking())
    snapshot = await store.load()
    config = Config.from_rows(snapshot.rows)
    nodes = sorted(config.nodes.values(), key=lambda n: n.name)
    puts = []
    for i in range(count):
        name = f"inst{i}.example.com"
        if config.find_instance(name) is not None:
            continue
        node = nodes[i % 3].uuid
        disk = new_disk(
            "file",
            uuid=str(uuid.uuid4()),
            now=0.0,
            index=0,
            size=1024,
            logical_id=("loop", f"/srv/ganeti/file-storage/{name}/{i}.file.disk0"),
            nodes=(node,),
        )
        nic = new_nic(f"aa:00:00:{i >> 16 & 255:02x}:{i >> 8 & 255:02x}:{i & 255:02x}", uuid=str(uuid.uuid4()))
        instance = new_instance(
            name,
            uuid=str(uuid.uuid4()),
            now=0.0,
            primary_node=node,
            hypervisor="fake",
            os="noop",
            admin_state="up",
            nics=(nic,),
            disks=(disk.uuid,),
        )
        puts += [row(instance), row(disk)]
    for start in range(0, len(puts), 2000):
        serial = (await store.position()).serial + 1
        await store.append([Change(serial, snapshot.epoch, tuple(puts[start : start + 2000]))])
    await store.close()


def done_once(client: Client) -> bool:
    """Whether a job could be done; a master that has just started asks the others first."""
    try:
        return job(client, NOOP) == "success"
    except NotMaster:
        time.sleep(0.05)
        return False


def wait_for(done: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise RuntimeError("the cluster does not get ready")


def job(client: Client, op: dict[str, Any]) -> str:
    """Submit one job and wait for its end; its status."""
    number = client.call("submit", {"ops": [op]})
    previous = None
    while True:
        answer = client.call("wait", {"id": number, "fields": ["status"], "previous": previous, "timeout": 60})
        if answer == "nochange":
            continue
        previous = answer[0]
        if previous[0] in ("success", "error", "canceled"):
            return str(previous[0])


def milliseconds(do: Callable[[], Any], times: int) -> float:
    """Median of several runs, the first not counted."""
    do()
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        do()
        taken.append((time.perf_counter() - begin) * 1000)
    return statistics.median(taken)


def bulk(client: Client, count: int) -> float:
    """Jobs a second, submitted one by one through one connection and all followed to their end."""
    begin = time.perf_counter()
    tags = [client.send("submit", {"ops": [NOOP]}) for _ in range(count)]
    ids = [client.receive(tag) for tag in tags]
    pending = {n: client.send("wait", {"id": n, "fields": ["status"], "previous": None, "timeout": 60}) for n in ids}
    while pending:
        number, tag = pending.popitem()
        answer = client.receive(tag)
        if answer == "nochange" or answer[0][0] not in ("success", "error", "canceled"):
            previous = None if answer == "nochange" else answer[0]
            arguments = {"id": number, "fields": ["status"], "previous": previous, "timeout": 60}
            pending[number] = client.send("wait", arguments)
    return count / (time.perf_counter() - begin)


def kill_hosts(directory: Path) -> None:
    """Those too that have only begun to start, of which nobody knows a process yet."""
    with suppress(NotFound):
        for host in vhosts.find(directory).hosts:
            vprocess.kill_all(host)


@contextmanager
def cluster() -> Iterator[VirtualCluster]:
    directory = Path(tempfile.mkdtemp(prefix="gtwb"))
    made = VirtualCluster(directory)
    try:
        made.start()
        yield made
    finally:
        with undisturbed():
            kill_hosts(made.directory)
            shutil.rmtree(directory, ignore_errors=True)


class Report:
    """Lines of a table; remembers which goals were missed."""

    def __init__(self) -> None:
        self.missed: list[str] = []

    def line(self, what: str, value: float, unit: str, goal: float | None, more: bool = False) -> None:
        mark = ""
        if goal is not None:
            good = value >= goal if more else value <= goal
            mark = f"goal {'at least' if more else 'at most'} {goal:g} {unit}: {'met' if good else 'MISSED'}"
            if not good:
                self.missed.append(what)
        print(f"{what:<44} {value:>10.1f} {unit:<7} {mark}", flush=True)


def measure(made: VirtualCluster, report: Report, instances: int, large: int) -> dict[str, float]:
    """Everything about our own cluster; medians in milliseconds by name, for ratios."""
    client = made.client()
    found = {"job": milliseconds(lambda: job(client, NOOP), 30)}
    report.line("a no-op job alone", found["job"], "ms", 20)
    bulk(client, 100)
    rates = [bulk(client, 600) for _ in range(3)]
    report.line("no-op jobs in bulk through the socket", max(rates), "jobs/s", 300, more=True)
    client.close()
    made.populate(10)
    client = made.client()
    number = iter(range(1_000_000))

    def tag() -> None:
        job(client, {"OP_ID": "OP_TAGS_SET", "kind": "cluster", "tags": [f"t{next(number)}"], "reason": []})

    small = milliseconds(tag, 30)
    report.line("adding a tag, 10 instances", small, "ms", 30)
    client.close()
    made.populate(instances)
    client = made.client()
    found["list"] = milliseconds(lambda: made.run("gnt-instance", "list"), 10)
    report.line(f"gnt-instance list, {instances} instances", found["list"], "ms", 200)
    found["tag"] = milliseconds(lambda: made.run("gnt-cluster", "add-tags", f"t{next(number)}"), 10)
    report.line(f"gnt-cluster add-tags, {instances} instances", found["tag"], "ms", None)
    found["delay"] = milliseconds(lambda: made.run("gnt-debug", "delay", "0"), 10)
    report.line("gnt-debug delay 0, the whole command", found["delay"], "ms", None)
    found["help"] = milliseconds(lambda: made.run("gnt-instance", "--help"), 10)
    report.line("gnt-instance --help", found["help"], "ms", 100)
    for host in ("node1", "node2"):
        report.line(f"resident memory of {host}, {instances} instances", made.resident_mib(host), "MiB", 80)
    client.close()
    made.populate(large)
    client = made.client()
    big = milliseconds(tag, 30)
    report.line(f"adding a tag, {large} instances", big, "ms", 30)
    report.line("ratio of that to 10 instances", big / small, "x", 1.5)
    client.close()
    return found


def measure_peer(prefix: str, ours: dict[str, float]) -> None:
    """The same commands on another cluster, and how many times longer they take there."""
    words = shlex.split(prefix)
    number = iter(range(1_000_000))
    stamp = int(time.time())
    commands = {
        "list": lambda: ["gnt-instance", "list"],
        "tag": lambda: ["gnt-cluster", "add-tags", f"b{stamp}-{next(number)}"],
        "delay": lambda: ["gnt-debug", "delay", "0.001"],
        "help": lambda: ["gnt-instance", "--help"],
    }
    for name, command in commands.items():
        theirs = milliseconds(
            lambda command=command: subprocess.run([*words, *command()], check=True, capture_output=True), 5
        )
        print(f"peer: {name:<38} {theirs:>10.1f} ms      {theirs / ours[name]:.1f} times ours", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--instances", type=int, default=1000)
    parser.add_argument("--large", type=int, default=10000)
    parser.add_argument("--peer", default="")
    options = parser.parse_args()
    report = Report()
    with cluster() as made:
        ours = measure(made, report, options.instances, options.large)
    if options.peer:
        measure_peer(options.peer, ours)
    if options.check and report.missed:
        print(f"missed: {', '.join(report.missed)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
