"""``gnt-job list``."""

from __future__ import annotations

from collections.abc import Mapping
from optparse import Values
from typing import Any

from ganeti_tw.cli import table
from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filters import all_of, any_of, from_arguments
from ganeti_tw.cli.listing import answer_lines, objects, print_json, warn_unknown

DEFAULT = ("id", "status", "summary")


def timestamps(value: Any) -> str:
    return str([table.split_timestamp(item) for item in value])


FORMATS: Mapping[str, table.Format] = {
    "summary": table.joined,
    "opstart": timestamps,
    "opexec": timestamps,
    "opend": timestamps,
}


def run(options: Values, arguments: list[str], context: Context) -> int:
    fields = table.chosen_fields(options.output, DEFAULT)
    if options.archived and "archived" not in fields:
        fields.append("archived")
    chosen = from_arguments(arguments, force=options.force_filter, name_field="id", numeric=True)
    if options.status_filter:
        chosen = all_of([chosen, any_of("status", options.status_filter)])
    answer = context.call("query", what="job", fields=fields, filter=chosen)
    code = warn_unknown(context, answer["fields"])
    if options.json:
        print_json(context, objects(answer))
        return code
    _mark_archived(fields, answer["data"])
    context.say_all(answer_lines(answer, options, FORMATS))
    return code


def _mark_archived(fields: list[str], rows: list[list[Any]]) -> None:
    """Say behind the status which jobs are in the archive, where both are shown."""
    if "archived" not in fields:
        return
    archived = fields.index("archived")
    for row in rows:
        for index, name in enumerate(fields):
            if name == "status" and row[archived] == [table.NORMAL, True] and row[index][0] == table.NORMAL:
                row[index] = [table.NORMAL, f"{row[index][1]} (archived)"]


COMMAND = Command(
    purpose="List jobs",
    run=run,
    arguments=(Argument("jobid", 0, None),),
    usage="[<job-id>...]",
    options=(
        "--no-headers",
        "--separator",
        "-o/--output",
        "-v/--verbose",
        "-F/--filter",
        "--pending",
        "--running",
        "--error",
        "--finished",
        "--archived",
    ),
    additions=("--json",),
)
