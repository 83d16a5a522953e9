"""``gnt-group show-ispecs-cmd``."""

from __future__ import annotations

import shlex
from optparse import Values

from ganeti_tw.cli import ipolicy
from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filters import any_of
from ganeti_tw.cli.listing import objects


def run(options: Values, arguments: list[str], context: Context) -> int:
    field = "ipolicy" if options.include_defaults else "custom_ipolicy"
    chosen = any_of("name", arguments) if arguments else None
    for group in objects(context.call("query", what="group", fields=["name", field], filter=chosen)):
        bounds = {"minmax": group[field].get("minmax")}
        context.say(" ".join(["gnt-group", "add", *ipolicy.words(bounds), shlex.quote(group["name"])]))
    return 0


COMMAND = Command(
    purpose="Print the commands that make groups with the same bounds of instances",
    run=run,
    arguments=(Argument("group", 0, None),),
    usage="[--include-defaults] [<group>...]",
    options=("--include-defaults",),
)
