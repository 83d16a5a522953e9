"""The actor that looks after one instance on this node."""

from __future__ import annotations

import enum
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from ganeti_tw.agent.hypervisor.base import Hypervisor, Migrator
from ganeti_tw.agent.osdef.scripts import OsScripts
from ganeti_tw.agent.storage.base import Storage, disk_paths
from ganeti_tw.errors import BadRequest, DriverError, GanetiError, MailboxFull, NotFound, TryLater, WrongState
from ganeti_tw.kernel import Actor, Later, Outcome, Rank, Ref, receive
from ganeti_tw.protocol.instance import InstanceSpec
from ganeti_tw.protocol.migration import Doorway, Sending

log = Logger()

ASK_EVERY = 5.0  # seconds between polite requests
SETTLE = 1.0  # seconds between looks whether the guest is gone
LINGER = 120.0  # seconds for which it is remembered how a guest ended, or how it was sent away


class Phase(enum.Enum):
    """What is known of an instance; those after the first line are busy and end by themselves."""

    UNKNOWN, STOPPED, RUNNING = "unknown", "stopped", "running"
    STARTING, STOPPING, REBOOTING, INSTALLING = "starting", "stopping", "rebooting", "installing"
    RENAMING, SENDING = "renaming", "sending"

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
class Send:
    """Answer: None once it has begun."""

    spec: InstanceSpec
    migrator: Migrator
    door: Doorway
    live: bool


@frozen
class WatchSending:
    """Answer: a Sending, at once when it has ended, else after ``seconds``.  NotFound when nothing was sent."""

    migrator: Migrator
    seconds: float


@frozen
class EndMigration:
    """Answer: whether the guest runs here, once nothing comes or goes any more."""

    hypervisor: Hypervisor
    migrator: Migrator


@frozen
class _LookAtSending:
    """Somebody has waited long enough for the end."""

    migrator: Migrator
    answer: Deferred[Sending]


@frozen
class _SendingSeen:
    """How far it is, or why nobody knows."""

    answer: Deferred[Sending]
    outcome: Outcome


@frozen
class _MigrationEnded:
    """Nothing comes or goes any more; its value is whether the guest runs here."""

    answer: Deferred[bool]
    outcome: Outcome


@frozen
class GuestSeen:
    """Its hypervisor says what became of the guest."""

    running: bool


@frozen
class Rest:
    """To the actor: stay until there is nothing to do again."""


@frozen
class Rested:
    """News to the node: no guest is here, and for a while nothing was to be done."""

    name: str


