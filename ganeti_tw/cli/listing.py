"""``list`` and ``list-fields`` of every kind of object."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from optparse import Values
from typing import Any

from ganeti_tw.cli import table
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filters import Filter

UNKNOWN_FIELD_EXIT = 14
LIST_OPTIONS = ("--no-headers", "--separator", "--units", "-o/--output", "-v/--verbose", "-F/--filter")


def list_objects(
    what: str,
    default: Sequence[str],
    context: Context,
    options: Values,
    chosen: Filter | None,
    formats: Mapping[str, table.Format],
) -> int:
    """Print the objects that a filter chooses; ``default`` are the fields without ``-o``."""
    fields = table.chosen_fields(options.output, default)
    answer = context.call("query", what=what, fields=fields, filter=chosen)
    code = warn_unknown(context, answer["fields"])
    if options.json:
        print_json(context, objects(answer))
        return code
    context.say_all(answer_lines(answer, options, formats))
    return code


def answer_lines(answer: Mapping[str, Any], options: Values, formats: Mapping[str, table.Format]) -> list[str]:
    """The table of a query's answer."""
    unit = options.ensure_value("units", None) or ("h" if options.separator is None else "m")
    columns = table.columns_of(answer["fields"], formats, unit=unit, verbose=options.verbose)
    return table.lines(answer["data"], columns, headers=not options.no_headers, separator=options.separator)


def list_fields(what: str, context: Context, options: Values, names: Sequence[str]) -> int:
    """Print what can be asked of one kind of object."""
    fields = context.call("query_fields", what=what, fields=list(names) or None)["fields"]
    code = warn_unknown(context, fields)
    if options.json:
        print_json(context, fields)
        return code
    rows = [(field["name"], table.kind_word(field["kind"]), field["title"], field["doc"]) for field in fields]
    columns = table.plain_columns(("Name", "Type", "Title", "Description"))
    context.say_all(table.lines(rows, columns, headers=not options.no_headers, separator=options.separator))
    return code


def warn_unknown(context: Context, fields: Sequence[Mapping[str, Any]]) -> int:
    """Name the fields that do not exist; the exit code that this gives."""
    unknown = [field["name"] for field in fields if field["kind"] == "unknown"]
    if not unknown:
        return 0
    context.warn(f"Warning: there are no fields called {', '.join(unknown)}")
    return UNKNOWN_FIELD_EXIT


def objects(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows as objects from field to value; None where there is no normal value."""
    names = [field["name"] for field in answer["fields"]]
    return [
        {name: cell[1] if cell[0] == table.NORMAL else None for name, cell in zip(names, row, strict=True)}
        for row in answer["data"]
    ]


def print_json(context: Context, value: Any) -> None:
    context.say(json.dumps(value, indent=2, ensure_ascii=False))
