"""``gnt-cluster rename``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit_and_follow


def run(options: Values, arguments: list[str], context: Context) -> int:
    if not options.force:
        (name,) = context.call("config_values", names=["cluster_name"])
        question = (
            f"Cluster {name} will be called {arguments[0]} and have the address of that name. "
            "Connections to the address it has now may break.\nRename it?"
        )
        if not context.confirm(question):
            return 1
    return submit_and_follow(context, options, opcode("OP_CLUSTER_RENAME", options, context, name=arguments[0]))


COMMAND = Command(
    purpose="Give the cluster another name",
    run=run,
    arguments=(Argument("host"),),
    usage="<new-name>",
    options=("-f/--force", "--dry-run"),
)
