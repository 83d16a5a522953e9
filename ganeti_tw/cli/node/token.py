"""``gnt-node token``: what a new host shows to the cluster it is going to join."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Command
from ganeti_tw.cli.context import Context


def run(options: Values, arguments: list[str], context: Context) -> int:
    context.say(context.call("join_token", ttl=options.ttl)["token"])
    return 0


COMMAND = Command(
    purpose="Print a one-time token with which a cluster can add this host",
    run=run,
    additions=("--ttl",),
)
