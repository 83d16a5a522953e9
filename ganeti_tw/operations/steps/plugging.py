"""Devices that a running guest gets or loses together with the configuration."""

from __future__ import annotations

from functools import partial

from attrs import frozen

from ganeti_tw.errors import GanetiError, WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.model.instance import Instance, Nic
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.steps.nodes import primary_of
from ganeti_tw.operations.steps.spec import instance_spec
from ganeti_tw.protocol.plugging import AskPlugging, PlugDevice, UnplugDevice

TIMEOUT = 60.0


@frozen
class Devices:
    """UUIDs of the disks and NICs that a guest has by one configuration and not by another."""

    disks: tuple[str, ...]
    nics: tuple[str, ...]

    @classmethod
    def missing(cls, here: Instance, there: Instance) -> Devices:
        """What the instance has here, and has not or otherwise there."""
        nics = {nic.uuid: nic for nic in there.nics}
        return cls(
            tuple(uuid for uuid in here.disks if uuid not in there.disks),
            tuple(nic.uuid for nic in here.nics if not _same(nic, nics.get(nic.uuid))),
        )


def _same(nic: Nic, other: Nic | None) -> bool:
    """Whether the guest would not notice that one is there instead of the other; its name is not shown to it."""
    return other is not None and (nic.mac, nic.network, nic.nicparams, nic.ip) == (
        other.mac,
        other.network,
        other.nicparams,
        other.ip,
    )


async def can_plug(context: Context, instance: Instance, *, needed: bool) -> bool:
    """Whether the devices of the guest can be changed as it runs; WrongState says why not when that is ``needed``."""
    asked = AskPlugging(instance.name, instance.hypervisor)
    try:
        reason = await context.on_node(primary_of(context.config, instance), asked, TIMEOUT)
    except GanetiError as e:
        if needed:
            raise
        reason = e.text
    if reason and needed:
        raise WrongState(f"devices of {instance.name} cannot be changed as it runs: {reason}")
    if reason:
        context.inform(f"devices of {instance.name} change with its next start: {reason}")
    return not reason


async def unplug(context: Context, config: Config, before: Instance, after: Instance) -> list[tuple[str, str]]:
    """Take from the guest what it shall not have; what changed, in words of reports.

    Registered to be taken back.  What the guest does not give is an error: it must not be removed under it.
    """
    gone = Devices.missing(before, after)
    spec, node = instance_spec(config, before), primary_of(config, before)
    told = []
    for uuid in (*gone.disks, *gone.nics):
        name = _name(before, uuid)
        back = PlugDevice(spec, uuid)
        context.undo(f"{name} of {before.name} unplugged", partial(context.on_node, node, back, TIMEOUT))
        await context.on_node(node, UnplugDevice(spec, uuid), TIMEOUT)
        told.append((f"hotplug.{name}", "unplugged"))
    return told


async def plug(context: Context, config: Config, before: Instance, after: Instance) -> list[tuple[str, str]]:
    """Give the guest what is new; what cannot be given is told, since the configuration has it all the same."""
    new = Devices.missing(after, before)
    spec, node = instance_spec(config, after), primary_of(config, after)
    told = []
    for uuid in (*new.disks, *new.nics):
        name = _name(after, uuid)
        try:
            await context.on_node(node, PlugDevice(spec, uuid), TIMEOUT)
        except GanetiError as e:
            context.warn(f"{name} could not be plugged into {after.name}, it comes with the next start: {e.text}")
            told.append((f"hotplug.{name}", "failed"))
        else:
            told.append((f"hotplug.{name}", "plugged"))
    return told


def _name(instance: Instance, uuid: str) -> str:
    if uuid in instance.disks:
        return f"disk/{instance.disks.index(uuid)}"
    return f"nic/{[nic.uuid for nic in instance.nics].index(uuid)}"
