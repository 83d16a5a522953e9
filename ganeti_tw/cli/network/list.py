"""``gnt-network list``."""

from __future__ import annotations

from optparse import Values
from typing import Any

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filters import from_arguments
from ganeti_tw.cli.listing import list_objects
from ganeti_tw.cli.table import joined

DEFAULT = ("name", "network", "gateway", "mac_prefix", "group_list", "tags")


def connections(value: Any) -> str:
    """``group (mode, link, vlan)`` of each group."""
    return ", ".join(f"{group} ({mode}, {link}, {vlan})" for group, mode, link, vlan in value)


FORMATS = {"group_list": connections, "inst_list": joined, "tags": joined}


def run(options: Values, arguments: list[str], context: Context) -> int:
    chosen = from_arguments(arguments, force=False, name_field="name")
    return list_objects("network", DEFAULT, context, options, chosen, FORMATS)


COMMAND = Command(
    purpose="List networks and what is known about them",
    run=run,
    arguments=(Argument("network", 0, None),),
    usage="[<network-name>...]",
    options=("--no-headers", "--separator", "-o/--output", "-v/--verbose"),
    additions=("--json",),
)
