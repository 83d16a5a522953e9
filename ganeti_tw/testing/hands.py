"""The hands of a simulated host: an agent whose storage, OS definitions, programs and files exist in memory only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from ganeti_tw.agent.node import NodeAgent
from ganeti_tw.agent.storage.base import Abilities
from ganeti_tw.agent.verify import Inspector, Surroundings
from ganeti_tw.daemon.record import HostRecord
from ganeti_tw.errors import BadRequest, DriverError
from ganeti_tw.kernel import ActorSystem, InlineBlocking
from ganeti_tw.protocol.ancillary import FileCopy, ReadAncillary, WriteAncillary
from ganeti_tw.protocol.instance import DiskSpec, InstanceSpec
from ganeti_tw.protocol.masterip import MasterIpEnd, SetMasterIp
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
    StorageUnit,
    VerifyNode,
)

if TYPE_CHECKING:
    from ganeti_tw.testing.host import SimulatedHost


class SimulatedHands:
    """The agent of a simulated host."""

    def __init__(self, host: SimulatedHost, system: ActorSystem) -> None:
        hypervisors: Any = {"fake": host.hypervisor}
        scripts: Any = host.oses
        figures: Any = host.figures
        commands: Any = host.commands
        hooks: Any = host.hooks
        inspector = Inspector(
            hypervisors,
            host.storages,
            host.oses,
            figures,
            host.survey,
            InlineBlocking(),
            lambda: host.now() + host.survey.skew,
            host.survey,
        )
        self.agent = system.spawn(
            "node",
            lambda: NodeAgent(
                system,
                hypervisors,
                host.storages,
                scripts,
                figures,
                host.clock,
                ("fake",),
                commands,
                inspector=inspector,
                hooks=hooks,
                master_ip=host.master_ip,
                ancillary=host.ancillary,
            ),
        )

    def enabled(self, record: HostRecord) -> tuple[str, ...]:
        return tuple(name for name in record.hypervisors if name == "fake")

    async def close(self) -> None:
        return None


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
            raise DriverError(f"running restricted command {m.command!r} failed; the log on that node tells why")
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
    """The addresses a host has.

    ``broken`` says what its script fails with, empty when it works; ``taken``
    gives a place that another host in reach has.
    """

    def __init__(self, taken: Callable[[str], bool] = lambda place: False) -> None:
        self._taken = taken
        self.up: set[str] = set()
        self.asked: list[SetMasterIp] = []
        self.broken = ""

    async def set(self, m: SetMasterIp) -> MasterIpEnd:
        self.asked.append(m)
        if self.broken:
            raise DriverError(f"'master-ip-setup' failed: {self.broken}")
        place = f"{m.address.ip}/{m.address.netmask} on {m.address.netdev}"
        if m.up:
            if place not in self.up and self._taken(place):
                raise DriverError(f"'master-ip-setup' failed: {m.address.ip} answers, so another host has it")
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

    async def storage(self, storage_type: str, places: Sequence[str]) -> tuple[StorageUnit, ...]:
        if self.broken:
            raise DriverError(f"cannot measure this host: {self.broken}")
        return tuple(StorageUnit(place, 1048576, 512, 1000000) for place in places)


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

    async def silence(self, address: str) -> str:
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
