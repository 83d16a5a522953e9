"""The actor that looks after one instance on this node."""

from __future__ import annotations

import enum
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from ganeti_tw.agent.hypervisor.base import Hypervisor
from ganeti_tw.agent.osdef.scripts import OsScripts
from ganeti_tw.agent.storage.base import Storage, disk_paths
from ganeti_tw.errors import BadRequest, DriverError, TryLater, WrongState
from ganeti_tw.kernel import Actor, Outcome, Rank, receive
from ganeti_tw.protocol.instance import InstanceSpec

log = Logger()

ASK_EVERY = 5.0  # seconds between polite requests
SETTLE = 1.0  # seconds between looks whether the guest is gone


class Phase(enum.Enum):
    """What is known of an instance; those after the first line are busy and end by themselves."""

    UNKNOWN, STOPPED, RUNNING = "unknown", "stopped", "running"
    STARTING, STOPPING, REBOOTING, INSTALLING = "starting", "stopping", "rebooting", "installing"
    RENAMING = "renaming"

    @property
    def busy(self) -> bool:
        return self not in (Phase.UNKNOWN, Phase.STOPPED, Phase.RUNNING)


@frozen
class Start:
    """Answer: None once it runs."""

    spec: InstanceSpec
    hypervisor: Hypervisor
    paused: bool


@frozen
class Stop:
    """Answer: None once it is down."""

    hypervisor: Hypervisor
    timeout: float


@frozen
class Reboot:
    """Answer: None.  ``kind``: soft or hard."""

    spec: InstanceSpec
    hypervisor: Hypervisor
    kind: str


@frozen
class Install:
    """Answer: None once the OS is on the disks.  WrongState while the instance runs."""

    spec: InstanceSpec
    hypervisor: Hypervisor
    reinstall: bool
    timeout: float
    debug_level: int


@frozen
class Rename:
    """Answer: None once its OS knows the new name.  WrongState while the instance runs."""

    spec: InstanceSpec
    hypervisor: Hypervisor
    old_name: str
    timeout: float
    debug_level: int


@frozen
class GuestSeen:
    """Its hypervisor says what became of the guest."""

    running: bool


@frozen
class Describe:
    """Answer: the Phase."""


@frozen
class WorkEnded:
    """Work aside is over; its value is the Phase that follows."""

    outcome: Outcome


class InstanceActor(Actor):
    """One piece of work at a time; who asks for the same meanwhile shares its end, any other is told to wait.

    Its phase is a memory, not the truth: the hypervisor is asked before
    anything is done.
    """

    rank = Rank.INSTANCE
    restarts = 3

    def __init__(
        self,
        name: str,
        storages: Mapping[str, Storage],
        scripts: OsScripts,
        clock: IReactorTime,
    ) -> None:
        self.name = name
        self.storages = storages
        self.scripts = scripts
        self.clock = clock
        self.phase = Phase.UNKNOWN
        self.waiting: list[Deferred[None]] = []

    @receive(Describe)
    def describe(self, m: Describe) -> Phase:
        return self.phase

    @receive(Start)
    def start(self, m: Start) -> Deferred[None]:
        return self._do(Phase.STARTING, lambda: start_guest(m.hypervisor, self.storages, m.spec, m.paused))

    @receive(Stop)
    def stop(self, m: Stop) -> Deferred[None]:
        return self._do(Phase.STOPPING, lambda: shut_down(m.hypervisor, self.name, m.timeout, self.clock))

    @receive(Reboot)
    def reboot(self, m: Reboot) -> Deferred[None]:
        if m.kind not in ("soft", "hard"):
            raise BadRequest(f"reboot of {self.name}: kind is soft or hard, not {m.kind!r}")
        return self._do(Phase.REBOOTING, lambda: reboot_guest(m.hypervisor, self.storages, m.spec, m.kind))

    @receive(Install)
    def install(self, m: Install) -> Deferred[None]:
        return self._do(Phase.INSTALLING, lambda: install_os(m, self.storages, self.scripts))

    @receive(Rename)
    def rename(self, m: Rename) -> Deferred[None]:
        return self._do(Phase.RENAMING, lambda: rename_os(m, self.storages, self.scripts))

    @receive(GuestSeen)
    def seen(self, m: GuestSeen) -> None:
        if self.phase.busy:
            return  # our own doing; its end says how it ended
        after = Phase.RUNNING if m.running else Phase.STOPPED
        if after is not self.phase:
            log.info("{instance} is {phase}, not by our doing", instance=self.name, phase=after.value)
            self.phase = after

    @receive(WorkEnded)
    def ended(self, m: WorkEnded) -> None:
        waiting, self.waiting = self.waiting, []
        before, self.phase = self.phase, m.outcome.value if m.outcome.failure is None else Phase.UNKNOWN
        log.info("{instance}: {before} ended, {phase}", instance=self.name, before=before.value, phase=self.phase.value)
        for answer in waiting:
            if m.outcome.failure is None:
                answer.callback(None)
            else:
                answer.errback(m.outcome.failure)

    def _do(self, phase: Phase, work: Callable[[], Coroutine[Any, Any, Phase]]) -> Deferred[None]:
        if self.phase.busy and self.phase is not phase:
            raise TryLater(f"{self.name} is {self.phase.value}: try again when that has ended")
        if not self.phase.busy:
            self.phase = phase
            self.aside(work(), then=WorkEnded)
        answer: Deferred[None] = Deferred()
        self.waiting.append(answer)
        return answer


