"""Hypervisor, storage and OS definitions that exist in memory only."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, TypeVar

from attrs import evolve
from twisted.internet.defer import Deferred, execute, fail, maybeDeferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater

from ganeti_tw.agent.storage.base import Abilities
from ganeti_tw.agent.verify import Surroundings
from ganeti_tw.cli.htools.entry import main as hail
from ganeti_tw.errors import BadRequest, DriverError, NotFound, WrongState
from ganeti_tw.protocol.ancillary import FileCopy, ReadAncillary, WriteAncillary
from ganeti_tw.protocol.instance import Console, DiskSpec, InstanceSpec, NicSpec, RunningInstance
from ganeti_tw.protocol.masterip import MasterIpEnd, SetMasterIp
from ganeti_tw.protocol.migration import Doorway
from ganeti_tw.protocol.node import (
    HookEnd,
    NodeFigures,
    OsStatus,
    ProgramEnd,
    PutFile,
    RunCommand,
    RunHooks,
    RunOob,
    RunRestricted,
    VerifyNode,
)

POLITE, FORCED = "polite", "forced"

T = TypeVar("T")


class SimulatedHypervisor:
    """Guests in a dictionary, which outlives the process of its host.

    ``deaf`` guests do not shut down when asked, ``immortal`` ones not even when
    forced; starting those in ``broken`` fails; ``delay`` is how many seconds a
    start takes.  ``calls`` is what was asked, in order.

    Guests go to the ``peers`` of the host, by its name, in ``travel`` seconds, even
    when the processes of both hosts die meanwhile; ``stranded`` ones do not arrive.
    """

    name = "fake"

    def __init__(
        self, clock: IReactorTime, host: str = "", peers: dict[str, SimulatedHypervisor] | None = None
    ) -> None:
        self._clock = clock
        self._host = host
        self._peers = {} if peers is None else peers
        self._peers[host] = self
        self.reason = ""
        self.travel = 0.0
        self.stranded: set[str] = set()
        self.expected: set[str] = set()
        self._ways: dict[str, tuple[float, Deferred[None], IDelayedCall]] = {}
        self.guests: dict[str, RunningInstance] = {}
        self.plugged: dict[str, set[str]] = {}  # UUIDs of the devices of each guest
        self.deaf: set[str] = set()
        self.immortal: set[str] = set()
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
        self.plugged[spec.name] = {device.uuid for device in spec.devices}
        memory, vcpus = spec.beparams["maxmem"], spec.beparams["vcpus"]
        self.guests[spec.name] = RunningInstance(spec.name, self.name, state, memory, vcpus)

    async def stop(self, name: str, force: bool) -> None:
        if name in self.guests:
            self.calls.append((name, FORCED if force else POLITE))
            if name not in self.immortal and (force or name not in self.deaf):
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

    # -- devices ---------------------------------------------------------------------------------------------------

    async def plugging_obstacle(self) -> str:
        return self.reason

    async def plug(self, spec: InstanceSpec, device: DiskSpec | NicSpec, path: str) -> None:
        if spec.name in self.broken:
            raise DriverError(f"{spec.name} takes no device: simulated failure")
        self.plugged.setdefault(spec.name, set()).add(device.uuid)

    async def unplug(self, spec: InstanceSpec, device: DiskSpec | NicSpec) -> None:
        if spec.name in self.broken:
            raise DriverError(f"{spec.name} gives no device: simulated failure")
        self.plugged.setdefault(spec.name, set()).discard(device.uuid)

    # -- from host to host -----------------------------------------------------------------------------------------

    async def obstacle(self) -> str:
        return self.reason

    async def accept(self, spec: InstanceSpec, disks: Mapping[int, str], address: str) -> Doorway:
        self.calls.append((spec.name, "accept"))
        self.expected.add(spec.name)
        return Doorway(self._host, address)

    async def send(self, spec: InstanceSpec, disks: Mapping[int, str], door: Doorway, live: bool) -> None:
        self.calls.append((spec.name, "send live" if live else "send"))
        if spec.name not in self.guests:
            raise WrongState(f"{spec.name} does not run")
        ended: Deferred[None] = Deferred()
        timer = self._clock.callLater(self.travel, self._arrive, spec.name, self._peers[door.to])
        self._ways[spec.name] = self._clock.seconds(), ended, timer
        mine: Deferred[None] = Deferred()
        ended.addBoth(lambda end: None if mine.called else mine.callback(end))
        await mine

    async def sent(self, name: str) -> tuple[int, int]:
        if name not in self._ways:
            return 0, 0
        total = self.guests[name].memory_mib * 2**20
        return int(total * (self._clock.seconds() - self._ways[name][0]) / self.travel), total

    async def end_migration(self, name: str) -> None:
        self.expected.discard(name)
        self._end(name, f"{name} was not sent: that was aborted")

    async def set_memory(self, name: str, memory_mib: int) -> None:
        self.calls.append((name, f"memory {memory_mib}"))
        self.guests[name] = evolve(self.guests[name], memory_mib=memory_mib)

    def lose_power(self) -> None:
        """All guests are gone, also those on their way from or to here."""
        for name in list(self._ways):
            self._end(name, "the power failed")
        self.guests.clear()
        self.expected.clear()

    def receive(self, guest: RunningInstance) -> None:
        """A guest has arrived."""
        self.expected.discard(guest.name)
        self.guests[guest.name] = guest

    def _arrive(self, name: str, peer: SimulatedHypervisor) -> None:
        if name in self.stranded or name not in peer.expected or name not in self.guests:
            self._end(name, f"{name} was not sent: nobody expects it there")
            return
        peer.plugged[name] = self.plugged.pop(name, set())
        peer.receive(self.guests.pop(name))
        _, ended, _ = self._ways.pop(name)
        ended.callback(None)

    def _end(self, name: str, error: str) -> None:
        if name in self._ways:
            _, ended, timer = self._ways.pop(name)
            if timer.active():
                timer.cancel()
            ended.errback(DriverError(error))


class SimulatedStorage:
    """Disks in a dictionary; creating those of instances in ``broken`` fails, others takes ``delay`` seconds."""

    def __init__(self, template: str, clock: IReactorTime) -> None:
        self.template = template
        self._clock = clock
        self.delay = 0.0
        self.abilities = Abilities.CREATE
        self.disks: dict[str, tuple[str, int]] = {}
        self.renamed: list[tuple[str, str]] = []
        self.filled: list[tuple[str, int, int]] = []  # path of the source, first MiB and how many
        self.broken: set[str] = set()

    async def fill(self, instance: str, disk: DiskSpec, source: str, start_mib: int, size_mib: int) -> None:
        if self.delay:
            await deferLater(self._clock, self.delay)
        if disk.uuid not in self.disks:
            raise DriverError(f"disk {disk.index} of {instance} is not there")
        self.filled.append((source, start_mib, size_mib))

    async def create(self, instance: str, disk: DiskSpec) -> str:
        if instance in self.broken:
            raise DriverError(f"disk {disk.index} of {instance} cannot be made: simulated failure")
        if self.delay:
            await deferLater(self._clock, self.delay)
        self.disks[disk.uuid] = (instance, disk.size_mib)
        return f"/simulated/{disk.uuid}"

    async def remove(self, instance: str, disk: DiskSpec) -> None:
        self.disks.pop(disk.uuid, None)

    async def rename(self, instance: str, disk: DiskSpec, to: DiskSpec) -> None:
        if disk.uuid not in self.disks:
            raise DriverError(f"disk {disk.index} of {instance} is not there")
        self.renamed.append((str(disk.logical_id[1]), str(to.logical_id[1])))

    async def find(self, instance: str, disk: DiskSpec) -> str | None:
        return f"/simulated/{disk.uuid}" if disk.uuid in self.disks else None

    async def size(self, instance: str, disk: DiskSpec) -> int | None:
        return self.disks[disk.uuid][1] if disk.uuid in self.disks else None


class SimulatedOses:
    """One OS definition, ``noop``, whose scripts fail for the instances in ``broken`` and for the value ``bad``;
    ``statuses`` tell of it.
    """

    def __init__(self) -> None:
        parameters = (("color", "of the walls"),)
        self.statuses = (OsStatus("noop", "/simulated/os/noop", True, "", (), parameters, (20,), True),)
        self.broken: set[str] = set()
        self.installed: list[str] = []
        self.renamed: list[tuple[str, str]] = []
        self.definitions = self

    async def list(self) -> tuple[OsStatus, ...]:
        return self.statuses

    async def verify(self, os_name: str, osparams: Mapping[str, Any]) -> None:
        bad = [name for name, value in osparams.items() if value == "bad"]
        if bad:
            raise BadRequest(f"OS {os_name} does not take these parameters: simulated dislike of {bad[0]}")

    async def create(self, spec: InstanceSpec, disks: Mapping[int, str], **options: Any) -> None:
        if spec.name in self.broken:
            raise DriverError(f"the create script of {spec.os} failed for {spec.name}: simulated failure")
        self.installed.append(spec.name)

    async def rename(self, spec: InstanceSpec, disks: Mapping[int, str], old_name: str, **options: Any) -> None:
        if spec.name in self.broken:
            raise DriverError(f"the rename script of {spec.os} failed for {spec.name}: simulated failure")
        self.renamed.append((old_name, spec.name))


class SimulatedCommands:
    """Programs in dictionaries and files in another.

    ``helper``: what an out-of-band helper does, by its command; ``restricted``: what
    a restricted command says.  A line of the shell says itself.
    """

    def __init__(self) -> None:
        self.helper: dict[str, ProgramEnd] = {}
        self.restricted: dict[str, str] = {}
        self.files: dict[str, PutFile] = {}
        self.asked: list[tuple[str, str]] = []

    async def run_oob(self, m: RunOob) -> ProgramEnd:
        self.asked.append((m.command, m.node))
        return self.helper.get(m.command, ProgramEnd(0, "", "", ""))

    async def run_restricted(self, m: RunRestricted) -> str:
        if m.command not in self.restricted:
            raise DriverError(f"running restricted command {m.command!r} failed")
        return self.restricted[m.command]

    async def run_command(self, m: RunCommand) -> ProgramEnd:
        return ProgramEnd(1 if m.command == "false" else 0, "", m.command, f"{m.command}\n")

    async def put_file(self, m: PutFile) -> None:
        self.files[m.path] = m


class SimulatedHooks:
    """Scripts in a dictionary: how they end, by name and phase of the hook; ``ran`` is what was asked, in order."""

    def __init__(self) -> None:
        self.scripts: dict[tuple[str, str], tuple[HookEnd, ...]] = {}
        self.ran: list[RunHooks] = []

    async def run(self, m: RunHooks) -> tuple[HookEnd, ...]:
        self.ran.append(m)
        return self.scripts.get((m.name, m.phase), ())


class SimulatedMasterIp:
    """The addresses a host has; ``broken`` says what its script fails with, empty when it works."""

    def __init__(self) -> None:
        self.up: set[str] = set()
        self.asked: list[SetMasterIp] = []
        self.broken = ""

    async def set(self, m: SetMasterIp) -> MasterIpEnd:
        self.asked.append(m)
        if self.broken:
            raise DriverError(f"'master-ip-setup' failed: {self.broken}")
        place = f"{m.address.ip}/{m.address.netmask} on {m.address.netdev}"
        if m.up:
            self.up.add(place)
        else:
            self.up.discard(place)
        return MasterIpEnd("")


class SimulatedAncillary:
    """Files that are copied from node to node: path -> content.  ``broken`` ones cannot be written."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.broken: set[str] = set()

    async def read(self, m: ReadAncillary) -> tuple[FileCopy, ...]:
        return tuple(FileCopy(path, self.files[path], 0.0) for path in m.paths if path in self.files)

    async def write(self, m: WriteAncillary) -> tuple[str, ...]:
        for file in m.files:
            if file.path in self.broken:
                raise DriverError(f"cannot write {file.path}: simulated failure")
            self.files[file.path] = file.content
        return tuple(file.path for file in m.files)


