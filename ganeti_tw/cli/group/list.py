"""``gnt-group list``."""

from __future__ import annotations

from collections.abc import Mapping
from optparse import Values
from typing import Any

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filters import from_arguments
from ganeti_tw.cli.listing import list_objects
from ganeti_tw.cli.structured import comma_joined, plain
from ganeti_tw.cli.table import Format, joined

DEFAULT = ("name", "node_cnt", "pinst_cnt", "alloc_policy", "ndparams")
EMPTY = "(empty)"


def run(options: Values, arguments: list[str], context: Context) -> int:
    chosen = from_arguments(arguments, force=options.force_filter, name_field="name")
    return list_objects("group", DEFAULT, context, options, chosen, FORMATS)


def parameters(values: Mapping[str, Any]) -> str:
    """Parameters as the command line takes them."""
    return comma_joined((f"{key}={plain(values[key])}" for key in sorted(values)), EMPTY)


FORMATS: Mapping[str, Format] = {"node_list": joined, "pinst_list": joined, "ndparams": parameters}

COMMAND = Command(
    purpose="List node groups and what is known about them",
    run=run,
    arguments=(Argument("group", 0, None),),
    usage="[<group-name>...]",
    options=("--no-headers", "--separator", "-o/--output", "-v/--verbose", "-F/--filter"),
    additions=("--json",),
    default_arguments="GNT_GROUP_LIST",
)
