"""The settings of a cluster that ``init`` and ``modify`` both take."""

from __future__ import annotations

from collections.abc import Iterable
from optparse import Values
from typing import Any

from ganeti_tw.cli import ipolicy, parameters
from ganeti_tw.cli.values import pieces
from ganeti_tw.errors import BadRequest

AS_GIVEN = (
    "candidate_pool_size",
    "default_iallocator",
    "default_iallocator_params",
    "drbd_helper",
    "enabled_user_shutdown",
    "file_storage_dir",
    "install_image",
    "mac_prefix",
    "maintain_node_health",
    "master_netdev",
    "modify_etc_hosts",
    "prealloc_wipe_disks",
    "shared_file_storage_dir",
    "use_external_mip_script",
    "vg_name",
    "zeroing_image",
)
LISTS = ("enabled_disk_templates", "enabled_hypervisors")
COMPRESSION_TOOLS = ["none", "gzip", "gzip-fast", "gzip-slow"]
"""What an empty list of compression tools stands for."""
LONGEST_PREFIX = 128


def settings_of(options: Values, as_given: Iterable[str], lists: Iterable[str]) -> dict[str, Any]:
    """Setting -> value, of what was given; BadRequest names what is wrong.

    ``as_given`` and ``lists`` are the command's own options beside the common
    ones: those whose value needs no change and those with commas in them.
    """
    wanted: dict[str, Any] = {name: getattr(options, name) for name in (*AS_GIVEN, *as_given)}
    texts = {name: getattr(options, name) for name in (*LISTS, *lists)}
    wanted |= {name: pieces(text) for name, text in texts.items() if text is not None}
    if options.master_netmask is not None:
        wanted["master_netmask"] = _prefix_length(options.master_netmask)
    if options.uid_pool is not None:
        wanted["uid_pool"] = uid_ranges(options.uid_pool)
    if options.compression_tools is not None:
        wanted["compression_tools"] = pieces(options.compression_tools) or COMPRESSION_TOOLS
    return present(wanted) | nonempty(
        {
            "hvparams": parameters.by_name(options.hvparams, lambda _, values: parameters.hypervisor(values)),
            "beparams": parameters.backend(options.beparams),
            "nicparams": parameters.typed(options.nicparams, parameters.NIC_DEFAULTS, "nic parameter"),
            "ndparams": parameters.node(options.ndparams or {}),
            "diskparams": parameters.disk_templates(options.diskparams),
            "hv_state": parameters.hypervisor_state(options.hv_state),
            "disk_state": parameters.disk_state(options.disk_state),
            "ipolicy": ipolicy.of_cluster(options),
        }
    )


def uid_ranges(text: str) -> list[list[int]]:
    """``100-200,300`` as pairs of the first and the last number of each range."""
    ranges = []
    for part in pieces(text):
        low, is_range, high = part.partition("-")
        ranges.append([_user_id(low), _user_id(high if is_range else low)])
    return ranges


def present(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def nonempty(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def _user_id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadRequest(f"a user id: '{text}' is not a whole number")
    return int(text)


def _prefix_length(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:9]) <= LONGEST_PREFIX):
        raise BadRequest(f"--master-netmask: '{text}' is not the length of a network prefix")
    return int(text)
