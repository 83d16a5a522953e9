"""``gnt-cluster init``.

Calls ``init_cluster`` with the options that were given, under the names of the
configuration (``enabled_hypervisors`` ...); what is left out has the default
that the cluster chooses.
"""

from __future__ import annotations

from optparse import Values
from typing import Any

from ganeti_tw.cli import ipolicy, parameters
from ganeti_tw.cli.cluster.modify import COMPRESSION_TOOLS, uid_ranges
from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import follow
from ganeti_tw.cli.options import OPTIONS
from ganeti_tw.cli.values import pieces
from ganeti_tw.errors import BadRequest

AS_GIVEN = (
    "candidate_pool_size",
    "default_iallocator",
    "default_iallocator_params",
    "drbd_helper",
    "enabled_user_shutdown",
    "file_storage_dir",
    "gluster_storage_dir",
    "install_image",
    "mac_prefix",
    "maintain_node_health",
    "master_netdev",
    "modify_etc_hosts",
    "modify_ssh_setup",
    "prealloc_wipe_disks",
    "secondary_ip",
    "shared_file_storage_dir",
    "ssh_key_bits",
    "ssh_key_type",
    "use_external_mip_script",
    "vg_name",
    "zeroing_image",
)
NEEDLESS = {"vg_name": {"plain", "drbd"}, "drbd_helper": {"drbd"}}
"""Setting -> the disk templates that make use of it."""
LISTS = ("enabled_disk_templates", "enabled_hypervisors")


def run(options: Values, arguments: list[str], context: Context) -> int:
    wanted = wanted_of(options)
    templates = wanted.get("enabled_disk_templates", ())
    for name, users in NEEDLESS.items():
        if wanted.get(name) and not users & set(templates):
            context.warn(f"{name} is kept for later: none of the disk templates {', '.join(sorted(users))} is enabled")
    answer = context.call("init_cluster", cluster_name=arguments[0], **wanted)
    follow(context, answer["job"])
    return 0


def wanted_of(options: Values) -> dict[str, Any]:
    """What was given, with its types; BadRequest names what is wrong."""
    wanted = {name: getattr(options, name) for name in AS_GIVEN}
    wanted |= {name: None if getattr(options, name) is None else pieces(getattr(options, name)) for name in LISTS}
    wanted["master_netmask"] = _netmask(options.master_netmask)
    if str(options.primary_ip_version) != "4":
        wanted["primary_ip_version"] = _ip_version(options.primary_ip_version)
    if options.uid_pool is not None:
        wanted["uid_pool"] = uid_ranges(options.uid_pool)
    if options.compression_tools is not None:
        wanted["compression_tools"] = pieces(options.compression_tools) or COMPRESSION_TOOLS
    if options.gluster_storage_dir == OPTIONS["--gluster-storage-dir"].default:
        wanted["gluster_storage_dir"] = None  # the host knows the place below its own root
    given = {
        "hvparams": parameters.by_name(options.hvparams, lambda _, values: parameters.hypervisor(values)),
        "beparams": parameters.backend(options.beparams),
        "nicparams": parameters.typed(options.nicparams, parameters.NIC_DEFAULTS, "nic parameter"),
        "ndparams": parameters.node(options.ndparams or {}),
        "diskparams": parameters.disk_templates(options.diskparams),
        "hv_state": parameters.hypervisor_state(options.hv_state),
        "disk_state": parameters.disk_state(options.disk_state),
        "ipolicy": ipolicy.of_cluster(options),
        "ispecs": ipolicy.bounds_by_key(options),
    }
    wanted |= {name: value for name, value in given.items() if value}
    return {name: value for name, value in wanted.items() if value is not None}


def _ip_version(text: str) -> int:
    if text != "6":
        raise BadRequest(f"'{text}' is no version of IP: there are 4 and 6")
    return 6


def _netmask(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or int(text) > 128:
        raise BadRequest(f"'{text}' is not the length of a network prefix")
    return int(text)


COMMAND = Command(
    purpose="Create a cluster whose first node is this host",
    run=run,
    arguments=(Argument("host"),),
    usage="[<opts>...] <cluster-name>",
    options=(
        "--enabled-hypervisors",
        "--enabled-disk-templates",
        "-H/--hypervisor-parameters",
        "-B/--backend-parameters",
        "-N/--nic-parameters",
        "-D/--disk-parameters",
        "--node-parameters",
        "-C/--candidate-pool-size",
        "-m/--mac-prefix",
        "--master-netdev",
        "--master-netmask",
        "-s/--secondary-ip",
        "--file-storage-dir",
        "--shared-file-storage-dir",
        "--gluster-storage-dir",
        "-I/--default-iallocator",
        "--prealloc-wipe-disks",
        "--user-shutdown",
        "--maintain-node-health",
        "--no-etc-hosts",
        "--no-ssh-init",
        *ipolicy.CLUSTER_OPTIONS,
        *ipolicy.KEY_OPTIONS,
        "--use-external-mip-script",
        "--primary-ip-version",
        "--vg-name",
        "--drbd-usermode-helper",
        "--default-iallocator-params",
        "--uid-pool",
        "--install-image",
        "--zeroing-image",
        "--compression-tools",
        "--ssh-key-type",
        "--ssh-key-bits",
        "--hypervisor-state",
        "--disk-state",
    ),
)
