"""Instances without disks."""

from __future__ import annotations

from ganeti_tw.agent.storage.base import Abilities, StorageHost
from ganeti_tw.agent.storage.registry import storages
from ganeti_tw.errors import BadRequest
from ganeti_tw.protocol.instance import DiskSpec


@storages.add("diskless")
class Diskless:
    """Has no disks; asked for one it says so."""

    template = "diskless"
    abilities = Abilities.NONE

    def __init__(self, host: StorageHost) -> None:
        pass

    async def create(self, instance: str, disk: DiskSpec) -> str:
        raise BadRequest(f"{instance} is diskless and cannot have disk {disk.index}")

    async def remove(self, instance: str, disk: DiskSpec) -> None:
        return None

    async def find(self, instance: str, disk: DiskSpec) -> str | None:
        return None

    async def size(self, instance: str, disk: DiskSpec) -> int | None:
        return None
