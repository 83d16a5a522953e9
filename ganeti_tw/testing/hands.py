"""Hypervisor, storage and OS definitions that exist in memory only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from ganeti_tw.agent.storage.base import Abilities
from ganeti_tw.errors import DriverError, WrongState
from ganeti_tw.protocol.instance import Console, DiskSpec, InstanceSpec, RunningInstance
from ganeti_tw.protocol.node import NodeFigures, OsStatus

POLITE, FORCED = "polite", "forced"


class SimulatedHypervisor:
    """Guests in a dictionary, which outlives the process of its host.

    ``deaf`` guests do not shut down when asked; starting those in ``broken``
    fails; ``delay`` is how many seconds a start takes.  ``calls`` is what was
    asked, in order.
    """

    name = "fake"

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self.guests: dict[str, RunningInstance] = {}
        self.deaf: set[str] = set()
        self.broken: set[str] = set()
        self.delay = 0.0
        self.calls: list[tuple[str, str]] = []

    async def start(self, spec: InstanceSpec, disks: Mapping[int, str], paused: bool = False) -> None:
        self.calls.append((spec.name, "start"))
        if self.delay:
            await deferLater(self._clock, self.delay)
        if spec.name in self.broken:
            raise DriverError(f"{spec.name} does not start: simulated failure")
        state = "paused" if paused else "running"
        memory, vcpus = spec.beparams["maxmem"], spec.beparams["vcpus"]
        self.guests[spec.name] = RunningInstance(spec.name, self.name, state, memory, vcpus)

    async def stop(self, name: str, force: bool) -> None:
        if name in self.guests:
            self.calls.append((name, FORCED if force else POLITE))
            if force or name not in self.deaf:
                del self.guests[name]

    async def forget(self, name: str) -> None:
        return None

    async def reboot(self, name: str) -> None:
        self.calls.append((name, "reboot"))
        if name not in self.guests:
            raise WrongState(f"{name} does not run")

    async def is_running(self, name: str) -> bool:
        return name in self.guests

    async def list(self) -> tuple[RunningInstance, ...]:
        return tuple(self.guests[name] for name in sorted(self.guests))

    async def console(self, spec: InstanceSpec) -> Console:
        return Console(spec.name, "msg", message="simulated guests have no console")

    async def close(self) -> None:
        return None


class SimulatedStorage:
    """Disks in a dictionary; creating those of instances in ``broken`` fails."""

    def __init__(self, template: str) -> None:
        self.template = template
        self.abilities = Abilities.CREATE
        self.disks: dict[str, tuple[str, int]] = {}
        self.broken: set[str] = set()

    async def create(self, instance: str, disk: DiskSpec) -> str:
        if instance in self.broken:
            raise DriverError(f"disk {disk.index} of {instance} cannot be made: simulated failure")
        self.disks[disk.uuid] = (instance, disk.size_mib)
        return f"/simulated/{disk.uuid}"

    async def remove(self, instance: str, disk: DiskSpec) -> None:
        self.disks.pop(disk.uuid, None)

    async def find(self, instance: str, disk: DiskSpec) -> str | None:
        return f"/simulated/{disk.uuid}" if disk.uuid in self.disks else None

    async def size(self, instance: str, disk: DiskSpec) -> int | None:
        return self.disks[disk.uuid][1] if disk.uuid in self.disks else None


class SimulatedOses:
    """One OS definition, ``noop``, whose script fails for the instances in ``broken``."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.installed: list[str] = []
        self.definitions = self

    async def list(self) -> tuple[OsStatus, ...]:
        return (OsStatus("noop", "/simulated/os/noop", True, "", (), (), (20,), True),)

    async def create(self, spec: InstanceSpec, disks: Mapping[int, str], **options: Any) -> None:
        if spec.name in self.broken:
            raise DriverError(f"the create script of {spec.os} failed for {spec.name}: simulated failure")
        self.installed.append(spec.name)


class SimulatedFigures:
    """A node with memory and disk to spare."""

    async def get(self, storage_type: str, storage: str) -> NodeFigures:
        return NodeFigures(65536, 60000, 100, 8, 1, 1, 1048576, 1000000, "simulated")
