"""``gnt-filter info``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filters import any_of
from ganeti_tw.cli.listing import objects, print_json
from ganeti_tw.errors import NotFound

FIELDS = ("uuid", "watermark", "priority", "predicates", "action", "reason_trail")
TITLES = ("UUID", "Watermark", "Priority", "Predicates", "Action", "Reason trail")


def run(options: Values, arguments: list[str], context: Context) -> int:
    chosen = any_of("uuid", arguments) if arguments else None
    rules = objects(context.call("query", what="filter", fields=list(FIELDS), filter=chosen))
    known = {rule["uuid"] for rule in rules}
    for argument in arguments:
        if argument not in known:
            raise NotFound(f"there is no job filter {argument}")
    if options.json:
        print_json(context, rules)
        return 0
    for rule in rules:
        for title, name in zip(TITLES, FIELDS, strict=True):
            context.say(f"{'' if name == 'uuid' else '  '}{title}: {rule[name]}")
    return 0


COMMAND = Command(
    purpose="Show rules about which jobs may start",
    run=run,
    arguments=(Argument("filter", 0, None),),
    usage="[<filter-uuid>...]",
    additions=("--json",),
)
