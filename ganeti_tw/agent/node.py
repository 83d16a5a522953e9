"""The actor ``node``: takes every ``node.*`` message."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Mapping
from functools import partial
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ganeti_tw.agent import instance as inside
from ganeti_tw.agent import plugging
from ganeti_tw.agent.ancillary import AncillaryFiles
from ganeti_tw.agent.commands import Commands
from ganeti_tw.agent.figures import Figures
from ganeti_tw.agent.hooks import HookScripts
from ganeti_tw.agent.hypervisor.base import (
    Ballooner,
    GuestNews,
    Hypervisor,
    Migrator,
    Newsgiver,
    Powercycler,
    find_guests,
    list_guests,
)
from ganeti_tw.agent.masterip import MasterIpScript
from ganeti_tw.agent.osdef.scripts import OsScripts
from ganeti_tw.agent.storage.base import Abilities, Filling, Renaming, Storage, copy_disk, find_disks, storage_of
from ganeti_tw.agent.verify import Inspector
from ganeti_tw.errors import BadRequest, GanetiError
from ganeti_tw.kernel import Actor, ActorSystem, Gone, Outcome, Rank, Ref, receive
from ganeti_tw.protocol.ancillary import ReadAncillary, WriteAncillary
from ganeti_tw.protocol.instance import (
    CopyDisk,
    CreateDisk,
    DiskSpec,
    FindDisk,
    FindDisks,
    GetConsole,
    InstallOs,
    ListInstances,
    RebootInstance,
    RemoveDisk,
    RenameDisk,
    RenameOs,
    StartInstance,
    StopInstance,
)
from ganeti_tw.protocol.masterip import SetMasterIp
from ganeti_tw.protocol.migration import (
    AcceptGuest,
    AskMigration,
    EndMigration,
    SendGuest,
    SetGuestMemory,
    WatchSending,
)
from ganeti_tw.protocol.node import (
    CheckOs,
    GetFigures,
    ListOses,
    ListStorage,
    Ping,
    PowercycleNode,
    PutFile,
    RunCommand,
    RunHooks,
    RunOob,
    RunRestricted,
    VerifyNode,
)
from ganeti_tw.protocol.plugging import AskPlugging, PlugDevice, UnplugDevice

log = Logger()

START_TIMEOUT = 300.0  # the drivers' own deadlines come first
STOP_MARGIN = 120.0  # for pulling the plug, after the polite part


@frozen
class SetEnabled:
    """The hypervisors in use from now on: guests of those added are adopted."""

    hypervisors: tuple[str, ...]


@frozen
class GuestsFound:
    """What the hypervisors answered: RunningInstance values, or why not, by name of the hypervisor."""

    outcome: Outcome


@frozen
class GuestChanged:
    """A hypervisor has news of a guest."""

    news: GuestNews


@frozen
class WorkEnded:
    """The work whose answer is owed under this number is over."""

    number: int
    outcome: Outcome


class NodeAgent(Actor):
    """Hands each request to the actor of its instance, or does it aside.

    ``hypervisors`` and ``storages`` are all that this host has; guests are
    looked for in the ``enabled`` ones.  Nothing is held longer than it takes
    to pass it on.
    """

    rank = Rank.NODE
    capacity = 5000
    restarts = 3

    def __init__(
        self,
        system: ActorSystem,
        hypervisors: Mapping[str, Hypervisor],
        storages: Mapping[str, Storage],
        scripts: OsScripts,
        figures: Figures,
        clock: IReactorTime,
        enabled: Iterable[str] = (),
        commands: Commands | None = None,
        inspector: Inspector | None = None,
        hooks: HookScripts | None = None,
        master_ip: MasterIpScript | None = None,
        ancillary: AncillaryFiles | None = None,
    ) -> None:
        self.system = system
        self.hypervisors = hypervisors
        self.storages = storages
        self.scripts = scripts
        self.figures = figures
        self.clock = clock
        self.enabled = tuple(enabled)
        self.commands = commands
        self.inspector = inspector
        self.hooks = hooks
        self.master_ip = master_ip
        self.ancillary = ancillary
        self.instances: dict[str, Ref] = {}
        self.watched: set[str] = set()
        self.owed: dict[int, Deferred[Any]] = {}
        self.number = 0

    def started(self) -> None:
        self._adopt(self.enabled)

    # --- guests that run already ---

    @receive(SetEnabled)
    def set_enabled(self, m: SetEnabled) -> None:
        for name in m.hypervisors:
            self._hypervisor(name)
        added = tuple(h for h in m.hypervisors if h not in self.enabled)
        self.enabled = m.hypervisors
        self._adopt(added)

    def _adopt(self, names: tuple[str, ...]) -> None:
        if not names:
            return
        chosen = {name: self._hypervisor(name) for name in names}
        for name, hypervisor in chosen.items():
            if isinstance(hypervisor, Newsgiver) and name not in self.watched:
                self.watched.add(name)
                hypervisor.watch(partial(_tell_news, self.me))
        self.aside(find_guests(chosen), then=GuestsFound)

    @receive(GuestsFound)
    def guests_found(self, m: GuestsFound) -> None:
        for hypervisor, found in m.outcome.result().items():
            if isinstance(found, GanetiError):
                log.warn("cannot see the guests of {hypervisor}: {error}", hypervisor=hypervisor, error=found.text)
                continue
            running = [guest for guest in found if guest.state != "shutdown"]
            for guest in running:
                self._instance(guest.name).tell(inside.GuestSeen(True))
            if running:
                log.info("adopted {count} guests of {hypervisor}", count=len(running), hypervisor=hypervisor)

    @receive(GuestChanged)
    def guest_changed(self, m: GuestChanged) -> None:
        self._instance(m.news.name).tell(inside.GuestSeen(m.news.running))

    # --- instances ---

    @receive(StartInstance)
    def start_instance(self, m: StartInstance) -> Deferred[None]:
        start = inside.Start(m.spec, self._hypervisor(m.spec.hypervisor), m.paused)
        return self.ask(self._instance(m.spec.name), start, START_TIMEOUT)

    @receive(StopInstance)
    def stop_instance(self, m: StopInstance) -> Deferred[None]:
        stop = inside.Stop(self._hypervisor(m.hypervisor), m.timeout)
        return self.ask(self._instance(m.name), stop, m.timeout + STOP_MARGIN)

    @receive(RebootInstance)
    def reboot_instance(self, m: RebootInstance) -> Deferred[None]:
        reboot = inside.Reboot(m.spec, self._hypervisor(m.spec.hypervisor), m.kind)
        return self.ask(self._instance(m.spec.name), reboot, START_TIMEOUT)

    @receive(InstallOs)
    def install_os(self, m: InstallOs) -> Deferred[None]:
        install = inside.Install(m.spec, self._hypervisor(m.spec.hypervisor), m.reinstall, m.timeout, m.debug_level)
        return self.ask(self._instance(m.spec.name), install, m.timeout + STOP_MARGIN)

    @receive(RenameOs)
    def rename_os(self, m: RenameOs) -> Deferred[None]:
        rename = inside.Rename(m.spec, self._hypervisor(m.spec.hypervisor), m.old_name, m.timeout, m.debug_level)
        return self.ask(self._instance(m.spec.name), rename, m.timeout + STOP_MARGIN)

    @receive(GetConsole)
    def get_console(self, m: GetConsole) -> Deferred[Any]:
        return self._owe(self._hypervisor(m.spec.hypervisor).console(m.spec))

    @receive(ListInstances)
    def list_instances(self, m: ListInstances) -> Deferred[Any]:
        return self._owe(list_guests({name: self._hypervisor(name) for name in m.hypervisors}, m.names))

    # --- guests from node to node ---

    @receive(AskMigration)
    def ask_migration(self, m: AskMigration) -> Deferred[Any] | str:
        hypervisor = self._hypervisor(m.hypervisor)
        if not isinstance(hypervisor, Migrator):
            return f"hypervisor {m.hypervisor} cannot do that"
        return self._owe(hypervisor.obstacle())

    @receive(AcceptGuest)
    def accept_guest(self, m: AcceptGuest) -> Deferred[Any]:
        kind = m.spec.hypervisor
        hypervisor, migrator = self._hypervisor(kind), self._migrator(kind)
        return self._owe(inside.accept_guest(hypervisor, migrator, self.storages, m.spec, m.address))

    @receive(SendGuest)
    def send_guest(self, m: SendGuest) -> Deferred[None]:
        send = inside.Send(m.spec, self._migrator(m.spec.hypervisor), m.door, m.live)
        return self.ask(self._instance(m.spec.name), send, START_TIMEOUT)

    @receive(WatchSending)
    def watch_sending(self, m: WatchSending) -> Deferred[Any]:
        watch = inside.WatchSending(self._migrator(m.hypervisor), m.seconds)
        return self.ask(self._instance(m.name), watch, m.seconds + STOP_MARGIN)

    @receive(EndMigration)
    def end_migration(self, m: EndMigration) -> Deferred[Any]:
        end = inside.EndMigration(self._hypervisor(m.hypervisor), self._migrator(m.hypervisor))
        return self.ask(self._instance(m.name), end, STOP_MARGIN)

    @receive(SetGuestMemory)
    def set_guest_memory(self, m: SetGuestMemory) -> Deferred[Any]:
        hypervisor = self._hypervisor(m.hypervisor)
        if not isinstance(hypervisor, Ballooner):
            raise BadRequest(f"hypervisor {m.hypervisor} cannot take memory from running guests")
        return self._owe(hypervisor.set_memory(m.name, m.memory_mib))

    @receive(AskPlugging)
    def ask_plugging(self, m: AskPlugging) -> Deferred[Any]:
        return self._owe(plugging.obstacle(m.name, self._hypervisor(m.hypervisor)))

    @receive(PlugDevice)
    def plug_device(self, m: PlugDevice) -> Deferred[Any]:
        return self._owe(plugging.plug(m.spec, m.uuid, self._hypervisor(m.spec.hypervisor), self.storages))

    @receive(UnplugDevice)
    def unplug_device(self, m: UnplugDevice) -> Deferred[Any]:
        return self._owe(plugging.unplug(m.spec, m.uuid, self._hypervisor(m.spec.hypervisor)))

    # --- disks ---

    @receive(CreateDisk)
    def create_disk(self, m: CreateDisk) -> Deferred[Any]:
        storage = self._creating(m.disk)
        return self._owe(storage.create(m.instance, m.disk))

    @receive(RemoveDisk)
    def remove_disk(self, m: RemoveDisk) -> Deferred[Any]:
        return self._owe(storage_of(self.storages, m.disk).remove(m.instance, m.disk))

    @receive(RenameDisk)
    def rename_disk(self, m: RenameDisk) -> Deferred[Any]:
        storage = storage_of(self.storages, m.disk)
        if not isinstance(storage, Renaming):
            raise BadRequest(f"disks of template {m.disk.dev_type} cannot be renamed")
        return self._owe(storage.rename(m.instance, m.disk, m.to))

    @receive(CopyDisk)
    def copy_disk(self, m: CopyDisk) -> Deferred[Any]:
        target = storage_of(self.storages, m.to)
        if not isinstance(target, Filling):
            raise BadRequest(f"disks of template {m.to.dev_type} cannot be filled from others")
        return self._owe(copy_disk(storage_of(self.storages, m.disk), target, m))

    @receive(FindDisk)
    def find_disk(self, m: FindDisk) -> Deferred[Any]:
        return self._owe(storage_of(self.storages, m.disk).find(m.instance, m.disk))

    @receive(FindDisks)
    def find_disks(self, m: FindDisks) -> Deferred[Any]:
        return self._owe(find_disks(self.storages, m.wanted))

    # --- the node itself ---

    @receive(ListOses)
    def list_oses(self, m: ListOses) -> Deferred[Any]:
        return self._owe(self.scripts.definitions.list())

    @receive(CheckOs)
    def check_os(self, m: CheckOs) -> Deferred[Any]:
        return self._owe(self.scripts.verify(m.os, m.osparams))

    @receive(GetFigures)
    def get_figures(self, m: GetFigures) -> Deferred[Any]:
        return self._owe(self.figures.get(m.storage_type, m.storage))

    @receive(ListStorage)
    def list_storage(self, m: ListStorage) -> Deferred[Any]:
        return self._owe(self.figures.storage(m.storage_type, m.places))

    @receive(VerifyNode)
    def verify_node(self, m: VerifyNode) -> Deferred[Any]:
        if self.inspector is None:
            raise BadRequest("this node cannot look at itself")
        return self._owe(self.inspector.inspect(m))

    @receive(SetMasterIp)
    def set_master_ip(self, m: SetMasterIp) -> Deferred[Any]:
        if self.master_ip is None:
            raise BadRequest("this node cannot take the address of the cluster")
        return self._owe(self.master_ip.set(m))

    @receive(Ping)
    def ping(self, m: Ping) -> str:
        return m.text

    # --- programs and files of administrators ---

    @receive(RunOob)
    def run_oob(self, m: RunOob) -> Deferred[Any]:
        return self._owe(self._commands().run_oob(m))

    @receive(RunRestricted)
    def run_restricted(self, m: RunRestricted) -> Deferred[Any]:
        return self._owe(self._commands().run_restricted(m))

    @receive(RunCommand)
    def run_command(self, m: RunCommand) -> Deferred[Any]:
        return self._owe(self._commands().run_command(m))

    @receive(RunHooks)
    def run_hooks(self, m: RunHooks) -> Deferred[Any]:
        if self.hooks is None:
            raise BadRequest("this node runs no hooks")
        return self._owe(self.hooks.run(m))

    @receive(PutFile)
    def put_file(self, m: PutFile) -> Deferred[Any]:
        return self._owe(self._commands().put_file(m))

    @receive(ReadAncillary)
    def read_ancillary(self, m: ReadAncillary) -> Deferred[Any]:
        return self._owe(self._ancillary().read(m))

    @receive(WriteAncillary)
    def write_ancillary(self, m: WriteAncillary) -> Deferred[Any]:
        return self._owe(self._ancillary().write(m))

    @receive(PowercycleNode)
    def powercycle(self, m: PowercycleNode) -> Deferred[Any]:
        hypervisor = self._hypervisor(m.hypervisor)
        if not isinstance(hypervisor, Powercycler):
            raise BadRequest(f"hypervisor {m.hypervisor} cannot reboot its machine; use 'gnt-node power cycle'")
        return self._owe(hypervisor.powercycle())

    def _commands(self) -> Commands:
        if self.commands is None:
            raise BadRequest("this node runs no commands for others")
        return self.commands

    def _ancillary(self) -> AncillaryFiles:
        if self.ancillary is None:
            raise BadRequest("this node keeps no files for the cluster")
        return self.ancillary

    # --- work aside ---

    def _owe(self, work: Coroutine[Any, Any, Any]) -> Deferred[Any]:
        self.number += 1
        answer: Deferred[Any] = Deferred()
        self.owed[self.number] = answer
        self.aside(work, then=partial(WorkEnded, self.number))
        return answer

    @receive(WorkEnded)
    def work_ended(self, m: WorkEnded) -> None:
        self.owed.pop(m.number).callback(m.outcome)

    # --- who does it ---

    def _hypervisor(self, name: str) -> Hypervisor:
        try:
            return self.hypervisors[name]
        except KeyError:
            raise BadRequest(f"this node has no hypervisor {name!r}, only {', '.join(self.hypervisors)}") from None

    def _migrator(self, name: str) -> Migrator:
        hypervisor = self._hypervisor(name)
        if not isinstance(hypervisor, Migrator):
            raise BadRequest(f"hypervisor {name} cannot give running guests to other nodes: use gnt-instance failover")
        return hypervisor

    def _creating(self, disk: DiskSpec) -> Storage:
        storage = storage_of(self.storages, disk)
        if Abilities.CREATE not in storage.abilities:
            raise BadRequest(f"disks of template {disk.dev_type} cannot be created")
        return storage

    def _instance(self, name: str) -> Ref:
        found = self.instances.get(name)
        if found is None:
            path = f"node/instance/{name}"
            # After a restart of this actor the instances' actors are still there.
            make = partial(inside.look_after, name, self.storages, self.scripts, self.clock, self.me)
            found = self.system.find(path) or self.system.spawn(path, make)
            found.watch(self.me)
            self.instances[name] = found
        return found

    @receive(inside.Rested)
    def instance_rested(self, m: inside.Rested) -> None:
        ref = self.instances.get(m.name)
        if ref is None or not self.system.retire(ref.path):
            self._instance(m.name).tell(inside.Rest())
        else:
            del self.instances[m.name]

    @receive(Gone)
    def instance_gone(self, m: Gone) -> None:
        name = m.path.rpartition("/")[2]
        if self.instances.pop(name, None) is not None and m.failure is not None:
            log.error("the actor of {instance} ended: {error}", instance=name, error=m.failure.value)


def _tell_news(node: Ref, news: GuestNews) -> None:
    node.tell(GuestChanged(news))