def look_after(
    name: str, storages: Mapping[str, Storage], scripts: OsScripts, clock: IReactorTime
) -> InstanceActor:
    """A new actor for an instance of which nothing is known yet."""
    return InstanceActor(name, storages, scripts, clock)


async def start_guest(
    hypervisor: Hypervisor, storages: Mapping[str, Storage], spec: InstanceSpec, paused: bool
) -> Phase:
    """Start it unless it runs."""
    if not await hypervisor.is_running(spec.name):
        disks = await disk_paths(storages, spec.name, spec.disks)
        await hypervisor.start(spec, disks, paused)
    return Phase.RUNNING


async def shut_down(hypervisor: Hypervisor, name: str, timeout: float, clock: IReactorTime) -> Phase:
    """Ask politely every 5 seconds; after ``timeout`` seconds pull the plug."""
    end = clock.seconds() + timeout
    ask_at = clock.seconds()
    while clock.seconds() < end and await hypervisor.is_running(name):
        if clock.seconds() >= ask_at:
            await hypervisor.stop(name, force=False)
            ask_at += ASK_EVERY
            if not await hypervisor.is_running(name):
                break
        # The guest may be gone long before it would be asked again.
        await deferLater(clock, max(0.0, min(SETTLE, end - clock.seconds())))
    if await hypervisor.is_running(name):
        await hypervisor.stop(name, force=True)
        if await hypervisor.is_running(name):
            raise DriverError(f"{name} survived a forced stop")
    await hypervisor.forget(name)
    return Phase.STOPPED


async def reboot_guest(
    hypervisor: Hypervisor, storages: Mapping[str, Storage], spec: InstanceSpec, kind: str
) -> Phase:
    """Soft: ask the guest.  Hard: destroy and start.  One that does not run is started."""
    if kind == "soft" and await hypervisor.is_running(spec.name):
        await hypervisor.reboot(spec.name)
        return Phase.RUNNING
    await hypervisor.stop(spec.name, force=True)
    return await start_guest(hypervisor, storages, spec, paused=False)


async def install_os(m: Install, storages: Mapping[str, Storage], scripts: OsScripts) -> Phase:
    """Run ``create`` while the instance is down."""
    spec = m.spec
    if await m.hypervisor.is_running(spec.name):
        raise WrongState(f"{spec.name} is running: shut it down before its OS is installed")
    disks = await disk_paths(storages, spec.name, spec.disks)
    await scripts.create(spec, disks, reinstall=m.reinstall, timeout=m.timeout, debug_level=m.debug_level)
    return Phase.STOPPED


async def rename_os(m: Rename, storages: Mapping[str, Storage], scripts: OsScripts) -> Phase:
    """Run ``rename`` while the instance is down."""
    spec = m.spec
    if await m.hypervisor.is_running(spec.name):
        raise WrongState(f"{spec.name} is running: shut it down before its OS is renamed")
    disks = await disk_paths(storages, spec.name, spec.disks)
    await scripts.rename(spec, disks, m.old_name, timeout=m.timeout, debug_level=m.debug_level)
    return Phase.STOPPED
