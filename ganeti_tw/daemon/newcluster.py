"""What a new cluster begins with: its configuration, its authority, its secrets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from attrs import field, frozen

from ganeti_tw.errors import BadRequest
from ganeti_tw.model import defaults
from ganeti_tw.model.cluster import CONFIG_VERSION, Cluster, Top
from ganeti_tw.model.codec import row
from ganeti_tw.model.group import Group
from ganeti_tw.model.names import host_name, mac_prefix
from ganeti_tw.model.node import Node
from ganeti_tw.model.parameters import CLUSTER, beparams, diskparams, hvparams, ndparams, nicparams
from ganeti_tw.model.paths import Paths
from ganeti_tw.model.rows import Put

SECRET = "secret"  # kind of ledger rows: what only master candidates know
DEFAULT_GROUP = "default"


@frozen
class NewCluster:
    """The options of ``gnt-cluster init``; None is Ganeti's default."""

    cluster_name: str
    enabled_hypervisors: list[str] | None = None
    enabled_disk_templates: list[str] | None = None
    hvparams: dict[str, dict[str, Any]] = field(factory=dict)
    beparams: dict[str, Any] = field(factory=dict)
    nicparams: dict[str, Any] = field(factory=dict)
    ndparams: dict[str, Any] = field(factory=dict)
    diskparams: dict[str, dict[str, Any]] = field(factory=dict)
    candidate_pool_size: int | None = None
    mac_prefix: str | None = None
    master_netdev: str | None = None
    master_netmask: int | None = None
    secondary_ip: str | None = None
    file_storage_dir: str | None = None
    shared_file_storage_dir: str | None = None
    gluster_storage_dir: str | None = None
    maintain_node_health: bool = False
    modify_etc_hosts: bool = True
    modify_ssh_setup: bool = True
    prealloc_wipe_disks: bool | None = None
    enabled_user_shutdown: bool | None = None
    default_iallocator: str | None = None


def parse(options: dict[str, Any]) -> NewCluster:
    """BadRequest names the option that does not fit."""
    try:
        return msgspec.convert(options, NewCluster)
    except msgspec.ValidationError as e:
        raise BadRequest(f"init: {e}") from None


def objects(
    new: NewCluster,
    *,
    node_name: str,
    node_ip: str,
    master_ip: str,
    paths: Paths,
    now: float,
    new_uuid: Callable[[], str],
) -> tuple[Top, Cluster, Group, Node]:
    """The first objects of the configuration; BadRequest for every option that cannot work."""
    hypervisors = _known(new.enabled_hypervisors or ["kvm"], defaults.HVPARAMS, "hypervisor")
    templates = _known(new.enabled_disk_templates or ["file", "diskless"], defaults.DISKPARAMS, "disk template")
    size = 10 if new.candidate_pool_size is None else new.candidate_pool_size
    if size < 1:
        raise BadRequest(f"candidate pool size {size}: at least 1 is needed")
    unknown = sorted(set(new.hvparams) - set(defaults.HVPARAMS))
    if unknown:
        raise BadRequest(f"hypervisor parameters for unknown hypervisor {', '.join(unknown)}")
    storage = paths.below("/srv/ganeti")
    group_uuid, node_uuid = new_uuid(), new_uuid()
    cluster = Cluster(
        cluster_name=host_name(new.cluster_name),
        master_node=node_uuid,
        uuid=new_uuid(),
        serial_no=1,
        ctime=now,
        mtime=now,
        mac_prefix=mac_prefix(new.mac_prefix or "aa:00:00"),
        master_ip=master_ip,
        master_netdev=new.master_netdev or "lo",
        master_netmask=32 if new.master_netmask is None else new.master_netmask,
        file_storage_dir=_directory(new.file_storage_dir, f"{storage}/file-storage"),
        shared_file_storage_dir=_directory(new.shared_file_storage_dir, f"{storage}/shared-file-storage"),
        gluster_storage_dir=_directory(new.gluster_storage_dir, paths.run + "/gluster"),
        enabled_hypervisors=tuple(hypervisors),
        hvparams={
            name: hvparams(name, table, new.hvparams.get(name, {}), CLUSTER) for name, table in defaults.HVPARAMS.items()
        },
        beparams={"default": beparams(defaults.BEPARAMS, new.beparams, level=CLUSTER)},
        nicparams={"default": nicparams(defaults.NICPARAMS, new.nicparams, CLUSTER)},
        ndparams=ndparams(defaults.NDPARAMS, new.ndparams, CLUSTER),
        diskparams=diskparams(defaults.DISKPARAMS, new.diskparams, CLUSTER),
        candidate_pool_size=size,
        modify_etc_hosts=new.modify_etc_hosts,
        modify_ssh_setup=new.modify_ssh_setup,
        maintain_node_health=new.maintain_node_health,
        default_iallocator=new.default_iallocator or "",
        prealloc_wipe_disks=bool(new.prealloc_wipe_disks),
        enabled_user_shutdown=bool(new.enabled_user_shutdown),
        ipolicy={**defaults.IPOLICY, "disk-templates": list(templates)},
        enabled_disk_templates=tuple(templates),
        data_collectors={
            name: {"active": True, "interval": defaults.COLLECTOR_INTERVAL_US} for name in defaults.COLLECTORS
        },
    )
    group = Group(uuid=group_uuid, name=DEFAULT_GROUP, serial_no=1, ctime=now, mtime=now)
    node = Node(
        uuid=node_uuid,
        name=node_name,
        serial_no=1,
        ctime=now,
        mtime=now,
        primary_ip=node_ip,
        secondary_ip=new.secondary_ip or node_ip,
        master_candidate=True,
        group=group_uuid,
        master_capable=True,
        vm_capable=True,
        powered=True,
    )
    return Top(CONFIG_VERSION, 1, now, now), cluster, group, node


def secret_rows(ca: str, hmac_key: str) -> list[Put]:
    """Rows that only master candidates hold; ``ca`` is key and certificate, PEM."""
    return [
        Put(SECRET, "ca", msgspec.json.encode(ca)),
        Put(SECRET, "hmac", msgspec.json.encode(hmac_key)),
    ]


def rows(*things: Any) -> list[Put]:
    """The rows of these objects."""
    return [row(thing) for thing in things]


def _known(names: list[str], table: Any, what: str) -> list[str]:
    unknown = [name for name in names if name not in table]
    if unknown or not names:
        raise BadRequest(f"there is no {what} {', '.join(unknown) or '(none given)'}; there are {', '.join(table)}")
    return list(dict.fromkeys(names))


def _directory(given: str | None, default: str) -> str:
    if given is None:
        return default
    if not given.startswith("/"):
        raise BadRequest(f"storage directory {given!r} is no absolute path")
    return given
