"""confd under load: CPU time per answer, answers per second, latency, and how long a change takes to be answered.

    python benchmarks/confd.py [--check] [--instances 10 1000 10000] [--requests 20000]

The server runs as in a host, in a process of its own on the real reactor, on a
loopback address.  Its CPU time is what the kernel counts for it, sockets
included.  ``--check`` exits 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import os
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from ganeti_tw.confd.actor import Confd
from ganeti_tw.confd.key import Key
from ganeti_tw.confd.packet import read_reply, write_request
from ganeti_tw.kernel import ActorSystem, ThreadBlocking
from ganeti_tw.model.codec import row
from ganeti_tw.model.config import Config
from ganeti_tw.model.new import new_cluster, new_disk, new_instance, new_nic, new_node
from ganeti_tw.protocol.config import ConfigChanged
from ganeti_tw.testing.endings import run

KEY = b"0123456789012345678901234567890123456789\n"
ROUNDS = 5  # the best counts, so that a busy machine does not
WINDOW = 16  # requests on their way at a time, when it is about throughput
SIMPLE_GOAL = 35.0  # microseconds of CPU
LIST_GOAL = 2900 / 50  # a fiftieth of what the original takes for the list of 1,000 addresses
GROWTH_GOAL = 1.25  # a simple query at the largest size against the smallest
CHANGE_GOAL = 50.0  # milliseconds one change may hold the server
PEER = {"role": 37, "instance address": 37, "master": 21, "ping": 21, "addresses": 2900}


def identifier(kind: int, number: int) -> str:
    return f"{kind:08x}-0000-4000-8000-{number:012x}"


def configuration(instances: int) -> Config:
    """A cluster with three candidates, and about thirty instances on a node, mirrored to the next one."""
    nodes = max(3, instances // 30)
    now, ids = 1.0, count()
    begin = new_cluster(
        "cluster.example.org",
        now=now,
        uuid=lambda: identifier(1, next(ids)),
        node_name="node0.example.org",
        node_ip="10.1.0.1",
        node_uuid=identifier(2, 0),
        master_ip="10.0.0.1",
        enabled_hypervisors=("kvm",),
    )
    things: list[Any] = [begin.top, begin.cluster, begin.group]
    for n in range(nodes):
        address = f"10.1.{n // 250}.{n % 250 + 1}"
        name = f"node{n}.example.org"
        group, candidate = begin.group.uuid, n < 3
        things.append(
            new_node(name, uuid=identifier(2, n), now=now, primary_ip=address, group=group, master_candidate=candidate)
        )
    for i in range(instances):
        primary, secondary = identifier(2, i % nodes), identifier(2, (i + 1) % nodes)
        disk = identifier(4, i)
        secret = f"{i:040x}"
        things.append(
            new_disk(
                "drbd",
                uuid=disk,
                now=now,
                index=0,
                size=10240,
                logical_id=(primary, secondary, 11000 + i % 900, i % 200, i % 200, secret),
                nodes=(primary, secondary),
            )
        )
        mac = f"aa:00:00:{i // 65536:02x}:{i // 256 % 256:02x}:{i % 256:02x}"
        nic = new_nic(mac, uuid=identifier(5, i), ip=address_of(i))
        things.append(
            new_instance(
                f"inst{i}.example.org",
                uuid=identifier(3, i),
                now=now,
                primary_node=primary,
                hypervisor="kvm",
                os="debian",
                nics=(nic,),
                disks=(disk,),
                admin_state="up",
            )
        )
    return Config.from_rows({(put.kind, put.key): put.value for put in map(row, things)})


# The server's process


def serve(instances: int, key_file: str) -> None:
    """Answer until the end of standard input; each line there is a change to make."""
    from twisted.internet import reactor as global_reactor
    from twisted.internet.stdio import StandardIO
    from twisted.protocols.basic import LineReceiver

    reactor: Any = global_reactor
    system = ActorSystem(reactor)
    config = configuration(instances)
    blocking = ThreadBlocking(reactor, "confd", 1)

    class Control(LineReceiver):
        delimiter = b"\n"

        def lineReceived(self, line: bytes) -> None:
            nonlocal config
            uuid = identifier(3, int(line))
            (nic,) = config.instances[uuid].nics
            changed = evolve(config.instances[uuid], nics=(evolve(nic, ip=f"192.0.2.{len(line)}"),))
            before, begin = config, time.perf_counter()
            config = before.apply([row(changed)])
            applied = time.perf_counter()
            confd.tell(ConfigChanged(config, before, frozenset({("instance", uuid)})))
            reactor.callLater(0.01, self.sendLine, f"{applied - begin}".encode())

        def connectionLost(self, reason: Any = None) -> None:
            reactor.stop()

    confd = system.spawn(
        "confd",
        lambda: Confd(
            address="127.0.0.1",
            port=int(os.environ["CONFD_PORT"]),
            reactor=reactor,
            key_file=key_file,
            config=lambda: config,
            blocking=blocking,
            now=time.time,
            monotonic=time.monotonic,
        ),
    )
    StandardIO(Control())
    reactor.run()


class Server:
    """The process, seen from outside."""

    def __init__(self, instances: int, directory: Path) -> None:
        key_file = directory / "hmac.key"
        key_file.write_bytes(KEY)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            self.address = free.getsockname()
        argv = [sys.executable, __file__, "--serve", str(instances), str(key_file)]
        environ = {**os.environ, "CONFD_PORT": str(self.address[1])}
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.udp.settimeout(5)
        self.key = Key(KEY)
        self.number = 0
        deadline = time.monotonic() + 60
        while True:
            try:
                self.ask(0, None, wait=0.2)
                return
            except TimeoutError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()
        self.udp.close()

    def cpu(self) -> float:
        """Seconds the process has used, all threads."""
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def datagram(self, type: int, query: Any) -> bytes:
        self.number += 1
        return write_request(type, query, f"{self.number:036}", self.key, time.time())

    def ask(self, type: int, query: Any, wait: float = 5.0) -> Any:
        datagram = self.datagram(type, query)
        self.udp.sendto(datagram, self.address)
        end = time.monotonic() + wait
        while time.monotonic() < end:
            if select.select([self.udp], [], [], end - time.monotonic())[0]:
                answer = self.udp.recv(65535)
                if f"{self.number:036}".encode() in answer:
                    return read_reply(answer, self.key, f"{self.number:036}")
        raise TimeoutError

    def change(self, number: int) -> float:
        """Give instance ``number`` another address; seconds until it is answered, without making the new Config."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(b"%d\n" % number)
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


