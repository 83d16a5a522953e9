"""The cluster itself, and the numbers at the top of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from ganeti_tw.model.base import EMPTY, NOTHING_ABSENT, Shared

CONFIG_VERSION = 3000000
IPV4_FAMILY, IPV6_FAMILY = 2, 10


@frozen(weakref_slot=False)
class Top:
    """What ``config.data`` holds beside the objects."""

    version: int
    serial_no: int
    ctime: float
    mtime: float
    extra: Mapping[str, Any] = EMPTY
    absent: frozenset[str] = NOTHING_ABSENT


@frozen(weakref_slot=False, kw_only=True)
class Cluster:
    """Settings of the whole cluster; names and shapes as in ``config.data``."""

    cluster_name: str
    master_node: Shared  # UUID
    uuid: str
    serial_no: int
    ctime: float = 0.0
    mtime: float = 0.0
    tags: tuple[Shared, ...] = ()
    rsahostkeypub: str = ""
    dsahostkeypub: str = ""
    highest_used_port: int = 10999
    tcpudp_port_pool: tuple[int, ...] = ()
    mac_prefix: str = "aa:00:00"
    volume_group_name: str | None = None
    reserved_lvs: tuple[str, ...] = ()
    drbd_usermode_helper: str | None = None
    master_ip: str = ""
    master_netdev: str = ""
    master_netmask: int = 32
    use_external_mip_script: bool = False
    file_storage_dir: str = ""
    shared_file_storage_dir: str = ""
    gluster_storage_dir: str = ""
    enabled_hypervisors: tuple[Shared, ...] = ()
    hvparams: Mapping[str, Any] = EMPTY
    os_hvp: Mapping[str, Any] = EMPTY
    beparams: Mapping[str, Any] = EMPTY
    osparams: Mapping[str, Any] = EMPTY
    osparams_private_cluster: Mapping[str, Any] = EMPTY
    nicparams: Mapping[str, Any] = EMPTY
    ndparams: Mapping[str, Any] = EMPTY
    diskparams: Mapping[str, Any] = EMPTY
    candidate_pool_size: int = 10
    modify_etc_hosts: bool = True
    modify_ssh_setup: bool = True
    maintain_node_health: bool = False
    uid_pool: tuple[Any, ...] = ()  # pairs [low, high]
    default_iallocator: str = ""
    default_iallocator_params: Mapping[str, Any] = EMPTY
    hidden_os: tuple[str, ...] = ()
    blacklisted_os: tuple[str, ...] = ()
    primary_ip_family: int = IPV4_FAMILY
    prealloc_wipe_disks: bool = False
    ipolicy: Mapping[str, Any] = EMPTY
    hv_state_static: Mapping[str, Any] = EMPTY
    disk_state_static: Mapping[str, Any] = EMPTY
    enabled_disk_templates: tuple[Shared, ...] = ()
    candidate_certs: Mapping[str, Any] = EMPTY  # node UUID -> digest
    max_running_jobs: int = 20
    max_tracked_jobs: int = 25
    install_image: str = ""
    instance_communication_network: str = ""
    zeroing_image: str = ""
    compression_tools: tuple[str, ...] = ("gzip", "gzip-fast", "gzip-slow")
    enabled_user_shutdown: bool = False
    data_collectors: Mapping[str, Any] = EMPTY  # name -> active, interval in microseconds
    ssh_key_type: str = "rsa"
    ssh_key_bits: int = 2048
    extra: Mapping[str, Any] = EMPTY
    absent: frozenset[str] = NOTHING_ABSENT

    @property
    def name(self) -> str:
        return self.cluster_name

    @property
    def default_hypervisor(self) -> str:
        """The first enabled one; empty when none is."""
        return self.enabled_hypervisors[0] if self.enabled_hypervisors else ""
