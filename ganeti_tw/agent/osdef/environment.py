"""The environment of OS scripts, exactly as Ganeti makes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganeti_tw.agent.osdef.definition import OsDefinition
from ganeti_tw.protocol.instance import DiskSpec, InstanceSpec, NetworkSpec, NicSpec

SEARCH_PATH = "/sbin:/bin:/usr/sbin:/usr/bin"
_FILE_TEMPLATES = ("file", "sharedfile", "gluster")


def core_environment(
    definition: OsDefinition, os_name: str, osparams: Mapping[str, Any], debug_level: int = 0
) -> dict[str, str]:
    """What every script gets; all that ``verify`` gets."""
    result = {
        "PATH": SEARCH_PATH,
        "PWD": definition.path,
        "OS_API_VERSION": str(definition.api),
        "OS_NAME": definition.name,
        "OS_VARIANT": definition.variant_of(os_name),
        "DEBUG_LEVEL": str(debug_level),
    }
    for name, value in osparams.items():
        result["OSP_" + name.upper().replace("-", "_")] = str(value)
    return result


def script_environment(
    definition: OsDefinition,
    spec: InstanceSpec,
    disks: Mapping[int, str],
    *,
    reinstall: bool = False,
    debug_level: int = 0,
) -> dict[str, str]:
    """What ``create`` gets.  ``disks``: path of each disk by index."""
    result = core_environment(definition, spec.os, spec.osparams, debug_level)
    result.update(
        INSTANCE_NAME=spec.name,
        INSTANCE_OS=spec.os,
        INSTANCE_UUID=spec.uuid,
        INSTANCE_CTIME=str(spec.ctime),
        INSTANCE_MTIME=str(spec.mtime),
        INSTANCE_PRIMARY_NODE=spec.primary_node,
        INSTANCE_SECONDARY_NODES=" ".join(spec.secondary_nodes),
        HYPERVISOR=spec.hypervisor,
        DISK_COUNT=str(len(spec.disks)),
        NIC_COUNT=str(len(spec.nics)),
    )
    if reinstall:
        result["INSTANCE_REINSTALL"] = "1"
    for disk in spec.disks:
        result.update(_numbered("DISK", disk.index, _disk(disk, disks.get(disk.index), spec.hvparams)))
    for nic in spec.nics:
        result.update(_numbered("NIC", nic.index, _nic(nic, spec.hvparams)))
    result.update({f"INSTANCE_BE_{name}": str(value) for name, value in spec.beparams.items()})
    result.update({f"INSTANCE_HV_{name}": str(value) for name, value in spec.hvparams.items()})
    return result


def _numbered(what: str, index: int, values: Mapping[str, str | None]) -> dict[str, str]:
    """Unset values are left out."""
    return {f"{what}_{index}_{name}": value for name, value in values.items() if value is not None}


def _disk(disk: DiskSpec, path: str | None, hvparams: Mapping[str, Any]) -> dict[str, str | None]:
    kind = f"file:{disk.logical_id[0]}" if disk.dev_type in _FILE_TEMPLATES else "block"
    return {
        "PATH": path,
        "ACCESS": disk.mode,
        "SIZE": str(disk.size_mib),
        "UUID": disk.uuid,
        "NAME": disk.name or None,
        "FRONTEND_TYPE": _text(hvparams.get("disk_type")),
        "BACKEND_TYPE": kind,
    }


def _nic(nic: NicSpec, hvparams: Mapping[str, Any]) -> dict[str, str | None]:
    result = {
        "MAC": nic.mac,
        "UUID": nic.uuid,
        "MODE": nic.mode,
        "NAME": nic.name or None,
        "IP": nic.ip or None,
        "LINK": nic.link or None,
        "BRIDGE": (nic.link or None) if nic.mode == "bridged" else None,
        "FRONTEND_TYPE": _text(hvparams.get("nic_type")),
    }
    if nic.network is not None:
        result.update(_network(nic.network))
    return result


def _network(network: NetworkSpec) -> dict[str, str | None]:
    return {
        "NETWORK_NAME": network.name,
        "NETWORK_UUID": network.uuid,
        "NETWORK_SUBNET": network.subnet or None,
        "NETWORK_GATEWAY": network.gateway or None,
        "NETWORK_SUBNET6": network.subnet6 or None,
        "NETWORK_GATEWAY6": network.gateway6 or None,
        "NETWORK_MAC_PREFIX": network.mac_prefix or None,
        "NETWORK_TAGS": " ".join(network.tags) or None,
    }


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
