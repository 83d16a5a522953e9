"""What a new cluster begins with: its configuration, its authority, its secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import msgspec
from attrs import field, fields, frozen

from ganeti_tw.config.secrets import Issued, Secrets, new_secret
from ganeti_tw.daemon.record import HostRecord
from ganeti_tw.errors import BadRequest, ResolverError, WrongState
from ganeti_tw.ledger.seam import Snapshot
from ganeti_tw.model import policy
from ganeti_tw.model.cluster import Cluster
from ganeti_tw.model.declared import is_plain_absolute
from ganeti_tw.model.defaults import IPOLICY
from ganeti_tw.model.names import host_name, mac_prefix
from ganeti_tw.model.new import Beginning, new_cluster
from ganeti_tw.model.node import Node
from ganeti_tw.model.parameters import CLUSTER, beparams, diskparams, hvparams, ndparams, nicparams
from ganeti_tw.model.rows import Put
from ganeti_tw.wire.certificates import CertificateAuthority

if TYPE_CHECKING:
    from ganeti_tw.daemon.host import Host
    from ganeti_tw.daemon.outside import Outside

__all__ = ["NewCluster", "beginning", "found_cluster", "make_cluster", "parse"]

FIRST_EPOCH = 1


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
    ipolicy: dict[str, Any] = field(factory=dict)
    ispecs: dict[str, dict[str, int]] = field(factory=dict)  # key -> min, max and std where they are given
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
    unknown = sorted(set(options) - {f.name for f in fields(NewCluster)})
    if unknown:
        raise BadRequest(f"init: there is no option {', '.join(unknown)}")
    try:
        return msgspec.convert(options, NewCluster)
    except msgspec.ValidationError as e:
        raise BadRequest(f"init: {e}") from None


def beginning(
    new: NewCluster,
    *,
    node_name: str,
    node_ip: str,
    master_ip: str,
    now: float,
    new_uuid: Callable[[], str],
) -> Beginning:
    """The first objects of the configuration; BadRequest for every option that cannot work."""
    size = 10 if new.candidate_pool_size is None else new.candidate_pool_size
    if size < 1:
        raise BadRequest(f"candidate pool size {size}: at least 1 is needed")
    if new.secondary_ip is not None and new.secondary_ip != node_ip:
        raise BadRequest("a network of its own for replication (secondary IP) is not supported yet")
    templates = _distinct(new.enabled_disk_templates, ("file", "diskless"), "disk template")
    longest = 128 if ":" in master_ip else 32
    if new.master_netmask is not None and not 0 < new.master_netmask <= longest:
        raise BadRequest(f"netmask {new.master_netmask} of the cluster's address is not from 1 to {longest}")
    return new_cluster(
        host_name(new.cluster_name),
        now=now,
        uuid=new_uuid,
        node_name=node_name,
        node_ip=node_ip,
        master_ip=master_ip,
        master_netdev=new.master_netdev or "",
        enabled_hypervisors=_distinct(new.enabled_hypervisors, ("kvm",), "hypervisor"),
        enabled_disk_templates=templates,
        hvparams={name: hvparams(name, {}, given, CLUSTER) for name, given in new.hvparams.items()},
        beparams=beparams({}, new.beparams, level=CLUSTER),
        nicparams=nicparams({}, new.nicparams, CLUSTER),
        ndparams=ndparams({}, new.ndparams, CLUSTER),
        diskparams=diskparams({}, new.diskparams, CLUSTER),
        ipolicy=_ipolicy(new, templates),
        mac_prefix=mac_prefix(new.mac_prefix or "aa:00:00"),
        master_netmask=longest if new.master_netmask is None else new.master_netmask,
        file_storage_dir=_directory(new.file_storage_dir, "/srv/ganeti/file-storage"),
        shared_file_storage_dir=_directory(new.shared_file_storage_dir, "/srv/ganeti/shared-file-storage"),
        gluster_storage_dir=_directory(new.gluster_storage_dir, "/var/run/ganeti/gluster"),
        candidate_pool_size=size,
        modify_etc_hosts=new.modify_etc_hosts,
        modify_ssh_setup=new.modify_ssh_setup,
        maintain_node_health=new.maintain_node_health,
        default_iallocator=new.default_iallocator or "",
        prealloc_wipe_disks=bool(new.prealloc_wipe_disks),
        enabled_user_shutdown=bool(new.enabled_user_shutdown),
    )


def _ipolicy(new: NewCluster, templates: tuple[str, ...]) -> dict[str, Any]:
    """The whole instance policy; without a word about templates, those enabled."""
    ipolicy: dict[str, Any] = {**IPOLICY, "disk-templates": list(templates)}
    given = dict(new.ipolicy)
    if new.ispecs:
        if "minmax" in given or "std" in given:
            raise BadRequest("give the instance policy as minmax and std, or by key, not both")
        pair = ipolicy["minmax"][0]
        specs = {"min": pair["min"], "max": pair["max"], "std": ipolicy["std"]}
        for key, values in new.ispecs.items():
            specs = {name: {**spec, key: values.get(name, spec.get(key))} for name, spec in specs.items()}
        given |= {"minmax": [{"min": specs["min"], "max": specs["max"]}], "std": specs["std"]}
    updated = policy.updated(ipolicy, given, group=False)
    policy.only_enabled(updated, templates)
    return updated


async def make_cluster(host: Host, new: NewCluster) -> None:
    """Make a host that is in no cluster the master of a new one."""
    outside, name = host.outside, host.name
    master_ip = await _cluster_address(outside, new.cluster_name)
    node_ip = await host.own_address()
    if master_ip == node_ip:
        raise WrongState(f"{new.cluster_name} needs an address of its own, {master_ip} is that of {name}")
    begin = beginning(
        new, node_name=name, node_ip=node_ip, master_ip=master_ip, now=outside.now(), new_uuid=outside.new_uuid
    )
    await found_cluster(host, begin.cluster, begin.node, begin.rows())


async def found_cluster(
    host: Host, cluster: Cluster, node: Node, rows: Iterable[Put], *, voting: bool = True
) -> None:
    """Put the ledger of a cluster that has these objects on the disk of a host, and make it its master."""
    outside, name = host.outside, host.name
    now = outside.now()
    unjoined = host.unjoined()
    assert unjoined is not None, "a host without a record is in no cluster"
    authority = CertificateAuthority.create(cluster.cluster_name, now)
    certificate = authority.sign(unjoined.csr(), name, now, number=1)
    identity = unjoined.join(certificate, authority.certificate)
    hmac_key = new_secret(outside.random_bytes)
    issued = Issued().next().in_use(name, 1, identity.fingerprint)
    puts = [*rows, *Secrets(authority.key + authority.certificate, hmac_key, issued).puts()]
    await outside.store.install(Snapshot(1, FIRST_EPOCH, {(p.kind, p.key): p.value for p in puts}))
    record = HostRecord(
        cluster=cluster.cluster_name,
        cluster_uuid=cluster.uuid,
        name=name,
        uuid=node.uuid,
        epoch=FIRST_EPOCH,
        master=name,
        candidates=(name,),
        addresses={name: node.primary_ip},
        hypervisors=tuple(cluster.enabled_hypervisors),
        file_storage_dirs={"file": cluster.file_storage_dir, "sharedfile": cluster.shared_file_storage_dir},
    )
    await host.joined(record, identity, hmac_key, voting)


async def _cluster_address(outside: Outside, name: str) -> str:
    try:
        return await outside.address_of(name)
    except ResolverError as e:
        raise ResolverError(f"the cluster needs an address: {e.text}") from None


def _distinct(given: list[str] | None, default: tuple[str, ...], what: str) -> tuple[str, ...]:
    if given is not None and not given:
        raise BadRequest(f"at least one {what} is needed")
    return tuple(dict.fromkeys(given)) if given is not None else default


def _directory(given: str | None, default: str) -> str:
    if given is None:
        return default
    if not is_plain_absolute(given):
        raise BadRequest(f"storage directory {given!r} is no absolute path without . or .. parts")
    return given
