"""Guests that are only files, for demonstrations and tests.

A running guest is a file ``<run>/fake-hypervisor/<instance>`` with the lines
``0``, memory in MiB and number of vCPUs, as Ganeti's fake hypervisor writes
it; so guests outlive this process.  A fourth line has the UUIDs of its devices.

Faults are asked for in ``<run>/fake-hypervisor/.faults``, JSON of the form
``{"<verb>": {"<instance or *>": "<fault>"}}``, read at each call.  Verbs are
``start stop reboot list console accept send plug unplug`` (``list`` knows only ``*``); faults are

========  ==============================================================
fail      DriverError
stall     nothing happens until the deadline, then Expired
deaf      a polite stop is accepted and ignored (``stop`` only)
die       it starts and is gone a second later (``start``, ``reboot``)
slow      it takes 30 seconds (``send``)
========  ==============================================================
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from twisted.internet.task import deferLater

from ganeti_tw.agent.hypervisor.base import HypervisorHost, check_name
from ganeti_tw.agent.hypervisor.fake_migration import FakeMigration
from ganeti_tw.agent.hypervisor.registry import hypervisors
from ganeti_tw.errors import DriverError, Expired, WrongState
from ganeti_tw.protocol.instance import Console, DiskSpec, InstanceSpec, NicSpec, RunningInstance
from ganeti_tw.protocol.migration import Doorway

DEADLINE = 10.0
STALL = 60.0  # seconds until a stalled call expires
SLOW = 30  # seconds that a guest told to be slow is on its way
MIB = 1024 * 1024
LIFE = 1.0  # seconds from the start of a guest told to die to its end


@hypervisors.add("fake")
class FakeHypervisor:
    """See the module."""

    name = "fake"

    def __init__(self, host: HypervisorHost) -> None:
        self._clock = host.clock
        self._run = host.blocking.run
        self._directory = os.path.join(host.run, "fake-hypervisor")
        self._seen: dict[str, tuple[tuple[int, int, int], RunningInstance]] = {}
        self._migration = FakeMigration(self._directory, host.clock, host.blocking)

    async def start(self, spec: InstanceSpec, disks: Mapping[int, str], paused: bool = False) -> None:
        fault = await self._fault("start", spec.name)
        lines = _with_devices(["0", spec.beparams["maxmem"], spec.beparams["vcpus"]], [d.uuid for d in spec.devices])
        text = "".join(f"{line}\n" for line in lines)
        await self._run(self._write, check_name(spec.name), text, deadline=DEADLINE)
        if fault == "die":
            self._clock.callLater(LIFE, self._remove, spec.name)

    async def stop(self, name: str, force: bool) -> None:
        fault = await self._fault("stop", name)
        if force or fault != "deaf":
            await self._run(self._remove, check_name(name), deadline=DEADLINE)

    async def forget(self, name: str) -> None:
        return None

    async def reboot(self, name: str) -> None:
        fault = await self._fault("reboot", name)
        if not await self.is_running(name):
            raise WrongState(f"{name} does not run")
        if fault == "die":
            self._clock.callLater(LIFE, self._remove, name)

    async def is_running(self, name: str) -> bool:
        return await self._run(os.path.exists, self._path(check_name(name)), deadline=DEADLINE)

    async def list(self, names: Collection[str] = ()) -> tuple[RunningInstance, ...]:
        await self._fault("list", "*")
        if names:
            return await self._run(self._look_at, [check_name(name) for name in names], deadline=DEADLINE)
        return await self._run(self._scan, deadline=DEADLINE)

    async def console(self, spec: InstanceSpec) -> Console:
        await self._fault("console", spec.name)
        if not await self.is_running(spec.name):
            raise WrongState(f"{spec.name} does not run")
        return Console(spec.name, "msg", message="Console not available for fake hypervisor")

    async def close(self) -> None:
        return None

    # --- devices ---

    async def plugging_obstacle(self) -> str:
        return ""

    async def plug(self, spec: InstanceSpec, device: DiskSpec | NicSpec, path: str) -> None:
        await self._fault("plug", spec.name)
        await self._change(spec.name, partial(_with_device, device.uuid, True))

    async def unplug(self, spec: InstanceSpec, device: DiskSpec | NicSpec) -> None:
        await self._fault("unplug", spec.name)
        await self._change(spec.name, partial(_with_device, device.uuid, False))

    # --- from host to host ---

    async def obstacle(self) -> str:
        return ""

    async def accept(self, spec: InstanceSpec, disks: Mapping[int, str], address: str) -> Doorway:
        await self._fault("accept", spec.name)
        return Doorway(await self._migration.open_door(check_name(spec.name)))

    async def send(self, spec: InstanceSpec, disks: Mapping[int, str], door: Doorway, live: bool) -> None:
        async def begin() -> int:
            return SLOW if await self._fault("send", spec.name) == "slow" else 0

        total = int(spec.beparams["maxmem"]) * MIB
        await self._migration.send(check_name(spec.name), door.to, total, begin)

    async def sent(self, name: str) -> tuple[int, int]:
        return self._migration.sent(name)

    async def end_migration(self, name: str) -> None:
        await self._migration.end(check_name(name))

    async def set_memory(self, name: str, memory_mib: int) -> None:
        await self._change(name, lambda lines: [lines[0], str(memory_mib), *lines[2:]])

    async def _fault(self, verb: str, name: str) -> str:
        """The fault asked for that the caller must act out; "" mostly."""
        fault = await self._run(self._read_fault, verb, name, deadline=DEADLINE)
        if fault == "fail":
            raise DriverError(f"fake: {verb} of {name} was told to fail")
        if fault == "stall":
            await deferLater(self._clock, STALL)
            raise Expired(f"fake: {verb} of {name} did not end within {STALL:g} seconds")
        return fault

    def _read_fault(self, verb: str, name: str) -> str:
        try:
            with open(self._path(".faults"), encoding="utf-8") as f:
                faults = json.load(f).get(verb, {})
            return str(faults.get(name, faults.get("*", "")))
        except FileNotFoundError:
            return ""
        except (OSError, ValueError, AttributeError) as e:
            raise DriverError(f"fake: {self._path('.faults')} cannot be read: {e}") from None

    def _path(self, name: str) -> str:
        return os.path.join(self._directory, name)

    def _write(self, name: str, text: str) -> None:
        try:
            os.makedirs(self._directory, exist_ok=True)
            with open(self._path(f".{name}.new"), "w", encoding="utf-8") as f:
                f.write(text)
            os.rename(self._path(f".{name}.new"), self._path(name))
        except OSError as e:
            raise DriverError(f"fake: cannot write {self._path(name)}: {e.strerror}") from None

    def _remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self._path(name))

    async def _change(self, name: str, change: Callable[[Sequence[str]], Sequence[str]]) -> None:
        """Replace the lines of a running guest."""
        await self._run(self._rewrite, check_name(name), change, deadline=DEADLINE)

    def _rewrite(self, name: str, change: Callable[[Sequence[str]], Sequence[str]]) -> None:
        try:
            with open(self._path(name), encoding="utf-8") as f:
                lines = f.read().splitlines()
        except FileNotFoundError:
            raise WrongState(f"{name} does not run") from None
        self._write(name, "".join(f"{line}\n" for line in change(lines)))

    def _look_at(self, names: Iterable[str]) -> tuple[RunningInstance, ...]:
        found = []
        for name in sorted(set(names)):
            with suppress(FileNotFoundError):
                found.append(self._read(name, os.stat(self._path(name)).st_mtime))
        return tuple(found)

    def _scan(self) -> tuple[RunningInstance, ...]:
        """Files are opened only when they changed since they were last seen."""
        seen: dict[str, tuple[tuple[int, int, int], RunningInstance]] = {}
        with suppress(FileNotFoundError), os.scandir(self._directory) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                with suppress(FileNotFoundError):
                    stat = entry.stat()
                    key = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
                    known = self._seen.get(entry.name)
                    if known is None or known[0] != key:
                        known = key, self._read(entry.name, stat.st_mtime)
                    seen[entry.name] = known
        self._seen = seen
        return tuple(seen[name][1] for name in sorted(seen))

    def _read(self, name: str, started: float) -> RunningInstance:
        with open(self._path(name), encoding="utf-8") as f:
            lines = f.read().split()
        try:
            return RunningInstance(name, "fake", "running", int(lines[1]), int(lines[2]), started=started)
        except (IndexError, ValueError):
            raise DriverError(f"fake: {self._path(name)} does not hold three numbers") from None


def _with_device(uuid: str, there: bool, lines: Sequence[str]) -> Sequence[str]:
    """The lines of a guest with a device, or without it."""
    others = [known for known in " ".join(lines[3:]).split() if known != uuid]
    return _with_devices(lines[:3], [*others, uuid] if there else others)


def _with_devices(lines: Sequence[Any], uuids: Sequence[str]) -> Sequence[Any]:
    """The lines of a guest that has these; without any they are Ganeti's."""
    return [*lines, " ".join(uuids)] if uuids else lines
