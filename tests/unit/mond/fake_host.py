"""A host for collectors, as tests want it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock

from ganeti_tw.errors import DriverError, NotFound
from ganeti_tw.mond.guests import Guest

DISK = "   8       0 sda 1 2 3 4 5 6 7 8 9 10 11\n"
FILES = {
    "/proc/diskstats": DISK,
    "/proc/meminfo": "MemTotal:       1000 kB\nMemFree: 300 kB\nMemAvailable:    400 kB\nBuffers: 1 kB\nCached: 2 kB\n"
    "SwapTotal: 0 kB\nSwapFree: 0 kB\nHugePages_Total: 0\n",
    "/proc/loadavg": "0.50 0.25 0.10 1/100 4242\n",
    "/proc/uptime": "1000.00 1900.00\n",
    "/proc/net/dev": "Inter-|   Receive\n face |bytes\n  eth0: 1 2 3 0 0 0 0 0 4 5 6 0 0 0 0 0\n",
    "/proc/self/stat": "77 (twistd) x) S 1 77 77 0 -1 0 0 0 0 0 150 50 0 0 20 0 9 0 90000 4096000 100 0\n",
}


class FakeHost:
    """A host with one CPU, always busy, and one disk; what is in ``broken`` raises."""

    ticks_per_second = 100
    page_size = 4096

    def __init__(self, clock: Clock, hypervisors: Sequence[str] = ("fake", "kvm")) -> None:
        self.clock = clock
        self.hypervisors = frozenset(hypervisors)
        self.broken: dict[str, Exception] = {}
        self.hang = False
        self.files = dict(FILES)
        self.programs: dict[str, str] = {}
        self.ran: list[tuple[str, ...]] = []
        self.list = [Guest("web1", "u1", "up", "running", hypervisor="kvm", memory_mib=64, vcpus=1, cpu_seconds=2.5)]
        self.volumes: dict[str, str] = {}
        self.minors: dict[int, str] = {}

    async def read_text(self, path: str) -> str:
        if path in self.broken:
            raise self.broken[path]
        if path == "/proc/stat":
            busy = int(self.now() * 100)
            return f"cpu {busy} 0 0 9\ncpu0 {busy} 0 0 9\n"
        if path not in self.files:
            raise FileNotFoundError(2, "No such file or directory", path)
        return self.files[path]

    async def guests(self) -> Sequence[Guest]:
        if self.hang:
            await Deferred()
        if "guests" in self.broken:
            raise self.broken["guests"]
        return self.list

    async def run(self, *argv: str) -> str:
        self.ran.append(argv)
        if argv[0] not in self.programs:
            raise NotFound(f"there is no program {argv[0]}")
        if self.programs[argv[0]] == "fails":
            raise DriverError(f"{argv[0]} failed")
        return self.programs[argv[0]]

    async def in_thread(self, function: Callable[[], Any]) -> Any:
        return await execute(function)

    async def volume_owners(self) -> Mapping[str, str]:
        return self.volumes

    async def minor_owners(self) -> Mapping[int, str]:
        return self.minors

    def now(self) -> float:
        return 1_700_000_000.25 + self.clock.seconds()
