"""``gnt-cluster master-failover``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Command
from ganeti_tw.cli.context import Context

TIMEOUT = 120.0  # seconds; a large ledger may have to be copied first


def run(options: Values, arguments: list[str], context: Context) -> int:
    if options.no_voting and not options.yes_do_it and not options.dry_run:
        question = (
            "Without a vote, changes that this host does not have are lost, and a master that is still at work "
            "elsewhere goes on until it hears of this one. Make this host the master all the same?"
        )
        if not context.confirm(question):
            return 1
    terms = {
        "voting": not options.no_voting,
        "ignore_offline": str(options.ignore_offline_nodes).lower() not in ("no", "false"),
        "dry_run": options.dry_run,
    }
    taken = context.client.call("master_failover", terms, timeout=TIMEOUT)
    for name, why in sorted(taken["silent"].items()):
        context.warn(f"{name} does not know of the new master yet: {why}")
    own = context.call("host_state")["name"]
    if options.dry_run:
        context.say(f"{own} could become master in the place of {taken['old_master']}")
    else:
        context.say(f"{own} is the master now, in the place of {taken['old_master']}")
    return 0


COMMAND = Command(
    purpose="Make this host the master",
    run=run,
    options=("--no-voting", "--yes-do-it", "--ignore-offline-nodes"),
    additions=("--dry-run",),
)
