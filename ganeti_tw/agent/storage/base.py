"""What every disk template can do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Flag, auto
from typing import Protocol, runtime_checkable

from attrs import frozen

from ganeti_tw.errors import BadRequest, DriverError, GanetiError
from ganeti_tw.kernel import Blocking
from ganeti_tw.protocol.instance import CopyDisk, DiskFound, DiskSpec


class Abilities(Flag):
    """What a template offers beyond ``find``."""

    NONE = 0
    CREATE = auto()
    SHARED = auto()  # every node sees the same disk
    FILES = auto()  # disks are files below an allowed directory


class Storage(Protocol):
    """The disks of one template on this node.  All calls are idempotent."""

    template: str
    abilities: Abilities

    async def create(self, instance: str, disk: DiskSpec) -> str:
        """The path of the disk.  NoRoom; BadRequest for a place that is not allowed; Exists with another size."""
        ...

    async def remove(self, instance: str, disk: DiskSpec) -> None:
        """Afterwards it is gone, also when it was gone before."""
        ...

    async def find(self, instance: str, disk: DiskSpec) -> str | None:
        """The path of the disk; None when it is not there."""
        ...

    async def size(self, instance: str, disk: DiskSpec) -> int | None:
        """Its size in whole MiB; None when it is not there."""
        ...


@runtime_checkable
class Renaming(Protocol):
    """Disks whose place has the name of their instance in it."""

    async def rename(self, instance: str, disk: DiskSpec, to: DiskSpec) -> None:
        """Put it where ``to`` says.  Exists when both places are taken; DriverError when there is nothing at either."""
        ...


@runtime_checkable
class Filling(Protocol):
    """Disks that can take what is on another disk of this node."""

    async def fill(self, instance: str, disk: DiskSpec, source: str, start_mib: int, size_mib: int) -> None:
        """Copy a part of what is at the path ``source`` to the same place; holes stay holes."""
        ...


@frozen
class StorageHost:
    """What a template needs of the host.

    ``allowed`` gives, each time, the directories below which file based disks
    may be.
    """

    blocking: Blocking
    allowed: Callable[[], Sequence[str]]


async def disk_paths(storages: Mapping[str, Storage], instance: str, disks: Sequence[DiskSpec]) -> dict[int, str]:
    """The path of each disk by index.  DriverError names the first that is missing."""
    paths = {}
    for disk in disks:
        path = await storage_of(storages, disk).find(instance, disk)
        if path is None:
            raise DriverError(
                f"disk {disk.index} of {instance} ({disk.dev_type} {disk.uuid}) is not on this node: "
                "activate or recreate its disks"
            )
        paths[disk.index] = path
    return paths


def storage_of(storages: Mapping[str, Storage], disk: DiskSpec) -> Storage:
    """The storage of a disk's template.  BadRequest when this node has none."""
    try:
        return storages[disk.dev_type]
    except KeyError:
        raise BadRequest(f"this node has no storage for the disk template {disk.dev_type!r}") from None


async def find_disks(storages: Mapping[str, Storage], wanted: Iterable[tuple[str, DiskSpec]]) -> tuple[DiskFound, ...]:
    """Where disks are, each given with the name of its instance; one that fails does not hide the others."""
    found = []
    for instance, disk in wanted:
        try:
            found.append(DiskFound(await storage_of(storages, disk).find(instance, disk)))
        except GanetiError as e:
            found.append(DiskFound(error=e.text))
    return tuple(found)


async def copy_disk(storage: Storage, target: Filling, m: CopyDisk) -> None:
    """A part of one disk to another."""
    source = await storage.find(m.instance, m.disk)
    if source is None:
        raise DriverError(f"disk {m.disk.index} of {m.instance} ({m.disk.dev_type} {m.disk.uuid}) is not on this node")
    await target.fill(m.instance, m.to, source, m.start_mib, m.size_mib)
