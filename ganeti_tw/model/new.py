"""Objects as they are when they are new.

Whoever calls hands in the UUIDs and ``now``, in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen

from ganeti_tw.errors import BadRequest
from ganeti_tw.model import defaults
from ganeti_tw.model.base import EMPTY
from ganeti_tw.model.cluster import CONFIG_VERSION, Cluster, Top
from ganeti_tw.model.codec import row
from ganeti_tw.model.disk import Disk
from ganeti_tw.model.group import Group
from ganeti_tw.model.hvparams import HYPERVISORS
from ganeti_tw.model.instance import Instance, Nic
from ganeti_tw.model.node import Node
from ganeti_tw.model.rows import Put

DEFAULT_GROUP = "default"


@frozen
class Beginning:
    """The first configuration of a cluster."""

    top: Top
    cluster: Cluster
    group: Group
    node: Node

    def rows(self) -> tuple[Put, ...]:
        return tuple(row(thing) for thing in (self.top, self.cluster, self.group, self.node))


def new_cluster(
    name: str,
    *,
    now: float,
    uuid: Callable[[], str],
    node_name: str,
    node_ip: str,
    node_secondary_ip: str = "",
    node_uuid: str = "",
    master_ip: str,
    master_netdev: str = "",
    enabled_hypervisors: tuple[str, ...] = ("xen-pvm",),
    enabled_disk_templates: tuple[str, ...] = ("drbd", "plain"),
    hvparams: Mapping[str, Mapping[str, Any]] = EMPTY,
    beparams: Mapping[str, Any] = EMPTY,
    nicparams: Mapping[str, Any] = EMPTY,
    ndparams: Mapping[str, Any] = EMPTY,
    diskparams: Mapping[str, Mapping[str, Any]] = EMPTY,
    ipolicy: Mapping[str, Any] = EMPTY,
    volume_group_name: str | None = None,
    drbd_usermode_helper: str | None = None,
    **settings: Any,
) -> Beginning:
    """A cluster of one node, its master, in the group ``default``.

    Parameters are own values, checked already, put over the built-in ones;
    ``settings`` are other fields of :class:`Cluster`.  Without a
    ``node_secondary_ip`` the node has one address, without a ``node_uuid`` a new
    one; without ``master_netdev`` it is the link of the NIC parameters.
    """
    _check_kinds(enabled_hypervisors, enabled_disk_templates)
    lvm = {"plain", "drbd"} & set(enabled_disk_templates)
    if lvm and volume_group_name is None:
        volume_group_name = "xenvg"
    if "drbd" in enabled_disk_templates and drbd_usermode_helper is None:
        drbd_usermode_helper = "/bin/true"
    nic = {**defaults.NICPARAMS, **nicparams}
    group = new_group(DEFAULT_GROUP, uuid=uuid(), now=now)
    node = new_node(
        node_name,
        uuid=node_uuid or uuid(),
        now=now,
        primary_ip=node_ip,
        secondary_ip=node_secondary_ip or node_ip,
        group=group.uuid,
        master_candidate=True,
    )
    fields: dict[str, Any] = {
        "default_iallocator": "hail",
        "file_storage_dir": "/srv/ganeti/file-storage",
        "shared_file_storage_dir": "/srv/ganeti/shared-file-storage",
        "gluster_storage_dir": "/var/run/ganeti/gluster",
        "master_netmask": 128 if settings.get("primary_ip_family") == 10 else 32,
        "hv_state_static": {hypervisor: dict(defaults.HV_STATE) for hypervisor in enabled_hypervisors},
        "data_collectors": {
            collector: {"active": True, "interval": defaults.COLLECTOR_INTERVAL_US} for collector in defaults.COLLECTORS
        },
        **settings,
    }
    cluster = Cluster(
        cluster_name=name,
        uuid=uuid(),
        serial_no=1,
        ctime=now,
        mtime=now,
        master_node=node.uuid,
        master_ip=master_ip,
        master_netdev=master_netdev or nic["link"],
        volume_group_name=volume_group_name,
        drbd_usermode_helper=drbd_usermode_helper,
        enabled_hypervisors=enabled_hypervisors,
        enabled_disk_templates=enabled_disk_templates,
        hvparams={hv: {**built_in, **hvparams.get(hv, EMPTY)} for hv, built_in in defaults.HVPARAMS.items()},
        beparams={"default": {**defaults.BEPARAMS, **beparams}},
        nicparams={"default": nic},
        ndparams={**defaults.NDPARAMS, **ndparams},
        diskparams=_diskparams(volume_group_name, diskparams),
        ipolicy={**defaults.IPOLICY, "disk-templates": list(enabled_disk_templates), **ipolicy},
        **fields,
    )
    return Beginning(Top(CONFIG_VERSION, 1, now, now), cluster, group, node)


def _check_kinds(hypervisors: tuple[str, ...], disk_templates: tuple[str, ...]) -> None:
    for hypervisor in hypervisors:
        if hypervisor not in HYPERVISORS:
            raise BadRequest(f"there is no hypervisor {hypervisor!r}; there are {', '.join(HYPERVISORS)}")
    for template in disk_templates:
        if template not in defaults.DISK:
            raise BadRequest(f"there is no disk template {template!r}; there are {', '.join(defaults.DISK)}")


def _diskparams(vg: str | None, own: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    params = {template: {**values, **own.get(template, EMPTY)} for template, values in defaults.DISKPARAMS.items()}
    if vg and "metavg" not in own.get("drbd", EMPTY):
        params["drbd"]["metavg"] = vg
    return params


def new_group(name: str, *, uuid: str, now: float, **fields: Any) -> Group:
    return Group(name=name, uuid=uuid, serial_no=1, ctime=now, mtime=now, **fields)


def new_node(
    name: str, *, uuid: str, now: float, primary_ip: str, group: str, secondary_ip: str = "", **fields: Any
) -> Node:
    """A regular node, powered, capable of everything; without a secondary address it has one address."""
    return Node(
        name=name,
        uuid=uuid,
        serial_no=1,
        ctime=now,
        mtime=now,
        primary_ip=primary_ip,
        secondary_ip=secondary_ip or primary_ip,
        group=group,
        **fields,
    )


def new_instance(
    name: str, *, uuid: str, now: float, primary_node: str, hypervisor: str, os: str = "", **fields: Any
) -> Instance:
    """An instance that should be down and has no disks and NICs unless ``fields`` say so."""
    return Instance(
        name=name,
        uuid=uuid,
        serial_no=1,
        ctime=now,
        mtime=now,
        primary_node=primary_node,
        hypervisor=hypervisor,
        os=os,
        **fields,
    )


def new_disk(
    dev_type: str, *, uuid: str, now: float, index: int, size: int, logical_id: tuple[Any, ...], **fields: Any
) -> Disk:
    """Disk number ``index`` of an instance; ``size`` in MiB."""
    return Disk(
        dev_type=dev_type,
        uuid=uuid,
        serial_no=1,
        ctime=now,
        mtime=now,
        iv_name=f"disk/{index}",
        size=size,
        logical_id=logical_id,
        **fields,
    )


def new_nic(mac: str, *, uuid: str, **fields: Any) -> Nic:
    return Nic(mac=mac, uuid=uuid, **fields)
