"""Disks and NICs of running domains: how those to plug are described, and those there are found.  Pure."""

from __future__ import annotations

from string import ascii_lowercase
from xml.etree.ElementTree import Element, fromstring, tostring

from ganeti_tw.agent.hypervisor.kvm_devices import add_disk, add_nic, bus_of, serial_of
from ganeti_tw.errors import BadRequest
from ganeti_tw.protocol.instance import DiskSpec, InstanceSpec, NicSpec

PLUGGABLE = ("virtio", "scsi")
NOT_PLUGGABLE = "ne2k_isa"  # a NIC on a bus that nothing can be plugged into


def described(spec: InstanceSpec, device: DiskSpec | NicSpec, path: str, ifup: str, domain: str) -> str:
    """The device for libvirt, with a name that none in ``domain``, a running one's XML, has.  BadRequest."""
    parent = Element("devices")
    if isinstance(device, NicSpec):
        if spec.hvparams.get("nic_type") == NOT_PLUGGABLE:
            raise BadRequest(f"network cards of type {NOT_PLUGGABLE} cannot be plugged into a running guest")
        add_nic(parent, spec.hvparams, device, ifup)
    else:
        bus, prefix = bus_of(spec.hvparams)
        if bus not in PLUGGABLE:
            raise BadRequest(f"disks on bus {bus} cannot be plugged into a running guest, only {', '.join(PLUGGABLE)}")
        taken = {target.get("dev") for target in fromstring(domain).iterfind("devices/disk/target")}
        free = next((prefix + letter for letter in ascii_lowercase if prefix + letter not in taken), None)
        if free is None:
            raise BadRequest(f"{spec.name} has as many disks as can be named")
        add_disk(parent, spec.hvparams, device, path, free, bus)
    return tostring(parent[0], encoding="unicode")


def found(device: DiskSpec | NicSpec, domain: str) -> str | None:
    """The device as the running domain has it; None when it does not."""
    devices = fromstring(domain).find("devices")
    if devices is None:
        return None
    for element in devices.iterfind("interface" if isinstance(device, NicSpec) else "disk"):
        if isinstance(device, NicSpec):
            mac = element.find("mac")
            here = mac is not None and str(mac.get("address")).lower() == device.mac.lower()
        else:
            here = element.findtext("serial") == serial_of(device)
        if here:
            return tostring(element, encoding="unicode")
    return None
