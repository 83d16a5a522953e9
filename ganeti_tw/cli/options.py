"""Every option of every command, once.

The key is what a command's file lists: the flags joined by ``/``, and ``#2``
where another command has the same flags with another meaning.  Names, types
and defaults are Ganeti's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ganeti_tw.model.verify_codes import CODES

PRIORITIES = {"low": 10, "normal": 0, "high": -10}
YES_NO = "yes|no"


class Entry(NamedTuple):
    """One option; ``type`` is a name of :data:`ganeti_tw.cli.values.PARSERS` or of ``optparse``."""

    dest: str
    help: str
    action: str
    type: str | None = None
    default: Any = None
    metavar: str | None = None
    choices: Sequence[str] | None = None
    const: Any = None


def _switch(dest: str, help: str) -> Entry:
    return Entry(dest, help, "store_true", default=False)


def _off(dest: str, help: str) -> Entry:
    return Entry(dest, help, "store_false", default=True)


def _select(dest: str, const: Any, help: str) -> Entry:
    return Entry(dest, help, "store_const", const=const)


def _value(
    dest: str,
    help: str,
    type: str = "string",
    default: Any = None,
    metavar: str | None = None,
    choices: Sequence[str] | None = None,
    action: str = "store",
) -> Entry:
    return Entry(dest, help, action, type, default, metavar, choices)


def _yes_no(dest: str, help: str) -> Entry:
    return _value(dest, help, "bool", metavar=YES_NO)


def _several(dest: str, help: str, type: str = "identkeyval") -> Entry:
    return _value(dest, help, type, [], action="append")


TEMPLATES = ("blockdev", "diskless", "drbd", "ext", "file", "gluster", "plain", "rbd", "sharedfile")

_COMMON = {
    "-d/--debug": Entry("debug", "More details for developers; may be repeated", "count", default=0),
    "--reason": _value("reason", "Why this is done; kept with the job", default=[]),
}

_JOBS = {
    "--dry-run": _switch("dry_run", "Check only: change nothing"),
    "--priority": Entry(
        "priority", "How urgent the job is", "callback", "choice", None, "low|normal|high", tuple(PRIORITIES)
    ),
    "--submit": _switch("submit_only", "Submit the job and do not wait for its end"),
    "--print-jobid": _switch("print_jobid", "Print the job's number on standard output"),
    "-f/--force": _switch("force", "Do it without asking, and where possible against objections"),
    "--yes-do-it": _switch("yes_do_it", "Do it without asking"),
    "--yes-do-it/--ya-rly": Entry("yes_do_it", "Confirm what cannot be undone", "store_true"),
    "--archived": _switch("archived", "Show archived jobs too"),
    "--error": _select("status_filter", ["error"], "Only failed jobs"),
    "--finished": _select("status_filter", ["canceled", "error", "success"], "Only jobs that have ended"),
    "--pending": _select("status_filter", ["canceling", "queued", "waiting"], "Only jobs that do not run yet"),
    "--queued": _select("status_filter", ["queued"], "Only queued jobs"),
    "--running": _select("status_filter", ["running"], "Only running jobs"),
    "--waiting": _select("status_filter", ["waiting"], "Only jobs that wait for locks"),
    "--kill": _switch("kill", "End a running job by force; it cannot clean up"),
}

_LISTS = {
    "-F/--filter": _switch("force_filter", "The argument is a filter expression"),
    "--no-headers": _switch("no_headers", "No line with the titles"),
    "-o/--output": _value(
        "output", "Fields to show, separated by commas; +FIELDS adds to the default", metavar="FIELDS"
    ),
    "--separator": _value("separator", "Text between columns, which are then not aligned"),
    "--units": _value(
        "units",
        "Unit of sizes: h (fitting, the default for people), m (MiB, the default with --separator), g, t",
        "choice",
        choices=("h", "m", "g", "t"),
    ),
    "-v/--verbose": _switch("verbose", "Say more; in lists, words where a value is missing"),
    "--all": _switch("show_all", "Show all"),
    "-s/--static": _switch("static", "Only what is configured, without asking the nodes"),
    "--roman": _switch("roman_integers", "Show whole numbers as Roman numerals"),
    "--json": _switch("json", "Print JSON: a list of objects"),
}

_SELECTION = {
    "--all#2": _select("multi_mode", "cluster", "All instances of the cluster"),
    "--instance": _select("multi_mode", "instances", "Arguments are instances; the default"),
    "--node": _select("multi_mode", "nodes", "Arguments are nodes: their primary and secondary instances"),
    "--primary": _select("multi_mode", "nodes-pri", "Arguments are nodes: their primary instances"),
    "--secondary": _select("multi_mode", "nodes-sec", "Arguments are nodes: their secondary instances"),
    "--tags#2": _select("multi_mode", "instances-by-tags", "Arguments are tags of instances"),
    "--node-tags": _select("multi_mode", "nodes-by-tags", "Arguments are tags of nodes; primary and secondary"),
    "--pri-node-tags": _select("multi_mode", "nodes-pri-by-tags", "Arguments are tags of primary nodes"),
    "--sec-node-tags": _select("multi_mode", "nodes-sec-by-tags", "Arguments are tags of secondary nodes"),
    "--force-multiple": _switch("force_multi", "Do not ask when several instances are affected"),
}

_PARAMETERS = {
    "-B/--backend-parameters": _value("beparams", "Backend parameters, like memory and vcpus", "keyval", {}),
    "-D/--disk-parameters": _several("diskparams", "TEMPLATE:key=value,...; may be repeated"),
    "-H/--hypervisor-parameters": _several("hvparams", "HYPERVISOR:key=value,...; may be repeated"),
    "-H/--hypervisor-parameters#2": _value("hypervisor", "HYPERVISOR or HYPERVISOR:key=value,...", "identkeyval"),
    "-H/--hypervisor-parameters#3": _value("hvparams", "Hypervisor parameters; startup uses them once", "keyval", {}),
    "-N/--nic-parameters": _value("nicparams", "Default parameters of network cards", "keyval", {}),
    "--node-parameters": _value("ndparams", "Node parameters", "keyval"),
    "-O/--os-parameters": _value("osparams", "Parameters of the operating system", "keyval", {}),
    "--os-parameters-private": _value("osparams_private", "The same, hidden from logs", "keyprivateval", {}),
    "--os-parameters-secret": _value("osparams_secret", "The same, never stored", "keyprivateval", {}),
    "--disk-state": _several("disk_state", "STORAGE/NAME:key=value,...; may be repeated"),
    "--hypervisor-state": _several("hv_state", "HYPERVISOR:key=value,...; may be repeated"),
}

_INSTANCE = {
    "--allow-failover": _switch("allow_failover", "Stop and start what cannot be given away as it runs"),
    "-c/--communication": _value("instance_communication", "Connect to the communication network", "bool"),
    "--cleanup": _switch("cleanup", "Find out where the instance runs after a migration that was interrupted"),
    "--commit": _switch("commit", "Make a forthcoming instance real"),
    "--disk": _several("disks", "INDEX:key=value,...; may be repeated"),
    "-t/--disk-template": _value("disk_template", "Kind of disks", "choice", None, "TEMPL", TEMPLATES),
    "--file-driver": _value(
        "file_driver", "Driver of file disks", "choice", None, "<DRIVER>", ("loop", "blktap", "blktap2")
    ),
    "--file-storage-dir#2": _value("file_storage_dir", "Directory of file disks below the cluster's", metavar="<DIR>"),
    "--force-variant": _switch("force_variant", "Accept a variant the operating system does not list"),
    "-e/--ext-params": _value("ext_params", "Parameters of an external storage provider", "keyval", {}),
    "--forthcoming": _switch("forthcoming", "Only reserve what the instance needs"),
    "--helper-shutdown-timeout": _value("helper_shutdown_timeout", "Seconds for the helper VM to stop", "int"),
    "--helper-startup-timeout": _value("helper_startup_timeout", "Seconds for the helper VM to start", "int"),
    "--hotplug": _switch("hotplug", "Change devices of the running guest too, or fail"),
    "--hotplug-if-possible": _switch("hotplug_if_possible", "Change devices of the running guest too where possible"),
    "-I/--iallocator": _value("iallocator", "Allocator that chooses nodes; . is the default one", metavar="<NAME>"),
    "--ignore-consistency": _switch("ignore_consistency", "Go on when the primary node does not answer"),
    "--ignore-failures": _switch("ignore_failures", "Go on when parts cannot be removed"),
    "--ignore-hvversions": _switch("ignore_hvversions", "Accepted and without effect: all versions get along"),
    "--ignore-ipolicy": _switch("ignore_ipolicy", "Ignore violations of the instance policy"),
    "--ignore-offline": _switch("ignore_offline", "Ignore offline nodes, as far as that makes sense"),
    "--ignore-secondaries": _switch("ignore_secondaries", "Ignore errors on secondary nodes"),
    "--migration-mode": _value(
        "migration_mode", "live, or non-live: standing still on the way", "choice", choices=("live", "non-live")
    ),
    "--net": _several("nics", "INDEX:key=value,...; may be repeated"),
    "-n/--node#2": _value("node", "Primary node and, for mirrored disks, secondary node", metavar="<pnode>[:<snode>]"),
    "--new-primary": _value("new_primary_node", "Node it is said to be on; nothing is moved", metavar="<node>"),
    "-n/--node#3": _value("node", "New secondary node", metavar="<node>"),
    "--no-conflicts-check": _off("conflicts_check", "Do not check for addresses already in use"),
    "--no-install": _switch("no_install", "Do not run the scripts of the operating system"),
    "--no-ip-check": _off("ip_check", "Do not check that the instance's address is free"),
    "--no-name-check": _off("name_check", "Do not look up the instance's name"),
    "--no-nics": _switch("no_nics", "No network card"),
    "--no-remember": _switch("no_remember", "Do not change the state that is wished for"),
    "--no-runtime-changes": _off("allow_runtime_chgs", "Take no memory from the guest to make it fit"),
    "--no-start": _off("start", "Do not start the instance"),
    "--non-live": _off("live", "Let the guest stand still on its way"),
    "-t/--storage-type": _value(
        "user_storage_type",
        "Type of storage",
        "choice",
        choices=("file", "gluster", "lvm-pv", "lvm-vg", "sharedfile"),
        metavar="STORAGE_TYPE",
    ),
    "--no-wait-for-sync": _off("wait_for_sync", "Do not wait until mirrors are in sync"),
    "--wait-for-sync": _switch("wait_for_sync", "Wait until mirrors are in sync"),
    "--ignore-size": _switch("ignore_size", "Take disks for as large as they really are"),
    "--offline": _switch("offline_inst", "Mark the instance offline: it cannot be started"),
    "--online": _switch("online_inst", "Mark an offline instance down, so that it can be started"),
    "--opportunistic-locking": _switch("opportunistic_locking", "Consider only nodes whose locks are free"),
    "-o/--os-type": _value("os", "Operating system, with its variant", metavar="<os>"),
    "--paused": _switch("startup_paused", "Start the instance paused"),
    "-m/--runtime-memory": _value("runtime_mem", "Memory of the running guest", "unit", None, "<size>"),
    "-s/--os-size": _value("sd_size", "Size of the only disk; MiB, or with suffix m, g, t", "unit", None, "<size>"),
    "--select-os": _switch("select_os", "Choose the operating system from a menu"),
    "--show-cmd": _switch("show_command", "Print the command instead of running it"),
    "--shutdown-timeout": _value("shutdown_timeout", "Seconds to wait before pulling the plug", "int", 120),
    "--tags": _value("tags", "Tags of the new object, separated by commas"),
    "-n/--target-node": _value("dst_node", "Node to go to", metavar="NODE"),
    "--timeout": _value("timeout", "Seconds to wait before pulling the plug", "int", 120),
    "-t/--type": _value(
        "reboot_type", "How to reboot: soft, hard or full", "choice", "hard", "<REBOOT>", ("soft", "hard", "full")
    ),
}

_NODE = {
    "--auto-promote": _switch("auto_promote", "Make other nodes master candidates when there would be too few"),
    "-C/--master-candidate": _yes_no("master_candidate", "Whether the node is a master candidate"),
    "-D/--drained": _yes_no("drained", "Whether the node is drained: it gets no new instances"),
    "--force-join": _switch("force_join", "Accepted and without effect: a host of another cluster is always refused"),
    "-g/--node-group": _value("nodegroup", "Node group", metavar="<nodegroup>"),
    "--ignore-status": _switch("ignore_status", "Power off nodes that are not offline too"),
    "-M/--show-machine-names": _switch("show_machine_names", "Begin each line of output with the name of the node"),
    "--leave": _switch("leave", "Leave the cluster this host is in first, without telling its master"),
    "--master-capable": _yes_no("master_capable", "Whether the node may become master"),
    "--no-node-setup": _off("node_setup", "Accepted and without effect: nothing is set up over ssh"),
    "--no-ssh-key-check": _off("ssh_key_check", "Do not ask whether the host's ssh key is right"),
    "--node-powered": _yes_no("node_powered", "Whether the node is recorded as powered"),
    "-O/--offline": _yes_no("offline", "Whether the node is offline: it is not spoken to"),
    "--oob-timeout": _value("oob_timeout", "Seconds the out-of-band helper may take", "int", 60),
    "--power-delay": _value("power_delay", "Seconds between nodes that are powered on", "float", 2.0),
    "--readd": _switch("readd", "Join a node again that the cluster knows already"),
    "-s/--secondary-ip": _value("secondary_ip", "Address for mirroring and migration", metavar="ADDRESS"),
    "--sync": _switch("do_locking", "Wait until nobody else works on the nodes"),
    "--token": _value(
        "token", "One-time token that 'gnt-node token' printed on the new node; - reads it", metavar="TOKEN"
    ),
    "--ttl": _value("ttl", "Seconds the token can be used", "int", 3600, "SECONDS"),
    "--vm-capable": _yes_no("vm_capable", "Whether the node may hold instances"),
    "--yes": _switch("confirm", "Do it without asking"),
}

_CLUSTER = {
    "--add-uids": _value("add_uids", "User ids to add for instances: N or LOW-HIGH, separated by commas"),
    "-C/--candidate-pool-size": _value("candidate_pool_size", "Wished number of master candidates", "int"),
    "--compression-tools": _value("compression_tools", "Names of compression programs, separated by commas"),
    "--data-collector-interval": _value(
        "data_collector_interval", "COLLECTOR=seconds,...: how often each collects", "keyval", {}
    ),
    "-I/--default-iallocator": _value("default_iallocator", "Allocator used when none is named", metavar="<NAME>"),
    "--default-iallocator-params": _value("default_iallocator_params", "Its parameters", "keyval"),
    "--drbd-usermode-helper": _value("drbd_helper", "Program that DRBD calls"),
    "--enabled-data-collectors": _value(
        "enabled_data_collectors", "COLLECTOR=true|false,...: which of them collect", "keyval", {}
    ),
    "--enabled-disk-templates": _value("enabled_disk_templates", "Allowed kinds of disks, separated by commas"),
    "--enabled-hypervisors": _value("enabled_hypervisors", "Hypervisors in use, separated by commas"),
    "--debug-simulate-errors": _switch("simulate_errors", "Pretend that every check finds something"),
    "--error-codes": _switch("error_codes", "Print findings in a form for programs, with their codes"),
    "--failure-only": _switch("failure_only", "Show only nodes on which it failed"),
    "--file-storage-dir": _value("file_storage_dir", "Directory of file disks", metavar="DIR"),
    "--gluster-storage-dir": _value(
        "gluster_storage_dir",
        "Where gluster volumes are mounted",
        default="/var/run/ganeti/gluster",
        metavar="GLUSTERDIR",
    ),
    "-I/--ignore-errors": _value(
        "ignore_errors",
        "Only warn of findings with this code; may be repeated",
        "choice",
        [],
        choices=tuple(CODES),
        action="append",
    ),
    "--install-image": _value("install_image", "Image used to install instances"),
    "--instance-communication-network": _value(
        "instance_communication_network", "Network by which instances reach their node; empty for none"
    ),
    "--ipolicy-bounds-specs": _value(
        "ipolicy_bounds_specs", "min:key=value,.../max:key=value,...; // between pairs", "multilistidentkeyval"
    ),
    "--ipolicy-disk-templates": _value("ipolicy_disk_templates", "Kinds of disks the policy allows", "list"),
    "--ipolicy-spindle-ratio": _value("ipolicy_spindle_ratio", "Most instances per spindle", "maybefloat"),
    "--ipolicy-std-specs": _value("ipolicy_std_specs", "The standard instance", "keyval"),
    "--ipolicy-vcpu-ratio": _value("ipolicy_vcpu_ratio", "Most virtual CPUs per CPU", "maybefloat"),
    "-m/--mac-prefix": _value("mac_prefix", "First three octets of new MAC addresses", metavar="PREFIX"),
    "--maintain-node-health": _yes_no("maintain_node_health", "Whether the watcher tidies up nodes"),
    "--master-netdev": _value("master_netdev", "Interface of the cluster's address", metavar="NETDEV"),
    "--master-netmask": _value("master_netmask", "Prefix length of the cluster's address", metavar="NETMASK"),
    "--max-running-jobs": _value("max_running_jobs", "How many jobs run at a time", "int"),
    "--max-tracked-jobs": _value("max_tracked_jobs", "Kept for tools that read it, without effect here", "int"),
    "--modify-etc-hosts": _yes_no("modify_etc_hosts", "Whether /etc/hosts is kept up to date"),
    "-n/--node": _several("nodes", "Node to do it on; may be repeated", "string")._replace(metavar="<node>"),
    "--no-nplus1-mem": _switch("skip_nplusone_mem", "Do not ask whether instances fit elsewhere when a node fails"),
    "--new-cluster-certificate": _switch(
        "new_cluster_cert", "Make a new certificate authority, and certificates of it for all nodes"
    ),
    "--new-cluster-domain-secret": _switch("new_cluster_domain_secret", "Make a new cluster domain secret"),
    "--cluster-domain-secret": _value("cluster_domain_secret", "File with a cluster domain secret"),
    "--new-confd-hmac-key": _switch("new_confd_hmac_key", "Make a new key for confd"),
    "--new-node-certificates": _switch("new_node_cert", "Make new keys and certificates for all nodes"),
    "--new-rapi-certificate": Entry("new_rapi_cert", "Make a new certificate for RAPI", "store_true"),
    "--rapi-certificate": _value("rapi_cert", "File with key and certificate for RAPI"),
    "--new-spice-certificate": Entry("new_spice_cert", "Make a new certificate for SPICE", "store_true"),
    "--spice-certificate": _value("spice_cert", "File with key and certificate for SPICE"),
    "--spice-ca-certificate": _value("spice_cacert", "File with the certificate of who issued that for SPICE"),
    "--new-ssh-keys": _switch("new_ssh_keys", "Refused: nodes do not speak to each other by ssh"),
    "--no-etc-hosts": _off("modify_etc_hosts", "Leave /etc/hosts alone"),
    "--no-ssh-init": _off("modify_ssh_setup", "Leave the keys of ssh alone"),
    "--prealloc-wipe-disks": _yes_no("prealloc_wipe_disks", "Whether new disks are wiped"),
    "--primary-ip-version": _value("primary_ip_version", "Version of IP", default=4, metavar="4|6"),
    "--remove-uids": _value("remove_uids", "User ids to take away again: N or LOW-HIGH, separated by commas"),
    "--reserved-lvs": _value("reserved_lvs", "Regular expressions of volumes to leave alone, separated by commas"),
    "--shared-file-storage-dir": _value(
        "shared_file_storage_dir", "Directory of shared file disks", metavar="SHAREDDIR"
    ),
    "--specs-cpu-count": _value("ispecs_cpu_count", "min=N,max=N,std=N of virtual CPUs", "keyval", {}),
    "--specs-disk-count": _value("ispecs_disk_count", "min=N,max=N,std=N of disks", "keyval", {}),
    "--specs-disk-size": _value("ispecs_disk_size", "min=N,max=N,std=N of the size of a disk", "keyval", {}),
    "--specs-mem-size": _value("ispecs_mem_size", "min=N,max=N,std=N of memory", "keyval", {}),
    "--specs-nic-count": _value("ispecs_nic_count", "min=N,max=N,std=N of network cards", "keyval", {}),
    "--ssh-key-bits": _value("ssh_key_bits", "Length of ssh keys", "int"),
    "--ssh-key-type": _value("ssh_key_type", "Kind of ssh keys", "choice", choices=("rsa", "dsa", "ecdsa")),
    "--uid-pool": _value("uid_pool", "User ids for instances: N or LOW-HIGH, separated by commas"),
    "--use-external-mip-script": _yes_no("use_external_mip_script", "Whether a script sets the cluster's address"),
    "--use-replication-network": _switch("use_replication_network", "Copy over the secondary addresses of the nodes"),
    "--user-shutdown": _value("enabled_user_shutdown", "Whether users may shut instances down from inside", "bool"),
    "--verify-ssh-clutter": _switch("verify_clutter", "Accepted and without effect: no ssh keys are spread"),
    "--vg-name": _value("vg_name", "Volume group of LVM", metavar="VG"),
    "--zeroing-image": _value("zeroing_image", "Image used to zero disks"),
}

_GROUP = {
    "--alloc-policy": _value(
        "alloc_policy", "Whether allocators use the group: preferred, last_resort or unallocable", metavar="POLICY"
    ),
    "--include-defaults": _switch("include_defaults", "Also what is inherited from the cluster"),
}

_NETWORK = {
    "--add-reserved-ips": _value("add_reserved_ips", "Addresses to keep from instances, separated by commas"),
    "--gateway": _value("gateway", "IPv4 address of the router"),
    "--gateway6": _value("gateway6", "IPv6 address of the router"),
    "--network": _value("network", "IPv4 subnet, like 192.0.2.0/24"),
    "--network6": _value("network6", "IPv6 subnet, like 2001:db8::/64"),
    "--remove-reserved-ips": _value(
        "remove_reserved_ips", "Kept addresses to open to instances again, separated by commas"
    ),
}

_OS = {
    "--blacklisted": _yes_no("blacklisted", "Whether new instances may not have the operating system"),
    "--hidden": _yes_no("hidden", "Whether lists leave the operating system out"),
}

_FILTER = {
    "--priority#2": _value("priority", "Filters of lower numbers are asked first", "int", 0),
    "--predicates": _value("predicates", "What a job has to be like: a JSON list of [name, filter]", "json", []),
    "--action": _value(
        "action",
        'What is done with such jobs: ACCEPT, PAUSE, REJECT, CONTINUE or "RATE_LIMIT <number>"',
        "filteraction",
        "CONTINUE",
    ),
}

_LEDGER = {
    "--config-data": _switch("config_data", "Write the configuration as Ganeti's config.data"),
    "--json#2": _switch("json", "Write everything, secrets and jobs too, as one JSON object"),
    "-o/--output#3": _value("output", "File to write instead of standard output; replaced whole", metavar="FILE"),
    "--salvage": _switch("salvage", "Write what can still be read of a damaged ledger"),
    "--epoch": _value("epoch", "Begin in this epoch at least, higher than any a node has seen", "int", 0),
}

EVACUATE = ("all", "primary-only", "secondary-only")
DIRECTIONS = ("in", "out")
ALLOCATOR_MODES = ("allocate", "allocate-secondary", "change-group", "multi-allocate", "node-evacuate", "relocate")

_ALLOCATOR = {
    "--count": _value("count", "How many instances, with mode multi-allocate", "int", 2),
    "--dir": _value("direction", "in: what the allocator is told; out: its answer", "choice", "in", None, DIRECTIONS),
    "--disks#2": _value("disks", "Sizes of the disks, separated by commas", default="4096,4096"),
    "--early-release": _switch("early_release", "Give back the locks of nodes as soon as the new disks are attached"),
    "--evac-mode": _value("evac_mode", "Which instances leave their nodes", "choice", "all", None, EVACUATE),
    "--force-failover": _switch("force_failover", "Fail instances over, do not migrate them"),
    "--ignore-soft-errors": _switch("ignore_soft_errors", "The allocator may overload nodes"),
    "--memory": _value("memory", "Memory of the instance", "unit", 128),
    "-m/--mode": _value("mode", "What the allocator is asked", "choice", "relocate", None, ALLOCATOR_MODES),
    "--nics": _value("nics", "MAC[/IP[/BRIDGE]] of network cards, separated by commas", default="00:11:22:33:44:55"),
    "-n/--new-secondary": _value("dst_node", "Node that becomes the secondary of all", metavar="NODE"),
    "-p/--primary-only": _switch("primary_only", "Only instances whose primary node it is"),
    "-p/--vcpus": _value("vcpus", "Virtual CPUs of the instance", "int", 1),
    "-s/--secondary-only": _switch("secondary_only", "Only instances whose secondary node it is"),
    "--sequential": _switch("sequential", "One job after the other"),
    "--spindle-use": _value("spindle_use", "Load of the instance on the disks of its node", "int", 1),
    "--target-groups": _several("target_groups", "Group to go to; may be repeated", "string"),
    "--to#2": _value("to", "Group to go to; may be repeated", "string", None, "<group>", action="append"),
}

_REST = {
    "--from": _value("tags_source", "File with one tag per line; - is standard input"),
    "-i/--interruptible": _switch("interruptible", "End the delay when something connects to its socket"),
    "--interval": _value("interval", "Show it again after so many seconds, until interrupted", "int"),
    "--interval#2": _value("interval", "Show it again every SECONDS, until interrupted", "float", None, "SECONDS"),
    "--each": _switch("each", "A job for every opcode, submitted one by one"),
    "--job-repeat": _value("rep_job", "How many times to submit each file", "int", "1"),
    "--op-repeat": _value("rep_op", "How many times each job does the opcodes of its file", "int", "1"),
    "--timing-stats": _switch("timing_stats", "Print how long it took"),
    "--no-voting": _switch("no_voting", "Become master without asking the other nodes"),
    "--ignore-offline-nodes": _value(
        "ignore_offline_nodes", "Whether nodes marked offline do not count: yes (the default) or no", default=True
    ),
    "-l/--no-locks": _switch("no_locks", "Take no locks"),
    "-n": _several("on_nodes", "Node to sleep on; may be repeated", "string"),
    "--no-master": _off("on_master", "Do not sleep on the master"),
    "-r/--repeat": _value("repeat", "How many more times to sleep", "int", "0"),
}

OPTIONS: dict[str, Entry] = {
    **_COMMON,
    **_JOBS,
    **_LISTS,
    **_SELECTION,
    **_PARAMETERS,
    **_INSTANCE,
    **_NODE,
    **_CLUSTER,
    **_NETWORK,
    **_GROUP,
    **_OS,
    **_FILTER,
    **_LEDGER,
    **_ALLOCATOR,
    **_REST,
}
