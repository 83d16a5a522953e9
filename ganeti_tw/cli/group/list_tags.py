"""``gnt-group list-tags``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.tags import list_tags


def run(options: Values, arguments: list[str], context: Context) -> int:
    return list_tags("group", arguments[0], context, options)


COMMAND = Command(
    purpose="List the tags of a node group",
    run=run,
    arguments=(Argument("group"),),
    usage="<group>",
    additions=("--json",),
)
