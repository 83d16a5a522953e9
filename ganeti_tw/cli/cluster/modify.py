"""``gnt-cluster modify``."""

from __future__ import annotations

from collections.abc import Mapping
from optparse import Values
from typing import Any

from ganeti_tw.cli import ipolicy
from ganeti_tw.cli.cluster._settings import nonempty, settings_of, uid_ranges
from ganeti_tw.cli.command import Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode
from ganeti_tw.cli.many import submit_with_follow_ups
from ganeti_tw.errors import BadRequest

OWN_SETTINGS = ("instance_communication_network", "max_running_jobs", "max_tracked_jobs")
OWN_LISTS = ("reserved_lvs",)
UID_CHANGES = ("add_uids", "remove_uids")

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
    wanted = settings_of(options, OWN_SETTINGS, OWN_LISTS)
    changes = {name: getattr(options, name) for name in UID_CHANGES}
    wanted |= {name: uid_ranges(text) for name, text in changes.items() if text is not None}
    return wanted | nonempty(
        {
            "enabled_data_collectors": _active(options.enabled_data_collectors),
            "data_collector_interval": _intervals(options.data_collector_interval),
        }
    )


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
