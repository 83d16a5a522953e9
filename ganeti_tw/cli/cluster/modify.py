"""``gnt-cluster modify``."""

from __future__ import annotations

from collections.abc import Mapping
from optparse import Values
from typing import Any

from ganeti_tw.cli import ipolicy, parameters
from ganeti_tw.cli.command import Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode
from ganeti_tw.cli.many import submit_with_follow_ups
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
    "instance_communication_network",
    "mac_prefix",
    "maintain_node_health",
    "master_netdev",
    "max_running_jobs",
    "max_tracked_jobs",
    "modify_etc_hosts",
    "prealloc_wipe_disks",
    "shared_file_storage_dir",
    "use_external_mip_script",
    "vg_name",
    "zeroing_image",
)
LISTS = ("enabled_disk_templates", "enabled_hypervisors", "reserved_lvs")
UID_POOLS = ("add_uids", "remove_uids", "uid_pool")
COMPRESSION_TOOLS = ["none", "gzip", "gzip-fast", "gzip-slow"]
"""What an empty list of compression tools stands for."""

_MICROSECONDS = 1_000_000


def run(options: Values, arguments: list[str], context: Context) -> int:
    wanted = wanted_of(options)
    if not wanted:
        context.warn("Nothing to change was given; 'gnt-cluster modify --help' lists the settings of the cluster")
        return 1
    op = opcode("OP_CLUSTER_SET_PARAMS", options, context, force=options.force, **wanted)
    return submit_with_follow_ups(context, options, op)


def wanted_of(options: Values) -> dict[str, Any]:
    """What was given, with its types; BadRequest names what is wrong."""
    wanted: dict[str, Any] = {name: getattr(options, name) for name in AS_GIVEN}
    for name in LISTS:
        text = getattr(options, name)
        wanted[name] = None if text is None else pieces(text)
    for name in UID_POOLS:
        text = getattr(options, name)
        wanted[name] = None if text is None else uid_ranges(text)
    if options.master_netmask is not None:
        wanted["master_netmask"] = _whole("--master-netmask", options.master_netmask)
    if options.compression_tools is not None:
        wanted["compression_tools"] = pieces(options.compression_tools) or COMPRESSION_TOOLS
    given = {
        "hvparams": parameters.by_name(options.hvparams, lambda _, values: parameters.hypervisor(values)),
        "beparams": parameters.backend(options.beparams),
        "nicparams": parameters.typed(options.nicparams, parameters.NIC_DEFAULTS, "nic parameter"),
        "ndparams": parameters.node(options.ndparams or {}),
        "diskparams": parameters.disk_templates(options.diskparams),
        "hv_state": parameters.hypervisor_state(options.hv_state),
        "disk_state": parameters.disk_state(options.disk_state),
        "ipolicy": ipolicy.of_cluster(options),
        "enabled_data_collectors": _active(options.enabled_data_collectors),
        "data_collector_interval": _intervals(options.data_collector_interval),
    }
    wanted |= {name: value for name, value in given.items() if value}
    return {name: value for name, value in wanted.items() if value is not None}


def uid_ranges(text: str) -> list[list[int]]:
    """``100-200,300`` as pairs of the first and the last number of each range."""
    ranges = []
    for part in pieces(text):
        low, is_range, high = part.partition("-")
        ranges.append([_whole("a user id", low), _whole("a user id", high if is_range else low)])
    return ranges


def _whole(what: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadRequest(f"{what}: '{text}' is not a whole number")
    return int(text)


def _active(given: Mapping[str, Any]) -> dict[str, bool]:
    """Whatever begins with a ``t`` is true."""
    return {name: value is True or str(value).lower().startswith("t") for name, value in given.items()}


def _intervals(given: Mapping[str, Any]) -> dict[str, int]:
    """Seconds as microseconds."""
    intervals = {}
    for name, value in given.items():
        try:
            intervals[name] = round(float(value) * _MICROSECONDS) if isinstance(value, str) else None
        except (ValueError, OverflowError):
            intervals[name] = None
        if intervals[name] is None:
            raise BadRequest(f"--data-collector-interval: {name} needs a number of seconds")
    return {name: value for name, value in intervals.items() if value is not None}


COMMAND = Command(
    purpose="Change settings of the cluster",
    run=run,
    usage="[<opts>...]",
    options=(
        "-f/--force",
        "-B/--backend-parameters",
        "-C/--candidate-pool-size",
        "--max-running-jobs",
        "--max-tracked-jobs",
        "--install-image",
        "--instance-communication-network",
        "--enabled-hypervisors",
        "-H/--hypervisor-parameters",
        "-m/--mac-prefix",
        "--master-netdev",
        "--master-netmask",
        "-N/--nic-parameters",
        "--vg-name",
        "--maintain-node-health",
        "--uid-pool",
        "--add-uids",
        "--remove-uids",
        "--drbd-usermode-helper",
        "-I/--default-iallocator",
        "--default-iallocator-params",
        "--reserved-lvs",
        "--dry-run",
        "--priority",
        "--prealloc-wipe-disks",
        "--node-parameters",
        "--use-external-mip-script",
        "-D/--disk-parameters",
        "--hypervisor-state",
        "--disk-state",
        "--submit",
        "--print-jobid",
        "--enabled-disk-templates",
        "--modify-etc-hosts",
        "--user-shutdown",
        *ipolicy.CLUSTER_OPTIONS,
        "--file-storage-dir",
        "--shared-file-storage-dir",
        "--zeroing-image",
        "--compression-tools",
        "--enabled-data-collectors",
        "--data-collector-interval",
    ),
)
