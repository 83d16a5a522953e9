"""Fields about the disks and NICs of instances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve

from ganeti_tw.api.query.fields import Field, field
from ganeti_tw.api.query.view import View
from ganeti_tw.model.disk import Disk
from ganeti_tw.model.disk_templates import space_taken
from ganeti_tw.model.instance import Instance, Nic
from ganeti_tw.model.network import Network

DISKS, NICS = 16, 8
"""How many of each have fields of their own; lists show all."""


_DiskValue = Callable[[Disk], Any]
_NicValue = Callable[[Nic, Instance, View], Any]


def _disk(i: Instance, view: View, index: int) -> Disk | None:
    return view.config.disks.get(i.disks[index]) if index < len(i.disks) else None


def _disk_field(index: int, name: str, title: str, kind: str, doc: str, value: _DiskValue) -> Field:
    def get(i: Instance, view: View) -> Any:
        disk = _disk(i, view, index)
        return value(disk) if disk is not None else None

    return field(f"disk.{name}/{index}", f"{title}/{index}", kind, f"{doc} of disk {index}", get)


def _disk_list(name: str, title: str, doc: str, value: _DiskValue) -> Field:
    def get(i: Instance, view: View) -> list[Any]:
        disks = (view.config.disks.get(uuid) for uuid in i.disks)
        return [value(disk) if disk is not None else None for disk in disks]

    return field(f"disk.{name}", title, "other", f"{doc} of each disk", get)


def _nic_field(index: int, name: str, title: str, doc: str, value: _NicValue) -> Field:
    def get(i: Instance, view: View) -> Any:
        return value(i.nics[index], i, view) if index < len(i.nics) else None

    return field(f"nic.{name}/{index}", f"{title}/{index}", "text", f"{doc} of NIC {index}", get)


def _nic_list(name: str, title: str, doc: str, value: _NicValue) -> Field:
    def get(i: Instance, view: View) -> list[Any]:
        return [value(nic, i, view) for nic in i.nics]

    return field(f"nic.{name}", title, "other", f"{doc} of each NIC", get)


def _usage(i: Instance, view: View) -> int:
    """MiB."""
    disks = (view.config.disks.get(uuid) for uuid in i.disks)
    return sum(space_taken(disk.dev_type, (disk.size,)) for disk in disks if disk is not None)


def _nic_parameter(name: str, mode: str | None = None) -> _NicValue:
    """A parameter that counts in all modes, or in one of them only."""

    def value(nic: Nic, i: Instance, view: View) -> Any:
        filled = view.config.filled_nicparams(i, nic)
        return filled.get(name) if mode is None or filled.get("mode") == mode else None

    return value


def _network(nic: Nic, view: View) -> Network | None:
    return view.config.networks.get(nic.network) if nic.network is not None else None


def _network_name(nic: Nic, i: Instance, view: View) -> str | None:
    network = _network(nic, view)
    return network.name if network is not None else None


_DISK_VALUES: tuple[tuple[str, str, str, str, str, str, _DiskValue], ...] = (
    # one: name, title, kind; all: name, title
    ("name", "DiskName", "text", "names", "Disk_names", "Name", lambda disk: disk.name),
    ("size", "Disk", "unit", "sizes", "Disk_sizes", "Size", lambda disk: disk.size),
    ("spindles", "DiskSpindles", "number", "spindles", "Disk_spindles", "Spindles", lambda disk: disk.spindles),
    ("uuid", "DiskUUID", "text", "uuids", "Disk_UUIDs", "UUID", lambda disk: disk.uuid),
)

_NIC_VALUES: tuple[tuple[str, str, str, str, str, _NicValue], ...] = (
    ("bridge", "NicBridge", "bridges", "NIC_bridges", "Bridge", _nic_parameter("link", "bridged")),
    ("ip", "NicIP", "ips", "NIC_IPs", "IP address", lambda nic, i, view: nic.ip),
    ("link", "NicLink", "links", "NIC_links", "Link", _nic_parameter("link")),
    ("mac", "NicMAC", "macs", "NIC_MACs", "MAC address", lambda nic, i, view: nic.mac),
    ("mode", "NicMode", "modes", "NIC_modes", "Mode", _nic_parameter("mode")),
    ("name", "NicName", "names", "NIC_Names", "Name", lambda nic, i, view: nic.name),
    ("network", "NicNetwork", "networks", "NIC_networks", "UUID of the network", lambda nic, i, view: nic.network),
    ("network.name", "NicNetworkName", "networks.names", "NIC_networks_names", "Network", _network_name),
    ("uuid", "NicUUID", "uuids", "NIC_UUIDs", "UUID", lambda nic, i, view: nic.uuid),
    ("vlan", "NicVLAN", "vlans", "NIC_VLANs", "VLAN", _nic_parameter("vlan", "openvswitch")),
)

_OLD_NAMES = {
    "bridge": "nic.bridge/0",
    "ip": "nic.ip/0",
    "mac": "nic.mac/0",
    "nic_link": "nic.link/0",
    "nic_mode": "nic.mode/0",
    "nic_network": "nic.network/0",
    "sda_size": "disk.size/0",
    "sdb_size": "disk.size/1",
}


def device_fields() -> tuple[Field, ...]:
    """All of them; each of the first disks and NICs has its own."""
    found = [
        field("disk.count", "Disks", "number", "How many disks it has", lambda i, view: len(i.disks)),
        field("disk_usage", "DiskUsage", "unit", "What its disks take on each of its nodes", _usage),
        field("nic.count", "NICs", "number", "How many NICs it has", lambda i, view: len(i.nics)),
    ]
    for name, title, kind, names, titles, doc, disk_value in _DISK_VALUES:
        found.append(_disk_list(names, titles, doc, disk_value))
        found += [_disk_field(n, name, title, kind, doc, disk_value) for n in range(DISKS)]
    for name, title, names, titles, doc, nic_value in _NIC_VALUES:
        found.append(_nic_list(names, titles, doc, nic_value))
        found += [_nic_field(n, name, title, doc, nic_value) for n in range(NICS)]
    by_name = {f.name: f for f in found}
    return (*found, *(evolve(by_name[name], name=old) for old, name in _OLD_NAMES.items()))
