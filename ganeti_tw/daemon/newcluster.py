"""What a new cluster begins with: its configuration, its authority, its secrets."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from attrs import evolve, field, fields, frozen

from ganeti_tw.config.secrets import Issued, Secrets, new_secret
from ganeti_tw.daemon.record import HostRecord
from ganeti_tw.errors import BadRequest, ResolverError, WrongState
from ganeti_tw.ledger.seam import Snapshot
from ganeti_tw.model import policy
from ganeti_tw.model.cluster import IPV4_FAMILY, IPV6_FAMILY, Cluster
from ganeti_tw.model.config import Config
from ganeti_tw.model.declared import is_plain_absolute
from ganeti_tw.model.defaults import IPOLICY
from ganeti_tw.model.names import host_name, mac_prefix
from ganeti_tw.model.new import Beginning, new_cluster
from ganeti_tw.model.node import Node
from ganeti_tw.model.parameters import CLUSTER, beparams, diskparams, hvparams, ndparams, nicparams
from ganeti_tw.model.rows import Put
from ganeti_tw.operations.cluster.modify import ClusterSetParams
from ganeti_tw.operations.cluster.settings import with_settings
from ganeti_tw.wire.certificates import CertificateAuthority

IP_FAMILIES = {4: IPV4_FAMILY, 6: IPV6_FAMILY}
"""By version of IP."""
AS_MODIFIED = (
    "compression_tools",
    "default_iallocator",
    "default_iallocator_params",
    "disk_state",
    "drbd_helper",
    "hv_state",
    "install_image",
    "uid_pool",
    "use_external_mip_script",
    "vg_name",
    "zeroing_image",
)
"""Options that are, with their rules, those of ``gnt-cluster modify``."""
KEY_BITS = {"rsa": 2048, "dsa": 1024, "ecdsa": 256}
"""Kind of ssh key -> its length when none is given."""
ECDSA_BITS = (256, 384, 521)
SHORTEST_RSA = 768

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
    default_iallocator_params: dict[str, Any] | None = None
    compression_tools: list[str] | None = None
    disk_state: dict[str, Any] | None = None
    hv_state: dict[str, Any] | None = None
    drbd_helper: str | None = None
    vg_name: str | None = None
    install_image: str | None = None
    zeroing_image: str | None = None
    primary_ip_version: int = 4
    ssh_key_type: Literal["rsa", "dsa", "ecdsa"] = "rsa"
    ssh_key_bits: int | None = None
    uid_pool: list[tuple[int, int]] | None = None
    use_external_mip_script: bool | None = None

    @property
    def ip_family(self) -> int:
        """The number of its version of IP; BadRequest when there is no such version."""
        if self.primary_ip_version not in IP_FAMILIES:
            raise BadRequest(f"primary IP version {self.primary_ip_version}: there are 4 and 6")
        return IP_FAMILIES[self.primary_ip_version]


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
    family = new.ip_family
    _check_addresses(new, node_ip, master_ip)
    templates = _distinct(new.enabled_disk_templates, ("file", "diskless"), "disk template")
    longest = 128 if ":" in master_ip else 32
    if new.master_netmask is not None and not 0 < new.master_netmask <= longest:
        raise BadRequest(f"netmask {new.master_netmask} of the cluster's address is not from 1 to {longest}")
    begin = new_cluster(
        host_name(new.cluster_name),
        now=now,
        uuid=new_uuid,
        node_name=node_name,
        node_ip=node_ip,
        node_secondary_ip=new.secondary_ip or "",
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
        volume_group_name=new.vg_name,
        primary_ip_family=family,
        mac_prefix=mac_prefix(new.mac_prefix or "aa:00:00"),
        master_netmask=longest if new.master_netmask is None else new.master_netmask,
        file_storage_dir=_directory(new.file_storage_dir, "/srv/ganeti/file-storage"),
        shared_file_storage_dir=_directory(new.shared_file_storage_dir, "/srv/ganeti/shared-file-storage"),
        gluster_storage_dir=_directory(new.gluster_storage_dir, "/var/run/ganeti/gluster"),
        candidate_pool_size=size,
        modify_etc_hosts=new.modify_etc_hosts,
        modify_ssh_setup=new.modify_ssh_setup,
        maintain_node_health=new.maintain_node_health,
        prealloc_wipe_disks=bool(new.prealloc_wipe_disks),
        enabled_user_shutdown=bool(new.enabled_user_shutdown),
        ssh_key_type=new.ssh_key_type,
        ssh_key_bits=_key_bits(new),
    )
    given = ClusterSetParams(**{name: getattr(new, name) for name in AS_MODIFIED})
    config = Config.from_rows({(p.kind, p.key): p.value for p in begin.rows()})
    return evolve(begin, cluster=with_settings(config, given))


def _check_addresses(new: NewCluster, node_ip: str, master_ip: str) -> None:
    """Primary addresses are of the version asked for; the one for replication is always an IPv4 address."""
    version = new.primary_ip_version
    for what, address in ((f"cluster {new.cluster_name}", master_ip), ("this host", node_ip)):
        if ipaddress.ip_address(address).version != version:
            raise BadRequest(f"primary IP version {version}, but the address of {what} is {address}")
    if new.secondary_ip is None:
        if version == 6:
            raise BadRequest("primary IP version 6: an IPv4 address for replication is needed too (secondary IP)")
        return
    try:
        ipaddress.IPv4Address(new.secondary_ip)
    except ValueError:
        raise BadRequest(f"secondary IP {new.secondary_ip!r} is no IPv4 address") from None
    if new.secondary_ip == master_ip:
        raise BadRequest(f"secondary IP {new.secondary_ip} is the address of the cluster itself")


def _key_bits(new: NewCluster) -> int:
    """The length of ssh keys, which not every kind can have."""
    bits = KEY_BITS[new.ssh_key_type] if new.ssh_key_bits is None else new.ssh_key_bits
    if new.ssh_key_type == "dsa" and bits != KEY_BITS["dsa"]:
        raise BadRequest(f"ssh keys of type dsa have {KEY_BITS['dsa']} bits, not {bits}")
    if new.ssh_key_type == "ecdsa" and bits not in ECDSA_BITS:
        raise BadRequest(f"ssh keys of type ecdsa have {', '.join(map(str, ECDSA_BITS))} bits, not {bits}")
    if bits < SHORTEST_RSA and new.ssh_key_type == "rsa":
        raise BadRequest(f"ssh keys of type rsa have at least {SHORTEST_RSA} bits, not {bits}")
    return bits


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
    master_ip = await _cluster_address(outside, new.cluster_name, new.ip_family)
    node_ip = await outside.own_address(new.ip_family)
    if new.secondary_ip is not None and not await outside.is_own(new.secondary_ip):
        raise BadRequest(f"secondary IP {new.secondary_ip} is no address of this host")
    if master_ip == node_ip:
        raise WrongState(f"{new.cluster_name} needs an address of its own, {master_ip} is that of {name}")
    begin = beginning(
        new, node_name=name, node_ip=node_ip, master_ip=master_ip, now=outside.now(), new_uuid=outside.new_uuid
    )
    await _check_place(outside, begin.cluster)
    await found_cluster(host, begin.cluster, begin.node, begin.rows())


async def _check_place(outside: Outside, cluster: Cluster) -> None:
    """That the address of the cluster can be put on this host."""
    address, netdev = cluster.master_ip, cluster.master_netdev
    if ipaddress.ip_address(address).is_loopback:
        return  # here already, whatever the interface
    if not await outside.has_interface(netdev):
        raise BadRequest(
            f"this host has no interface {netdev} to put the address of the cluster on: "
            "name the one it belongs to with --master-netdev"
        )
    if not await outside.is_own(address) and await outside.is_taken(address):
        raise WrongState(
            f"{address}, the address of {cluster.cluster_name}, is in use already: "
            "take it off the host that has it, or give the cluster another one"
        )


async def found_cluster(host: Host, cluster: Cluster, node: Node, rows: Iterable[Put], *, voting: bool = True) -> None:
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


async def _cluster_address(outside: Outside, name: str, family: int) -> str:
    try:
        return await outside.address_of(name, family)
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
