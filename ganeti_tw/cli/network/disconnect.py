"""``gnt-network disconnect``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.network._groups import in_each_group


def run(options: Values, arguments: list[str], context: Context) -> int:
    return in_each_group("OP_NETWORK_DISCONNECT", arguments[0], arguments[1:], context, options)


COMMAND = Command(
    purpose="Disconnect a network from node groups, without any named from all of them",
    run=run,
    arguments=(Argument("network"), Argument("group", 0, None)),
    usage="<network> [<group>...]",
    options=("--priority",),
)
