"""Live figures of a node, from ``/proc`` and the file systems."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress

from attrs import frozen

from ganeti_tw.errors import BadRequest, DriverError
from ganeti_tw.kernel import Blocking
from ganeti_tw.model.disk_templates import FILE_TYPES
from ganeti_tw.protocol.node import NodeFigures, StorageUnit

DEADLINE = 5.0
WALK_DEADLINE = 110.0  # for looking at every file


@frozen
class Memory:
    """In MiB.  ``used_by_host`` is what Ganeti calls the memory of the node itself."""

    total: int
    free: int
    used_by_host: int


def parse_meminfo(text: str) -> Memory:
    """From the content of ``/proc/meminfo``; whole MiB as Ganeti counts them.

    DriverError names the line that is missing.
    """
    values: dict[str, int] = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if words and words[0].isdigit():
            values[name.strip()] = int(words[0]) // 1024
    try:
        free = values["MemFree"] + values["Buffers"] + values["Cached"]
        return Memory(values["MemTotal"], free, values["Active"])
    except KeyError as e:
        raise DriverError(f"/proc/meminfo has no line {e.args[0]}") from None


def parse_cpuinfo(text: str) -> int:
    """Number of processors in the content of ``/proc/cpuinfo``; at least 1."""
    return max(1, sum(line.partition(":")[0].strip() == "processor" for line in text.splitlines()))


def read_text(path: str) -> str:
    """The content of a small file."""
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.read()


def file_system_space(path: str) -> tuple[int, int]:
    """Size of the file system that holds ``path`` and what is free for users, in bytes."""
    fs = os.statvfs(path)
    return fs.f_blocks * fs.f_frsize, fs.f_bavail * fs.f_frsize


def directory_usage(path: str) -> int:
    """Bytes that everything in a directory takes, as ``du`` counts them; 0 when it is not there."""
    used = 0
    for place, folders, files in os.walk(path):
        for name in (*folders, *files):
            with suppress(OSError):  # it has just gone
                used += os.lstat(os.path.join(place, name)).st_blocks * 512
    return used


class Figures:
    """Measures this node.  Reading is injected, so that any host can be pretended."""

    def __init__(
        self,
        blocking: Blocking,
        read: Callable[[str], str] = read_text,
        space: Callable[[str], tuple[int, int]] = file_system_space,
        usage: Callable[[str], int] = directory_usage,
    ) -> None:
        self._blocking = blocking
        self._usage = usage
        self._read = read
        self._space_of = space

    async def get(self, storage_type: str, storage: str) -> NodeFigures:
        """NodeFigures; ``storage`` is a directory for the file types.  DriverError."""
        return await self._blocking.run(self._measure, storage_type, storage, deadline=DEADLINE)

    async def storage(self, storage_type: str, places: Sequence[str]) -> tuple[StorageUnit, ...]:
        """How full directories are.  BadRequest for other types of storage; DriverError."""
        if storage_type not in FILE_TYPES:
            raise BadRequest(f"this node cannot list storage of type {storage_type!r}")
        return await self._blocking.run(self._units, tuple(places), deadline=WALK_DEADLINE)

    def _units(self, places: Sequence[str]) -> tuple[StorageUnit, ...]:
        units = []
        for place in places:
            try:
                total, free = self._space_of(place)
            except OSError as e:
                raise DriverError(f"cannot look at {place}: {e.strerror}") from None
            units.append(StorageUnit(place, total >> 20, self._usage(place) >> 20, free >> 20))
        return tuple(units)

    def _measure(self, storage_type: str, storage: str) -> NodeFigures:
        try:
            memory = parse_meminfo(self._read("/proc/meminfo"))
            cpus = parse_cpuinfo(self._read("/proc/cpuinfo"))
            boot_id = self._read("/proc/sys/kernel/random/boot_id").strip()
        except OSError as e:
            raise DriverError(f"cannot measure this host: {e}") from None
        total, free = self._space(storage_type, storage)
        return NodeFigures(memory.total, memory.free, memory.used_by_host, cpus, 1, 1, total, free, boot_id)

    def _space(self, storage_type: str, storage: str) -> tuple[int | None, int | None]:
        if storage_type not in FILE_TYPES or not storage:
            return None, None
        try:
            total, free = self._space_of(storage)
        except OSError:
            # A directory that is not there yet: the master sees "unknown", verify says why.
            return None, None
        return total >> 20, free >> 20
