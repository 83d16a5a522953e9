"""``gnt-group add-tags``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.tags import CHANGE_OPTIONS, change_tags


def run(options: Values, arguments: list[str], context: Context) -> int:
    return change_tags("OP_TAGS_SET", "nodegroup", arguments[0], arguments[1:], context, options)


COMMAND = Command(
    purpose="Add tags to a node group",
    run=run,
    arguments=(Argument("group"), Argument("unknown", 0, None)),
    usage="<group> <tag>...",
    options=CHANGE_OPTIONS,
    interspersed=False,  # a tag may begin with a dash
)
