"""The agent of a host, put together from its drivers."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Protocol, cast

from attrs import evolve

from ganeti_tw.agent.ancillary import AncillaryFiles
from ganeti_tw.agent.announce import announce
from ganeti_tw.agent.commands import Commands, Owner, ReactorRunner
from ganeti_tw.agent.figures import Figures, directory_usage, file_system_space
from ganeti_tw.agent.hooks import HookScripts
from ganeti_tw.agent.hypervisor.base import Hypervisor, HypervisorHost
from ganeti_tw.agent.hypervisor.registry import build_hypervisors
from ganeti_tw.agent.masterip import MasterIpScript
from ganeti_tw.agent.node import NodeAgent
from ganeti_tw.agent.osdef.definition import OsDefinitions
from ganeti_tw.agent.osdef.scripts import OsScripts
from ganeti_tw.agent.processes import ReactorSpawner
from ganeti_tw.agent.reach import TcpReach
from ganeti_tw.agent.storage.allowed import read_allowed
from ganeti_tw.agent.storage.base import Abilities, Filling, Renaming, Storage, StorageHost
from ganeti_tw.agent.storage.registry import build_storages
from ganeti_tw.agent.verify import HostSurvey, Inspector
from ganeti_tw.daemon.record import HostRecord
from ganeti_tw.daemon.settings import Settings
from ganeti_tw.kernel import ActorSystem, Blocking, Ref
from ganeti_tw.model.paths import Paths
from ganeti_tw.protocol.instance import DiskSpec


class Hands:
    """Hypervisors, storage and OS definitions of this host, and the agent that uses them."""

    def __init__(
        self,
        settings: Settings,
        system: ActorSystem,
        reactor: Any,
        now: Callable[[], float],
        tools: Blocking,
        hypervisor_calls: Blocking,
        record: Callable[[], HostRecord | None],
    ) -> None:
        host = HypervisorHost(
            node=settings.name,
            run=settings.paths.hypervisor_run,
            clock=reactor,
            blocking=hypervisor_calls,
            from_thread=reactor.callFromThread,
            libvirt_uri=settings.libvirt_uri,
            migration_uri=settings.migration_uri,
        )
        self.hypervisors: dict[str, Hypervisor] = build_hypervisors(host)
        found = build_storages(StorageHost(tools, lambda: allowed_directories(settings, record())))
        storages = {name: rooted(storage, settings.paths) for name, storage in found.items()}
        definitions = OsDefinitions(settings.paths.os_search_path, tools)
        scripts = OsScripts(definitions, ReactorSpawner(reactor), settings.paths.os_log, now)
        figures = Figures(
            tools,
            space=lambda path: space_below(settings.paths.below(path)),
            usage=lambda path: directory_usage(settings.paths.below(path)),
        )
        commands = own_commands(settings, reactor, tools)
        hooks = HookScripts(ReactorRunner(reactor), settings.paths, tools, reactor, own_environment(settings))
        runner, environment = ReactorRunner(reactor), own_environment(settings)
        master_ip = MasterIpScript(runner, settings.paths, hooks, announce, tools, environment)
        survey = HostSurvey(settings.paths, settings.file_storage_dirs)
        reach = TcpReach(reactor, settings.ports.wire)
        inspector = Inspector(self.hypervisors, storages, definitions, figures, survey, tools, now, reach)
        self.agent: Ref = system.spawn(
            "node",
            lambda: NodeAgent(
                system,
                self.hypervisors,
                storages,
                scripts,
                figures,
                reactor,
                self._enabled(record()),
                commands,
                inspector,
                hooks,
                master_ip,
                AncillaryFiles(settings.paths, tools),
            ),
        )

    def _enabled(self, record: HostRecord | None) -> tuple[str, ...]:
        return tuple(h for h in (record.hypervisors if record else ()) if h in self.hypervisors)

    def enabled(self, record: HostRecord) -> tuple[str, ...]:
        """The enabled hypervisors that this host has a driver for."""
        return self._enabled(record)

    async def close(self) -> None:
        """Let go of the hypervisors; guests run on."""
        for hypervisor in self.hypervisors.values():
            await hypervisor.close()


def own_commands(settings: Settings, reactor: Any, blocking: Blocking) -> Commands:
    """Programs see which virtual host they run on; its restricted commands are those of the user it runs as."""
    root = settings.paths.root
    if not root:
        return Commands(ReactorRunner(reactor), settings.paths, blocking, reactor)
    owner = Owner(os.geteuid(), os.getegid())
    return Commands(ReactorRunner(reactor), settings.paths, blocking, reactor, own_environment(settings), owner)


def own_environment(settings: Settings) -> dict[str, str]:
    """What tells programs which virtual host they run on; nothing on a real one."""
    root = settings.paths.root
    return {"GANETI_ROOTDIR": root, "GANETI_HOSTNAME": settings.name} if root else {}


def space_below(path: str) -> tuple[int, int]:
    """Size and free space, in MiB, of the file system that holds a directory, or will once it is made."""
    while not os.path.isdir(path) and path != os.path.dirname(path):
        path = os.path.dirname(path)
    return file_system_space(path)


class FileStorage(Storage, Renaming, Filling, Protocol):
    """What can be done with disks that are files."""


class RootedStorage:
    """A storage whose files are below the root directory of this host.

    The configuration names the same path for every node; on a virtual host it
    is found below the host's own root, as everything else.
    """

    def __init__(self, storage: FileStorage, paths: Paths) -> None:
        self._storage = storage
        self._paths = paths
        self.template = storage.template
        self.abilities = storage.abilities

    async def create(self, instance: str, disk: DiskSpec) -> str:
        return await self._storage.create(instance, self._here(disk))

    async def remove(self, instance: str, disk: DiskSpec) -> None:
        await self._storage.remove(instance, self._here(disk))

    async def rename(self, instance: str, disk: DiskSpec, to: DiskSpec) -> None:
        await self._storage.rename(instance, self._here(disk), self._here(to))

    async def fill(self, instance: str, disk: DiskSpec, source: str, start_mib: int, size_mib: int) -> None:
        await self._storage.fill(instance, self._here(disk), source, start_mib, size_mib)

    async def find(self, instance: str, disk: DiskSpec) -> str | None:
        return await self._storage.find(instance, self._here(disk))

    async def size(self, instance: str, disk: DiskSpec) -> int | None:
        return await self._storage.size(instance, self._here(disk))

    def _here(self, disk: DiskSpec) -> DiskSpec:
        driver, path = disk.logical_id
        return evolve(disk, logical_id=(driver, self._paths.below(path)))


def rooted(storage: Storage, paths: Paths) -> Storage:
    """The storage, with its files below the root directory of this host if its disks are files."""
    if Abilities.FILES not in storage.abilities:
        return storage
    assert isinstance(storage, Renaming), f"files of template {storage.template} have the name of their instance"
    assert isinstance(storage, Filling), f"files of template {storage.template} can be written"
    return RootedStorage(cast(FileStorage, storage), paths)


def allowed_directories(settings: Settings, record: HostRecord | None) -> tuple[str, ...]:
    """Directories below which disks may be files.

    Those in this host's settings, and those in its ``file-storage-paths``; the
    cluster's only where there is no such file.  Blocks.
    """
    paths = settings.paths
    found = read_allowed(paths.file_storage_paths)
    told = found[0] if found is not None else record.file_storage_dirs.values() if record is not None else ()
    return tuple(os.path.normpath(d) for d in (*(paths.below(d) for d in told if d), *settings.file_storage_dirs) if d)
