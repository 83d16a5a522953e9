"""``gnt-cluster import``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.errors import BadRequest

TIMEOUT = 300.0  # seconds; 10,000 instances take some of them


def run(options: Values, arguments: list[str], context: Context) -> int:
    try:
        with open(arguments[0], encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as e:
        raise BadRequest(f"{arguments[0]} cannot be read: {getattr(e, 'strerror', None) or e}") from None
    wanted = {"text": text, "force": options.force}
    answer = context.client.call("import_cluster", wanted, timeout=TIMEOUT)
    counts = ", ".join(f"{number} {kind}" for kind, number in answer["counts"].items())
    context.say(f"Cluster {answer['cluster']} was imported: {counts}.")
    for note in answer["notes"]:
        context.say(f"- {note}.")
    return 0


COMMAND = Command(
    purpose="Create a cluster from the config.data of a Ganeti cluster, whose master this host becomes",
    run=run,
    arguments=(Argument("file"),),
    usage="[-f] <config.data>",
    options=("-f/--force",),
)
