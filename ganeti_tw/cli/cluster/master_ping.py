"""``gnt-cluster master-ping``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Command
from ganeti_tw.cli.context import Context
from ganeti_tw.errors import GanetiError


def run(options: Values, arguments: list[str], context: Context) -> int:
    try:
        context.call("config_values", names=["master_node"])
    except GanetiError:
        return 1
    return 0


COMMAND = Command(purpose="Tell by the exit code whether the master answers on this host", run=run)
