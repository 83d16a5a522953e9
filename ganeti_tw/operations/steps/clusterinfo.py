"""The settings of the cluster as clients see them."""

from __future__ import annotations

import platform
import struct
from typing import Any

from ganeti_tw.model import versions
from ganeti_tw.model.config import Config

_IP_VERSIONS = {2: 4, 10: 6}

_AS_STORED = (
    "enabled_hypervisors",
    "hvparams",
    "os_hvp",
    "beparams",
    "osparams",
    "ipolicy",
    "nicparams",
    "ndparams",
    "diskparams",
    "candidate_pool_size",
    "max_running_jobs",
    "max_tracked_jobs",
    "mac_prefix",
    "master_netdev",
    "master_netmask",
    "use_external_mip_script",
    "volume_group_name",
    "drbd_usermode_helper",
    "file_storage_dir",
    "shared_file_storage_dir",
    "gluster_storage_dir",
    "maintain_node_health",
    "ctime",
    "mtime",
    "uuid",
    "tags",
    "uid_pool",
    "default_iallocator",
    "default_iallocator_params",
    "reserved_lvs",
)

_AS_STORED_TOO = (
    "prealloc_wipe_disks",
    "hidden_os",
    "blacklisted_os",
    "enabled_disk_templates",
    "install_image",
    "instance_communication_network",
    "zeroing_image",
    "compression_tools",
    "enabled_user_shutdown",
)


def cluster_info(config: Config) -> dict[str, Any]:
    """Keys and their order as QueryClusterInfo and ``GET /2/info`` have them."""
    cluster = config.cluster
    collectors = cluster.data_collectors
    return {
        "software_version": versions.RELEASE,
        "protocol_version": versions.PROTOCOL_VERSION,
        "config_version": versions.CONFIG_VERSION,
        "os_api_version": versions.OS_API_VERSION,
        "export_version": versions.EXPORT_VERSION,
        "vcs_version": versions.VCS,
        "architecture": [f"{struct.calcsize('P') * 8}bits", platform.machine()],
        "name": cluster.cluster_name,
        "master": config.master.name,
        "default_hypervisor": cluster.default_hypervisor,
        **{name: _plain(getattr(cluster, name)) for name in _AS_STORED},
        "primary_ip_version": _IP_VERSIONS.get(cluster.primary_ip_family, 4),
        **{name: _plain(getattr(cluster, name)) for name in _AS_STORED_TOO},
        "enabled_data_collectors": {name: c.get("active", True) for name, c in collectors.items()},
        "data_collector_interval": {name: c.get("interval") for name, c in collectors.items()},
        "modify_ssh_setup": cluster.modify_ssh_setup,
        "ssh_key_type": cluster.ssh_key_type,
        "ssh_key_bits": cluster.ssh_key_bits,
        "vg_name": cluster.volume_group_name,
        "drbd_helper": cluster.drbd_usermode_helper,
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
