"""``gnt-node token``: what a new host shows to the cluster it is going to join."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Command
from ganeti_tw.cli.context import Context
from ganeti_tw.errors import WrongState

MASTER = "master"
QUESTION = """{name} forgets cluster {cluster}: its keys, its copy of the configuration. Guests are left alone.
Only do it to join another cluster or to be added again with gnt-node add --readd.
Let it forget the cluster?"""


def run(options: Values, arguments: list[str], context: Context) -> int:
    if options.leave and not _left(options, context):
        return 1
    context.say(context.call("join_token", ttl=options.ttl)["token"])
    return 0


def _left(options: Values, context: Context) -> bool:
    """Whether this host is in no cluster any more."""
    state = context.call("host_state")
    if not state["cluster"]:
        return True
    if state["role"] == MASTER:
        raise WrongState(f"{state['name']} is the master of cluster {state['cluster']}: it cannot just leave")
    if not options.confirm and not context.confirm(QUESTION.format(**state)):
        return False
    context.call("forget_cluster")
    return True


COMMAND = Command(
    purpose="Print a one-time token with which a cluster can add this host",
    run=run,
    additions=("--ttl", "--leave", "--yes"),
)
