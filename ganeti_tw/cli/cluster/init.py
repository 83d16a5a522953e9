"""``gnt-cluster init``.

Calls ``init_cluster`` with the options that were given, under the names of the
configuration (``enabled_hypervisors`` ...); what is left out has the default
that the cluster chooses.
"""

from __future__ import annotations

from optparse import Values
from typing import Any

from ganeti_tw.cli import ipolicy
from ganeti_tw.cli.cluster._settings import nonempty, settings_of
from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import follow
from ganeti_tw.cli.options import OPTIONS
from ganeti_tw.errors import BadRequest

OWN_SETTINGS = ("gluster_storage_dir", "modify_ssh_setup", "secondary_ip", "ssh_key_bits", "ssh_key_type")
NEEDLESS = {"vg_name": {"plain", "drbd"}, "drbd_helper": {"drbd"}}
"""Setting -> the disk templates that make use of it."""


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
    wanted = settings_of(options, OWN_SETTINGS, ())
    if str(options.primary_ip_version) != "4":
        wanted["primary_ip_version"] = _ip_version(options.primary_ip_version)
    if options.gluster_storage_dir == OPTIONS["--gluster-storage-dir"].default:
        del wanted["gluster_storage_dir"]  # the host knows the place below its own root
    return wanted | nonempty({"ispecs": ipolicy.bounds_by_key(options)})


def _ip_version(text: str) -> int:
    if text != "6":
        raise BadRequest(f"'{text}' is no version of IP: there are 4 and 6")
    return 6


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
