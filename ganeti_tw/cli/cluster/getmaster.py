"""``gnt-cluster getmaster``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Command
from ganeti_tw.cli.context import Context
from ganeti_tw.errors import NoCluster, WrongState


def run(options: Values, arguments: list[str], context: Context) -> int:
    host = context.call("host_state")
    if not host.get("cluster"):
        raise NoCluster(f"{host.get('name')} belongs to no cluster; 'gnt-cluster init' makes one")
    if not host.get("master"):
        raise WrongState(f"{host.get('name')} has not heard from a master yet")
    context.say(host["master"])
    return 0


COMMAND = Command(purpose="Print the name of the master", run=run)
