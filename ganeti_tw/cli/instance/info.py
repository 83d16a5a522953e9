"""``gnt-instance info``.

Consumes the answer of ``look`` with OP_INSTANCE_QUERY_DATA: a mapping from
full name to a mapping with ``name uuid serial_no ctime mtime config_state
run_state`` (None: not known) ``pnode pnode_group_name pnode_group_uuid snodes
snodes_group_names snodes_group_uuids os os_instance os_actual hypervisor
network_port hv_instance hv_actual be_instance be_actual disk_template nics
disks``, and, while a migration has begun and not ended, ``migrating_to``.

A nic is ``[name, uuid, ip, mac, mode, link, vlan, network uuid, network]``, the
last a mapping with ``name`` or None.  A disk is a mapping with ``iv_name
dev_type logical_id drbd_info pstatus sstatus children mode size spindles name
uuid``; ``drbd_info`` is None or has ``primary_node primary_minor secondary_node
secondary_minor port``; a status is None or ``[path, major, minor, percent in
sync, seconds left, degraded, local disk status]``.
"""

from __future__ import annotations

from optparse import Values
from typing import Any

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.instance._device_info import disk_info, nic_info
from ganeti_tw.cli.jobs import opcode
from ganeti_tw.cli.listing import print_json
from ganeti_tw.cli.structured import Pair, comma_joined, lines, natural, parameters, romanized
from ganeti_tw.cli.table import timestamp

VNC_BASE_PORT = 5900
ANY_ADDRESS = "0.0.0.0"


def run(options: Values, arguments: list[str], context: Context) -> int:
    if options.show_all and arguments:
        context.warn("Give names of instances or --all, not both")
        return 1
    if not options.show_all and not arguments:
        context.warn("No instance given: name some, or use --all for all of them")
        return 1
    op = opcode("OP_INSTANCE_QUERY_DATA", options, context, instances=arguments, static=options.static)
    found = context.call("look", op=op)
    instances = [found[name] for name in sorted(found, key=natural)]
    if options.json:
        print_json(context, instances)
        return 0
    described = [describe(instance) for instance in instances]
    if described:
        context.say_all(lines(romanized(described) if options.roman_integers else described))
    return 0


def describe(instance: dict[str, Any]) -> list[Pair]:
    """What is shown of one instance, in this order."""
    backend = {**instance["be_actual"], "memory": instance["be_actual"].get("maxmem")}
    console = vnc_console(instance)
    return [
        Pair("Instance name", instance["name"]),
        Pair("UUID", instance["uuid"]),
        Pair("Serial number", instance["serial_no"]),
        Pair("Creation time", timestamp(instance["ctime"])),
        Pair("Modification time", timestamp(instance["mtime"])),
        Pair("State", state(instance)),
        *([Pair("Migration", migration(instance))] if instance.get("migrating_to") else []),
        Pair("Nodes", nodes(instance)),
        Pair("Operating system", instance["os"]),
        Pair("Operating system parameters", parameters(instance["os_instance"], instance["os_actual"])),
        Pair("Allocated network port", instance["network_port"]),
        Pair("Hypervisor", instance["hypervisor"]),
        *([Pair("console connection", console)] if console else []),
        Pair("Hypervisor parameters", parameters(instance["hv_instance"], instance["hv_actual"])),
        Pair("Back-end parameters", parameters(instance["be_instance"], backend)),
        Pair("NICs", [nic_info(index, nic) for index, nic in enumerate(instance["nics"])]),
        Pair("Disk template", instance["disk_template"]),
        Pair("Disks", [disk_info(index, disk) for index, disk in enumerate(instance["disks"])]),
    ]


def state(instance: dict[str, Any]) -> str:
    wished = f"configured to be {instance['config_state']}"
    return f"{wished}, actual state is {instance['run_state']}" if instance["run_state"] else wished


def migration(instance: dict[str, Any]) -> str:
    return (
        f"to {instance['migrating_to']}, begun and not ended; if no job works on it any more, find out where the "
        f"instance runs with gnt-instance migrate --cleanup {instance['name']}"
    )


def nodes(instance: dict[str, Any]) -> list[list[Pair]]:
    secondaries = zip(instance["snodes"], instance["snodes_group_names"], instance["snodes_group_uuids"], strict=True)
    return [
        [
            Pair("primary", instance["pnode"]),
            Pair("group", f"{instance['pnode_group_name']} (UUID {instance['pnode_group_uuid']})"),
        ],
        [
            Pair(
                "secondaries",
                comma_joined(f"{name} (group {group}, group UUID {uuid})" for name, group, uuid in secondaries),
            )
        ],
    ]


def vnc_console(instance: dict[str, Any]) -> str | None:
    """Where a VNC viewer connects to; None when the instance has no such console."""
    bound = instance["hv_actual"].get("vnc_bind_address")
    port = instance["network_port"]
    if not bound:
        return None
    display = int(port or 0) - VNC_BASE_PORT
    if bound.startswith("/") or display <= 0:
        return f"vnc to {instance['pnode']}:{bound}"
    if bound == ANY_ADDRESS:
        return f"vnc to {instance['pnode']}:{port} (display {display})"
    return f"vnc to {bound}:{port} (node {instance['pnode']}) (display {display})"


COMMAND = Command(
    purpose="Show instances in detail",
    run=run,
    arguments=(Argument("instance", 0, None),),
    usage="[-s] {--all | <instance-name>...}",
    options=("-s/--static", "--all", "--roman", "--priority"),
    additions=("--json",),
)