@frozen
class Measured:
    """``cpu`` in microseconds of the server for each answer; latencies in microseconds, one at a time."""

    cpu: float
    rate: float  # answers per second, WINDOW on their way
    lone_cpu: float
    p50: float
    p99: float
    bytes: int


def measure(server: Server, queries: Iterator[tuple[int, Any]], requests: int) -> Measured:
    datagrams = [server.datagram(*next(queries)) for _ in range(requests)]
    udp, address = server.udp, server.address
    for datagram in datagrams[:200]:  # warm
        udp.sendto(datagram, address)
        size = len(udp.recv(65535))
    rest = datagrams[200:]
    lone, many = rest[: len(rest) // 5], rest[len(rest) // 5 :]
    before, latencies = server.cpu(), []
    for datagram in lone:
        begin = time.perf_counter()
        udp.sendto(datagram, address)
        udp.recv(65535)
        latencies.append((time.perf_counter() - begin) * 1e6)
    lone_cpu = (server.cpu() - before) / len(lone) * 1e6
    before, begin = server.cpu(), time.perf_counter()
    for datagram in many[:WINDOW]:
        udp.sendto(datagram, address)
    for datagram in many[WINDOW:]:
        udp.recv(65535)
        udp.sendto(datagram, address)
    for _ in range(WINDOW):
        udp.recv(65535)
    took, cpu = time.perf_counter() - begin, (server.cpu() - before) / len(many) * 1e6
    cuts = statistics.quantiles(latencies, n=100)
    return Measured(cpu, len(many) / took, lone_cpu, cuts[49], cuts[98], size)


def mixes(instances: int) -> dict[str, Callable[[int], tuple[int, Any]]]:
    """What is asked, by the number of the request; names change from one to the next."""
    nodes = max(3, instances // 30)
    return {
        "ping": lambda n: (0, None),
        "master": lambda n: (3, None),
        "role": lambda n: (1, f"node{n % nodes}.example.org"),
        "role, short name": lambda n: (1, f"node{n % nodes}"),
        "instance address": lambda n: (2, {"1": address_of(n % instances)}),
        "disks": lambda n: (9, f"inst{n % instances}.example.org"),
        "candidates": lambda n: (5, None),
        "node's instances": lambda n: (8, f"node{n % nodes}.example.org"),
        "addresses": lambda n: (6, None),
    }


def address_of(i: int) -> str:
    return f"10.{2 + i // 62500}.{i // 250 % 250}.{i % 250 + 1}"


SIMPLE = ("ping", "master", "role", "role, short name", "instance address", "candidates")


def counted(make: Callable[[int], tuple[int, Any]]) -> Iterator[tuple[int, Any]]:
    number = 0
    while True:
        yield make(number)
        number += 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--instances", type=int, nargs="+", default=[10, 1000, 10000])
    parser.add_argument("--requests", type=int, default=50000)
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(int(options.serve[0]), options.serve[1])
        return 0
    missed: list[str] = []
    cpu: dict[tuple[str, int], float] = {}
    print("instances  query              cpu us  original  answers/s  per cpu s  lone cpu us  p50 us  p99 us  bytes")
    for instances in options.instances:
        with tempfile.TemporaryDirectory() as directory:
            server = Server(instances, Path(directory))
            try:
                for name, make in mixes(instances).items():
                    rounds = [measure(server, counted(make), options.requests // ROUNDS) for _ in range(ROUNDS)]
                    m = min(rounds, key=lambda one: one.cpu)
                    cpu[name, instances] = m.cpu
                    original = str(PEER.get(name, "")) if instances == 1000 or name != "addresses" else ""
                    print(
                        f"{instances:9}  {name:17}  {m.cpu:6.1f}  {original:>8}  {m.rate:9.0f}  {1e6 / m.cpu:9.0f}"
                        f"  {m.lone_cpu:11.1f}  {m.p50:6.0f}  {m.p99:6.0f}  {m.bytes:5}"
                    )
                    if name in SIMPLE and m.cpu > SIMPLE_GOAL:
                        missed.append(f"{name} at {instances} instances: {m.cpu:.1f} us")
                    if name == "addresses" and instances <= 1000 and m.cpu > LIST_GOAL:
                        missed.append(f"{name} at {instances} instances: {m.cpu:.1f} us")
                changes = follow(server, instances)
                print(f"{instances:9}  one change, and the next answer of each type: {changes:.2f} ms of CPU")
                if changes > CHANGE_GOAL:
                    missed.append(f"one change at {instances} instances: {changes:.1f} ms")
            finally:
                server.close()
    least, most = min(options.instances), max(options.instances)
    for name in SIMPLE:
        if cpu[name, most] > GROWTH_GOAL * cpu[name, least] + 1:
            missed.append(f"{name}: {cpu[name, least]:.1f} us at {least}, {cpu[name, most]:.1f} us at {most} instances")
    print("\n".join(f"missed: {line}" for line in missed) or "all goals met")
    return 1 if options.check and missed else 0


def follow(server: Server, instances: int) -> float:
    """Milliseconds of CPU for the index and all answers to follow one change of an instance's address."""
    rounds, making = 10, 0.0
    before = server.cpu()
    for number in range(rounds):
        making += server.change(number)
        for make in mixes(instances).values():
            server.ask(*make(number))
    return (server.cpu() - before - making) / rounds * 1000


if __name__ == "__main__":
    sys.exit(run(main))
