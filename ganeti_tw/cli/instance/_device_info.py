"""Network cards and disks in the output of ``gnt-instance info``."""

from __future__ import annotations

from typing import Any

from ganeti_tw.cli.structured import Pair
from ganeti_tw.cli.table import size

UNKNOWN = 3
FAULTY = 4
"""Local disk status."""


def nic_info(index: int, nic: list[Any]) -> list[Pair]:
    name, uuid, ip, mac, mode, link, vlan, _, network = nic
    shown = [
        Pair("MAC", mac),
        Pair("IP", ip),
        Pair("mode", mode),
        Pair("link", link),
        Pair("vlan", vlan),
        Pair("network", network["name"] if network else None),
        Pair("UUID", uuid),
        Pair("name", name),
    ]
    return [Pair(f"nic/{index}", ""), *shown]


def disk_info(index: int, disk: dict[str, Any], *, child: bool = False) -> list[Pair]:
    title = f"child {index}" if child else disk["iv_name"] or f"disk {index}"
    mib = disk["size"]
    shown = [Pair(title, f"{disk['dev_type']}, size {size(mib, 'h') if isinstance(mib, (int, float)) else mib}")]
    if not child:
        if disk["spindles"] is not None:
            shown.append(Pair("spindles", disk["spindles"]))
        shown.append(Pair("access mode", disk["mode"]))
    shown += _where(disk)
    for place, status in (("primary", disk["pstatus"]), ("secondary", disk["sstatus"])):
        if status:
            shown.append(Pair(f"on {place}", status_text(disk["dev_type"], status)))
    shown += [Pair("name", disk["name"]), Pair("UUID", disk["uuid"])]
    if disk["children"]:
        children = [disk_info(number, part, child=True) for number, part in enumerate(disk["children"])]
        shown.append(Pair("child devices", children))
    return shown


def _where(disk: dict[str, Any]) -> list[Pair]:
    drbd = disk["drbd_info"]
    if disk["dev_type"] == "drbd" and drbd:
        return [
            Pair("nodeA", f"{drbd['primary_node']}, minor={drbd['primary_minor']}"),
            Pair("nodeB", f"{drbd['secondary_node']}, minor={drbd['secondary_minor']}"),
            Pair("port", drbd["port"]),
        ]
    match disk["dev_type"], disk["logical_id"]:
        case _, None:
            return []
        case "plain", [group, volume]:
            return [Pair("logical_id", f"{group}/{volume}")]
        case _, identity:
            return [Pair("logical_id", str(identity))]


def status_text(kind: str, status: list[Any]) -> str:
    """``path (major:minor)`` and how the device does."""
    path, major, minor, percent, seconds, degraded, local = status
    text = f"{path} ({_number(major)}:{_number(minor)})"
    if kind == "drbd":
        sync = "in sync" if percent is None else f"*RECOVERING* {percent:5.2f}%, ETA {_number(seconds, 'unknown', 's')}"
        trouble = {FAULTY: " *MISSING DISK*", UNKNOWN: " *UNCERTAIN STATE*"}.get(local, "")
        return f"{text} {sync}, status {'*DEGRADED*' if degraded else 'ok'}{trouble}"
    if kind == "plain" and local == FAULTY:
        return f"{text} *FAILED* (failed drive?)"
    return text


def _number(value: Any, missing: str = "N/A", unit: str = "") -> str:
    return missing if value is None else f"{value}{unit}"
