"""``gnt-cluster info``.

Consumes the answer of ``cluster_info``: the object that RAPI serves as ``/2/info``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from optparse import Values
from typing import Any

from ganeti_tw.cli.command import Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.listing import print_json
from ganeti_tw.cli.structured import Pair, comma_joined, lines, natural, romanized
from ganeti_tw.cli.table import timestamp

EXTSTORAGE_SEARCH_PATH = (
    "/srv/ganeti/extstorage",
    "/usr/local/lib/ganeti/extstorage",
    "/usr/lib/ganeti/extstorage",
    "/usr/share/ganeti/extstorage",
)
NONE = "(none)"


def run(options: Values, arguments: list[str], context: Context) -> int:
    info = context.call("cluster_info")
    if options.json:
        print_json(context, info)
        return 0
    paths = context.paths
    shown = describe(info, paths.os_search_path, [paths.below(path) for path in EXTSTORAGE_SEARCH_PATH])
    context.say_all(lines(romanized(shown) if options.roman_integers else shown))
    return 0


def describe(info: Mapping[str, Any], os_path: Sequence[str], extstorage_path: Sequence[str]) -> list[Pair]:
    """All of it, in Ganeti's order."""
    enabled = info["enabled_hypervisors"]
    return [
        Pair("Cluster name", info["name"]),
        Pair("Cluster UUID", info["uuid"]),
        Pair("Creation time", timestamp(info["ctime"])),
        Pair("Modification time", timestamp(info["mtime"])),
        Pair("Master node", info["master"]),
        Pair("Architecture (this node)", "{} ({})".format(*info["architecture"])),
        Pair("Tags", comma_joined(sorted(info["tags"], key=natural), NONE)),
        Pair("Default hypervisor", info["default_hypervisor"]),
        Pair("Enabled hypervisors", comma_joined(enabled)),
        Pair("Hypervisor parameters", {name: info["hvparams"].get(name, {}) for name in enabled}),
        Pair("OS-specific hypervisor parameters", info["os_hvp"]),
        Pair("OS parameters", info["osparams"]),
        Pair("Hidden OSes", comma_joined(info["hidden_os"])),
        Pair("Blacklisted OSes", comma_joined(info["blacklisted_os"])),
        Pair("Cluster parameters", _settings(info, os_path, extstorage_path)),
        Pair("Default node parameters", info["ndparams"]),
        Pair("Default instance parameters", info["beparams"]),
        Pair("Default nic parameters", info["nicparams"]),
        Pair("Default disk parameters", info["diskparams"]),
        Pair("Instance policy - limits for instances", policy(info["ipolicy"])),
        Pair("Data collectors", _collectors(info)),
    ]


def _settings(info: Mapping[str, Any], os_path: Sequence[str], extstorage_path: Sequence[str]) -> list[Pair]:
    return [
        Pair("candidate pool size", info["candidate_pool_size"]),
        Pair("maximal number of jobs running simultaneously", info["max_running_jobs"]),
        Pair("maximal number of jobs simultaneously tracked by the scheduler", info["max_tracked_jobs"]),
        Pair("mac prefix", info["mac_prefix"]),
        Pair("master netdev", info["master_netdev"]),
        Pair("master netmask", info["master_netmask"]),
        Pair("use external master IP address setup script", info["use_external_mip_script"]),
        Pair("lvm volume group", info["volume_group_name"]),
        Pair("lvm reserved volumes", comma_joined(info["reserved_lvs"], NONE)),
        Pair("drbd usermode helper", info["drbd_usermode_helper"]),
        Pair("file storage path", info["file_storage_dir"]),
        Pair("shared file storage path", info["shared_file_storage_dir"]),
        Pair("gluster storage path", info["gluster_storage_dir"]),
        Pair("maintenance of node health", info["maintain_node_health"]),
        Pair("uid pool", _uid_pool(info["uid_pool"])),
        Pair("default instance allocator", info["default_iallocator"]),
        Pair("default instance allocator parameters", info["default_iallocator_params"]),
        Pair("primary ip version", info["primary_ip_version"]),
        Pair("preallocation wipe disks", info["prealloc_wipe_disks"]),
        Pair("OS search path", comma_joined(os_path)),
        Pair("ExtStorage Providers search path", comma_joined(extstorage_path)),
        Pair("enabled disk templates", comma_joined(info["enabled_disk_templates"])),
        Pair("install image", info["install_image"]),
        Pair("instance communication network", info["instance_communication_network"]),
        Pair("zeroing image", info["zeroing_image"]),
        Pair("compression tools", list(info["compression_tools"])),
        Pair("enabled user shutdown", info["enabled_user_shutdown"]),
        Pair("modify ssh setup", info["modify_ssh_setup"]),
        Pair("ssh_key_type", info["ssh_key_type"]),
        Pair("ssh_key_bits", info["ssh_key_bits"]),
    ]


def policy(ipolicy: Mapping[str, Any]) -> list[Pair]:
    """The instance policy of the cluster."""
    bounds = [
        [Pair(f"min/{index}", pair["min"]), Pair(f"max/{index}", pair["max"])]
        for index, pair in enumerate(ipolicy["minmax"])
    ]
    return [
        Pair("bounds specs", bounds),
        Pair("std", ipolicy["std"]),
        Pair("allowed disk templates", comma_joined(ipolicy["disk-templates"])),
        Pair("spindle-ratio", ipolicy["spindle-ratio"]),
        Pair("vcpu-ratio", ipolicy["vcpu-ratio"]),
    ]


def _uid_pool(ranges: Sequence[Sequence[int]]) -> str:
    return comma_joined(str(low) if low == high else f"{low}-{high}" for low, high in ranges)


def _collectors(info: Mapping[str, Any]) -> dict[str, list[Pair]]:
    intervals = info["data_collector_interval"]
    return {
        name: [Pair("active", active), Pair("interval", f"{intervals[name] / 1_000_000:.3f}s")]
        for name, active in info["enabled_data_collectors"].items()
    }


COMMAND = Command(
    purpose="Show the configuration of the cluster",
    run=run,
    usage="[--roman]",
    options=("--roman",),
    additions=("--json",),
)
