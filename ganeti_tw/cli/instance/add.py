"""``gnt-instance add``."""

from __future__ import annotations

from collections.abc import Sequence
from optparse import Values
from typing import Any

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.devices import NamedParameters, disks_of, nics_of
from ganeti_tw.cli.jobs import opcode, submit_and_follow
from ganeti_tw.cli.parameters import backend, hypervisor
from ganeti_tw.errors import BadRequest


def run(options: Values, arguments: list[str], context: Context) -> int:
    hypervisor_name, hvparams = _hypervisor(options.hypervisor)
    primary, secondary = split_nodes(options.node)
    op = opcode(
        "OP_INSTANCE_CREATE",
        options,
        context,
        mode="create",
        instance_name=arguments[0],
        disks=disks_of(options.disk_template, options.disks, options.sd_size),
        disk_template=options.disk_template,
        nics=nics_of(options.nics, no_nics=options.no_nics),
        conflicts_check=options.conflicts_check,
        pnode=primary,
        snode=secondary,
        iallocator=options.iallocator,
        group_name=options.nodegroup,
        opportunistic_locking=options.opportunistic_locking,
        ip_check=options.ip_check,
        name_check=options.name_check,
        wait_for_sync=options.wait_for_sync,
        file_storage_dir=options.file_storage_dir,
        file_driver=options.file_driver,
        hypervisor=hypervisor_name,
        hvparams=hvparams,
        beparams=backend(options.beparams),
        osparams=options.osparams,
        osparams_private=options.osparams_private,
        osparams_secret=options.osparams_secret,
        os_type=options.os,
        force_variant=options.force_variant,
        no_install=options.no_install,
        start=options.start,
        ignore_ipolicy=options.ignore_ipolicy,
        tags=_tags(options.tags),
    )
    if options.instance_communication:
        op["instance_communication"] = True
    return submit_and_follow(context, options, op)


def split_nodes(text: str | None) -> tuple[str | None, str | None]:
    """Primary and secondary node of ``-n primary[:secondary]``."""
    if text is None:
        return None, None
    primary, _, secondary = text.partition(":")
    return primary or None, secondary or None


def _hypervisor(given: NamedParameters | None) -> tuple[str | None, dict[str, Any]]:
    match given:
        case None:
            return None, {}
        case (str(name), dict(parameters)):
            return name, hypervisor(parameters)
        case (str(name), _):
            raise BadRequest(f"-H names the hypervisor of the new instance, it cannot take {name} away")


def _tags(text: str | None) -> Sequence[str]:
    return [tag for tag in text.split(",") if tag] if text else []


COMMAND = Command(
    purpose="Create an instance and start it",
    run=run,
    arguments=(Argument("host"),),
    usage="[...] -t disk-type -n node[:secondary-node] -o os-type <instance-name>",
    options=(
        "-t/--disk-template",
        "--disk",
        "-s/--os-size",
        "--file-storage-dir#2",
        "--file-driver",
        "-n/--node#2",
        "-I/--iallocator",
        "-g/--node-group",
        "--opportunistic-locking",
        "--net",
        "--no-nics",
        "-H/--hypervisor-parameters#2",
        "-B/--backend-parameters",
        "-o/--os-type",
        "--force-variant",
        "--no-install",
        "-O/--os-parameters",
        "--os-parameters-private",
        "--os-parameters-secret",
        "--no-start",
        "--no-name-check",
        "--no-ip-check",
        "--no-conflicts-check",
        "--no-wait-for-sync",
        "--ignore-ipolicy",
        "--tags",
        "-c/--communication",
        "--submit",
        "--print-jobid",
        "--dry-run",
        "--priority",
    ),
    not_yet=(
        "--forthcoming",
        "--commit",
        "--helper-startup-timeout",
        "--helper-shutdown-timeout",
    ),
)
