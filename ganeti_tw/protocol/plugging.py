"""Changing the devices of guests while they run."""

from __future__ import annotations

from attrs import frozen

from ganeti_tw.protocol.instance import InstanceSpec
from ganeti_tw.protocol.registry import wire


@wire("node.ask_plugging/1", what="tell whether a running instance can be changed", answer=str, looks=True)
@frozen
class AskPlugging:
    """Answer: why the devices of this guest cannot be changed as it runs, in words; empty when they can."""

    name: str
    hypervisor: str


@wire("node.plug_device/1", what="add a device to a running instance", answer=None)
@frozen
class PlugDevice:
    """Give a running guest the disk or NIC of this UUID, which ``spec`` has.  Answer: None, also when it has it."""

    spec: InstanceSpec
    uuid: str


@wire("node.unplug_device/1", what="take a device from a running instance", answer=None)
@frozen
class UnplugDevice:
    """Take the disk or NIC of this UUID, which ``spec`` has, from a running guest.  Answer: None, also without it."""

    spec: InstanceSpec
    uuid: str