@frozen
class _Lingered:
    """That while is over."""


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
    anything is done.  When there was no guest here for a while it offers ``node``
    its end: the next one who wants something of the instance gets a new actor.
    """

    rank = Rank.INSTANCE
    restarts = 3

    def __init__(
        self,
        name: str,
        storages: Mapping[str, Storage],
        scripts: OsScripts,
        clock: IReactorTime,
        node: Ref,
    ) -> None:
        self.name = name
        self.storages = storages
        self.scripts = scripts
        self.clock = clock
        self.node = node
        self.lingering: Later | None = None
        self.phase = Phase.UNKNOWN
        self.waiting: list[Deferred[None]] = []
        self.sending: Sending | None = None  # how the last one went
        self.watching: list[Deferred[Sending]] = []

    def started(self) -> None:
        self._linger()

    @receive(Rest)
    def rest(self, m: Rest) -> None:
        self._linger()

    def _linger(self) -> None:
        if self.lingering is not None:
            self.lingering.cancel()
        self.lingering = self.later(LINGER, _Lingered())

    @receive(_Lingered)
    def lingered(self, m: _Lingered) -> None:
        self.lingering = None
        if self.phase.busy or self.phase is Phase.RUNNING:
            return  # its end begins another while
        try:
            self.node.tell(Rested(self.name))
        except MailboxFull:
            self._linger()

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

    # --- from node to node ---

    @receive(Send)
    def send(self, m: Send) -> None:
        if self._begin(Phase.SENDING, lambda: send_guest(m, self.storages)):
            self.sending = Sending()

    @receive(WatchSending)
    def watch_sending(self, m: WatchSending) -> Deferred[Sending] | Sending:
        if self.sending is None:
            raise NotFound(f"nothing is known here of {self.name} being sent anywhere")
        if self.sending.ended:
            return self.sending
        answer: Deferred[Sending] = Deferred()
        self.watching.append(answer)
        self.later(m.seconds, _LookAtSending(m.migrator, answer))
        return answer

    @receive(_LookAtSending)
    def look_at_sending(self, m: _LookAtSending) -> None:
        if m.answer in self.watching:
            self.aside(m.migrator.sent(self.name), then=partial(_SendingSeen, m.answer))

    @receive(_SendingSeen)
    def sending_seen(self, m: _SendingSeen) -> None:
        if m.answer in self.watching:
            self.watching.remove(m.answer)
            m.answer.callback(Sending(*m.outcome.value) if m.outcome.failure is None else Sending())

    @receive(EndMigration)
    def end_migration(self, m: EndMigration) -> Deferred[bool]:
        answer: Deferred[bool] = Deferred()
        self.aside(end_migration(m, self.name), then=partial(_MigrationEnded, answer))
        return answer

    @receive(_MigrationEnded)
    def migration_ended(self, m: _MigrationEnded) -> None:
        if m.outcome.failure is not None:
            m.answer.errback(m.outcome.failure)
            return
        if not self.phase.busy:
            self.phase = Phase.RUNNING if m.outcome.value else Phase.STOPPED
        self._linger()
        m.answer.callback(m.outcome.value)

    def _sent(self, outcome: Outcome) -> None:
        failure = outcome.failure
        if failure is not None and not failure.check(GanetiError):
            log.failure("sending {instance} failed", failure, instance=self.name)
        self.sending = Sending(ended=True, error=failure.getErrorMessage() if failure is not None else "")
        watching, self.watching = self.watching, []
        for answer in watching:
            answer.callback(self.sending)

    @receive(GuestSeen)
    def seen(self, m: GuestSeen) -> None:
        if self.phase.busy:
            return  # our own doing; its end says how it ended
        after = Phase.RUNNING if m.running else Phase.STOPPED
        if after is not self.phase:
            log.info("{instance} is {phase}, not by our doing", instance=self.name, phase=after.value)
            self.phase = after
            self._linger()

    @receive(WorkEnded)
    def ended(self, m: WorkEnded) -> None:
        waiting, self.waiting = self.waiting, []
        before, self.phase = self.phase, m.outcome.value if m.outcome.failure is None else Phase.UNKNOWN
        log.info("{instance}: {before} ended, {phase}", instance=self.name, before=before.value, phase=self.phase.value)
        self._linger()
        if before is Phase.SENDING:
            self._sent(m.outcome)
        for answer in waiting:
            if m.outcome.failure is None:
                answer.callback(None)
            else:
                answer.errback(m.outcome.failure)

    def _do(self, phase: Phase, work: Callable[[], Coroutine[Any, Any, Phase]]) -> Deferred[None]:
        self._begin(phase, work)
        answer: Deferred[None] = Deferred()
        self.waiting.append(answer)
        return answer

    def _begin(self, phase: Phase, work: Callable[[], Coroutine[Any, Any, Phase]]) -> bool:
        """False when it is at it already."""
        if self.phase.busy and self.phase is not phase:
            raise TryLater(f"{self.name} is {self.phase.value}: try again when that has ended")
        if self.phase is phase:
            return False
        self.phase = phase
        self.aside(work(), then=WorkEnded)
        return True


def look_after(
    name: str, storages: Mapping[str, Storage], scripts: OsScripts, clock: IReactorTime, node: Ref
) -> InstanceActor:
    """A new actor for an instance of which nothing is known yet."""
    return InstanceActor(name, storages, scripts, clock, node)


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


async def reboot_guest(hypervisor: Hypervisor, storages: Mapping[str, Storage], spec: InstanceSpec, kind: str) -> Phase:
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


async def accept_guest(
    hypervisor: Hypervisor, migrator: Migrator, storages: Mapping[str, Storage], spec: InstanceSpec, address: str
) -> Doorway:
    """Get ready for a guest from another node."""
    if await hypervisor.is_running(spec.name):
        raise WrongState(f"{spec.name} runs on this node already")
    return await migrator.accept(spec, await disk_paths(storages, spec.name, spec.disks), address)


async def send_guest(m: Send, storages: Mapping[str, Storage]) -> Phase:
    """Send it to another node."""
    disks = await disk_paths(storages, m.spec.name, m.spec.disks)
    await m.migrator.send(m.spec, disks, m.door, m.live)
    return Phase.STOPPED


async def end_migration(m: EndMigration, name: str) -> bool:
    """Whether the guest runs here, once nothing comes or goes."""
    await m.migrator.end_migration(name)
    return await m.hypervisor.is_running(name)