class SimulatedFigures:
    """A node with memory and disk to spare, unless ``memory_free``, in MiB, is set.

    ``broken`` says why it cannot measure itself.
    """

    memory_free: int | None = 60000
    broken = ""

    async def get(self, storage_type: str, storage: str) -> NodeFigures:
        if self.broken:
            raise DriverError(f"cannot measure this host: {self.broken}")
        return NodeFigures(65536, self.memory_free, 100, 8, 1, 1, 1048576, 1000000, "simulated")


class SimulatedSurvey:
    """The file systems of a host that keeps no files: those it was told of, with the faults set here.

    ``files``: path -> content that is there instead of what should be, None when
    it is lost; ``skew``: seconds its clock is ahead; the rest as in NodeReport.
    """

    def __init__(self, told: Callable[[], Mapping[str, str]]) -> None:
        self._told = told
        self.files: dict[str, str | None] = {}
        self.skew = 0.0
        self.setup: tuple[str, ...] = ()
        self.certificates: dict[str, float] = {}
        self.storage: dict[str, str] = {}
        self.forbidden_paths: tuple[str, ...] = ()
        self.paths: dict[str, str] = {}
        self.unreachable: dict[str, str] = {}  # by address

    async def problem(self, address: str) -> str:
        """As :class:`ganeti_tw.agent.reach.Reach`."""
        return self.unreachable.get(address, "")

    def __call__(self, m: VerifyNode) -> Surroundings:
        contents: dict[str, str | None] = {"/var/lib/ganeti/hmac.key": "key\n", **self._told(), **self.files}
        return Surroundings(
            setup=self.setup,
            files={path: sha256(text.encode()).hexdigest() for path, text in contents.items() if text is not None},
            certificates=self.certificates,
            storage=self.storage,
            forbidden_paths=self.forbidden_paths,
            paths={path: problem for path, problem in self.paths.items() if path in m.paths},
        )


