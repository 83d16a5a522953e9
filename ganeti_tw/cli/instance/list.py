"""``gnt-instance list``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filters import from_arguments
from ganeti_tw.cli.listing import LIST_OPTIONS, list_objects
from ganeti_tw.cli.table import joined

DEFAULT = ("name", "hypervisor", "os", "pnode", "status", "oper_ram")
JOINED = (
    "tags",
    "disk.sizes",
    "disk.names",
    "disk.uuids",
    "disk.spindles",
    "nic.bridges",
    "nic.ips",
    "nic.links",
    "nic.macs",
    "nic.modes",
    "nic.names",
    "nic.networks",
    "nic.networks.names",
    "nic.uuids",
    "nic.vlans",
    "snodes",
    "snodes.group",
    "snodes.group.uuid",
)


def run(options: Values, arguments: list[str], context: Context) -> int:
    chosen = from_arguments(arguments, force=options.force_filter, name_field="name")
    return list_objects("instance", DEFAULT, context, options, chosen, dict.fromkeys(JOINED, joined))


COMMAND = Command(
    purpose="List instances and what is known about them",
    run=run,
    arguments=(Argument("instance", 0, None),),
    usage="[<instance-name>...]",
    options=LIST_OPTIONS,
    additions=("--json",),
    default_arguments="GNT_INSTANCE_LIST",
)
