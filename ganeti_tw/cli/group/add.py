"""``gnt-group add``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.group._settings import SETTINGS_OPTIONS, settings_of
from ganeti_tw.cli.jobs import opcode
from ganeti_tw.cli.many import submit_with_follow_ups


def run(options: Values, arguments: list[str], context: Context) -> int:
    op = opcode("OP_GROUP_ADD", options, context, group_name=arguments[0], **settings_of(options))
    return submit_with_follow_ups(context, options, op)


COMMAND = Command(
    purpose="Add a node group to the cluster",
    run=run,
    arguments=(Argument("group"),),
    usage="<group-name>",
    options=(*SETTINGS_OPTIONS, "--dry-run", "--priority", "--submit", "--print-jobid"),
)
