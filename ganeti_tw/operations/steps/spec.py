"""Describing instances to nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganeti_tw.model.config import Config
from ganeti_tw.model.disk import Disk
from ganeti_tw.model.instance import Instance, Nic
from ganeti_tw.protocol.instance import DiskSpec, InstanceSpec, NetworkSpec, NicSpec


def disk_spec(index: int, disk: Disk) -> DiskSpec:
    """A disk as its node needs to know it."""
    return DiskSpec(
        uuid=disk.uuid,
        index=index,
        dev_type=disk.dev_type,
        size_mib=disk.size,
        mode=disk.mode,
        logical_id=tuple(disk.logical_id),
        name=disk.name,
        params=dict(disk.params),
    )


def instance_spec(
    config: Config,
    instance: Instance,
    *,
    disks: tuple[Disk, ...] | None = None,
    hvparams: Mapping[str, Any] | None = None,
    beparams: Mapping[str, Any] | None = None,
    osparams: Mapping[str, Any] | None = None,
) -> InstanceSpec:
    """The instance with all parameters filled in; the mappings given count for this once."""
    all_disks = config.disks_of(instance) if disks is None else disks
    return InstanceSpec(
        name=instance.name,
        uuid=instance.uuid,
        os=instance.os,
        hypervisor=instance.hypervisor,
        hvparams={**config.filled_hvparams(instance), **(hvparams or {})},
        beparams={**config.filled_beparams(instance), **(beparams or {})},
        disks=tuple(disk_spec(i, d) for i, d in enumerate(all_disks)),
        nics=tuple(_nic_spec(config, instance, i, nic) for i, nic in enumerate(instance.nics)),
        primary_node=instance.primary_node,
        secondary_nodes=tuple(config.secondary_nodes(instance)) if disks is None else (),
        osparams={**config.filled_osparams(instance), **(osparams or {})},
        tags=tuple(instance.tags),
        network_port=instance.network_port,
        ctime=instance.ctime,
        mtime=instance.mtime,
    )


def _nic_spec(config: Config, instance: Instance, index: int, nic: Nic) -> NicSpec:
    filled = config.filled_nicparams(instance, nic)
    return NicSpec(
        uuid=nic.uuid,
        index=index,
        mac=nic.mac,
        mode=filled["mode"],
        link=filled["link"],
        vlan=filled.get("vlan", ""),
        ip=nic.ip,
        name=nic.name,
        network=_network_spec(config, nic.network) if nic.network else None,
    )


def _network_spec(config: Config, uuid: str) -> NetworkSpec:
    network = config.network(uuid)
    return NetworkSpec(
        name=network.name,
        uuid=network.uuid,
        subnet=network.network,
        gateway=network.gateway,
        subnet6=network.network6,
        gateway6=network.gateway6,
        mac_prefix=network.mac_prefix,
        tags=tuple(network.tags),
    )
