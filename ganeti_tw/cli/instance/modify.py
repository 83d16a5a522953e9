"""``gnt-instance modify``."""

from __future__ import annotations

from optparse import Values
from typing import Any

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.devices import changes_of
from ganeti_tw.cli.jobs import opcode, submit
from ganeti_tw.cli.parameters import backend, hypervisor
from ganeti_tw.errors import BadRequest


def run(options: Values, arguments: list[str], context: Context) -> int:
    changes = _changes(options)
    if not changes:
        context.warn(f"Nothing to change of {arguments[0]} was given; 'gnt-instance modify --help' lists what can be")
        return 1
    op = opcode(
        "OP_INSTANCE_SET_PARAMS",
        options,
        context,
        instance_name=arguments[0],
        force=options.force,
        force_variant=options.force_variant,
        ignore_ipolicy=options.ignore_ipolicy,
        conflicts_check=options.conflicts_check,
        wait_for_sync=options.wait_for_sync,
        **changes,
    )
    results = submit(context, options, op)
    if results and results[0]:
        context.say(f"Modified instance {arguments[0]}")
        for what, value in results[0]:
            context.say(f" - {what:<5} -> {value}")
        context.say("A running instance has most of these changes only after it was shut down and started again.")
    return 0


def _changes(options: Values) -> dict[str, Any]:
    """What was given, by parameter of the operation."""
    if options.offline_inst and options.online_inst:
        raise BadRequest("an instance cannot be marked offline and online at once")
    found = {
        "nics": changes_of("nic", options.nics),
        "disks": changes_of("disk", options.disks),
        "beparams": backend(options.beparams),
        "hvparams": hypervisor(options.hvparams),
        "os_name": options.os,
        "osparams": options.osparams,
        "osparams_private": options.osparams_private,
        "pnode": options.new_primary_node,
        "disk_template": options.disk_template,
        "file_storage_dir": options.file_storage_dir,
        "remote_node": options.node,
        "iallocator": options.iallocator,
        "ext_params": options.ext_params,
        "runtime_mem": options.runtime_mem,
    }
    given = {name: value for name, value in found.items() if value}
    if options.offline_inst or options.online_inst:
        given["offline"] = options.offline_inst
    if options.instance_communication is not None:
        given["instance_communication"] = options.instance_communication
    if given:
        further = ("file_driver", "hotplug", "hotplug_if_possible")
        given |= {name: getattr(options, name) for name in further if getattr(options, name)}
    return given


COMMAND = Command(
    purpose="Change parameters, disks and network cards of an instance",
    run=run,
    arguments=(Argument("instance"),),
    usage="<instance-name>",
    options=(
        "-B/--backend-parameters",
        "-H/--hypervisor-parameters#3",
        "--disk",
        "--net",
        "-o/--os-type",
        "--force-variant",
        "-t/--disk-template",
        "-n/--node#3",
        "-I/--iallocator",
        "-m/--runtime-memory",
        "-e/--ext-params",
        "--file-driver",
        "--file-storage-dir#2",
        "-O/--os-parameters",
        "--os-parameters-private",
        "--offline",
        "--online",
        "--new-primary",
        "--hotplug",
        "--hotplug-if-possible",
        "-c/--communication",
        "--no-conflicts-check",
        "--no-wait-for-sync",
        "--ignore-ipolicy",
        "-f/--force",
        "--submit",
        "--print-jobid",
        "--dry-run",
        "--priority",
    ),
)
