"""``gnt-cluster search-tags``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode, submit
from ganeti_tw.cli.listing import print_json


def run(options: Values, arguments: list[str], context: Context) -> int:
    results = submit(context, options, opcode("OP_TAGS_SEARCH", options, context, pattern=arguments[0]))
    found = (results or [[]])[0]
    if options.json:
        print_json(context, [{"path": path, "tag": tag} for path, tag in sorted(found)])
    else:
        context.say_all([f"{path} {tag}" for path, tag in sorted(found)])
    return 0 if found else 1


COMMAND = Command(
    purpose="Search the tags of everything in the cluster with a regular expression",
    run=run,
    arguments=(Argument("unknown"),),
    usage="<pattern>",
    options=("--priority",),
    additions=("--json",),
)
