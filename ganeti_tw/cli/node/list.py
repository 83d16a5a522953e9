"""``gnt-node list``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filters import from_arguments
from ganeti_tw.cli.listing import LIST_OPTIONS, list_objects
from ganeti_tw.cli.table import joined

DEFAULT = ("name", "dtotal", "dfree", "mtotal", "mnode", "mfree", "pinst_cnt", "sinst_cnt")
JOINED = ("pinst_list", "sinst_list", "tags")


def run(options: Values, arguments: list[str], context: Context) -> int:
    chosen = from_arguments(arguments, force=options.force_filter, name_field="name")
    return list_objects("node", DEFAULT, context, options, chosen, dict.fromkeys(JOINED, joined))


COMMAND = Command(
    purpose="List nodes and what is known about them",
    run=run,
    arguments=(Argument("node", 0, None),),
    usage="[<node-name>...]",
    options=LIST_OPTIONS,
    additions=("--json",),
    default_arguments="GNT_NODE_LIST",
)