class SimulatedBell:
    """One that is rung by its path."""

    def __init__(self, bells: SimulatedBells, path: str) -> None:
        self.path = path
        self.reached: Deferred[None] = Deferred()
        self.rung: Deferred[None] = Deferred()
        self._bells = bells

    def close(self) -> None:
        del self._bells.open_ones[self.path]


class SimulatedBells:
    """Bells without sockets; ``open_ones`` by path."""

    def __init__(self) -> None:
        self.open_ones: dict[str, SimulatedBell] = {}
        self._opened = 0

    def open(self) -> SimulatedBell:
        self._opened += 1
        bell = SimulatedBell(self, f"/simulated/bell-{self._opened}")
        self.open_ones[bell.path] = bell
        return bell

    def ring(self, path: str) -> bool:
        """Connect and send a byte; whether anybody listens."""
        bell = self.open_ones.get(path)
        for deferred in (bell.reached, bell.rung) if bell is not None else ():
            if not deferred.called:
                deferred.callback(None)
        return bell is not None


Script = Callable[[dict[str, Any], Sequence[str]], Any]
"""What an iallocator says, or how it ends, about a document and its arguments; or a Deferred of it."""


class SimulatedAllocators:
    """Programs that are functions, by name; there is our own ``hail``.

    ``asked``: name, document and arguments of each run; ``running``: names of those without an end yet.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self.scripts: dict[str, Script] = {"hail": _hail}
        self.asked: list[tuple[str, dict[str, Any], tuple[str, ...]]] = []
        self.running: list[str] = []

    def find(self, name: str) -> Deferred[None]:
        return succeed(None) if name in self.scripts else fail(NotFound(f"there is no iallocator {name!r}"))

    def compose(self, make: Callable[[], T]) -> Deferred[T]:
        return execute(make)

    def run(self, name: str, document: str, arguments: Sequence[str], deadline: float) -> Deferred[ProgramEnd]:
        if name not in self.scripts:
            return fail(NotFound(f"there is no iallocator {name!r}"))
        self.asked.append((name, json.loads(document), tuple(arguments)))
        self.running.append(name)
        said: Deferred[Any] = maybeDeferred(self.scripts[name], json.loads(document), arguments)
        said.addTimeout(deadline, self._clock, onTimeoutCancel=_late)

        def ended(result: Any) -> Any:
            self.running.remove(name)
            return ProgramEnd(0, "", result, result) if isinstance(result, str) else result

        return said.addBoth(ended)


def _late(result: Any, deadline: float) -> ProgramEnd:
    return ProgramEnd(None, "its time was up", "", "")


def _hail(document: dict[str, Any], arguments: Sequence[str]) -> ProgramEnd:
    """The real one, without a process."""
    out, err = io.StringIO(), io.StringIO()
    status = hail("hail", ["-", *arguments], stdin=io.StringIO(json.dumps(document)), stdout=out, stderr=err)
    return ProgramEnd(status, "", out.getvalue(), err.getvalue() + out.getvalue())
