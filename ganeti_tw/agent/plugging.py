"""Devices that running guests get and lose."""

from __future__ import annotations

from collections.abc import Mapping

from ganeti_tw.agent.hypervisor.base import Hypervisor, Plugger
from ganeti_tw.agent.storage.base import Storage, disk_paths
from ganeti_tw.errors import BadRequest, WrongState
from ganeti_tw.protocol.instance import DiskSpec, InstanceSpec, NicSpec


async def obstacle(name: str, hypervisor: Hypervisor) -> str:
    """Why it cannot be done, in words; empty when it can."""
    if not isinstance(hypervisor, Plugger):
        return f"hypervisor {hypervisor.name} cannot do that here"
    if not await hypervisor.is_running(name):
        return "it does not run"
    return await hypervisor.plugging_obstacle()


async def plug(spec: InstanceSpec, uuid: str, hypervisor: Hypervisor, storages: Mapping[str, Storage]) -> None:
    """BadRequest when the hypervisor or the device is another; WrongState when the guest does not run."""
    plugger, device = await _ready(spec, uuid, hypervisor)
    path = ""
    if isinstance(device, DiskSpec):
        path = (await disk_paths(storages, spec.name, (device,)))[device.index]
    await plugger.plug(spec, device, path)


async def unplug(spec: InstanceSpec, uuid: str, hypervisor: Hypervisor) -> None:
    """As :func:`plug`."""
    plugger, device = await _ready(spec, uuid, hypervisor)
    await plugger.unplug(spec, device)


async def _ready(spec: InstanceSpec, uuid: str, hypervisor: Hypervisor) -> tuple[Plugger, DiskSpec | NicSpec]:
    if not isinstance(hypervisor, Plugger):
        raise BadRequest(f"hypervisor {spec.hypervisor} cannot change devices of running guests here")
    device = next((d for d in spec.devices if d.uuid == uuid), None)
    if device is None:
        raise BadRequest(f"{spec.name} has no device {uuid}")
    if not await hypervisor.is_running(spec.name):
        raise WrongState(f"{spec.name} does not run")
    return hypervisor, device
