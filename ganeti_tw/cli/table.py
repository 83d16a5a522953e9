"""Answers of queries as tables: the widths, units and words of Ganeti's lists."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

NORMAL = 0
UNKNOWN_FIELD = 1
_WORDS = {
    UNKNOWN_FIELD: ("??", "(unknown)"),
    2: ("?", "(nodata)"),
    3: ("-", "(unavail)"),
    4: ("*", "(offline)"),
}
_KINDS = {
    "text": "Text",
    "bool": "Yes/No",
    "number": "Number",
    "float": "Floating-point number",
    "unit": "Storage size",
    "timestamp": "Timestamp",
    "other": "Custom",
    "unknown": "Unknown",
}
_GIB = 1024
_TIB = 1024 * 1024

Format = Callable[[Any], str]
Cell = Sequence[Any]


class Column(NamedTuple):
    title: str
    show: Callable[[Any], str]
    right: bool = False


def lines(
    rows: Sequence[Sequence[Any]],
    columns: Sequence[Column],
    *,
    headers: bool,
    separator: str | None,
    full_width: bool = False,
) -> list[str]:
    """The table; with a separator, bare values between separators.

    A last column of texts has no blanks after it, except with ``full_width``, as
    in those of Ganeti's tables that are not answers of queries.
    """
    texts = [[column.title for column in columns]] if headers else []
    texts += [[column.show(value) for column, value in zip(columns, row, strict=True)] for row in rows]
    if separator is not None:
        return [separator.join(row) for row in texts]
    widths = [max((len(row[index]) for row in texts), default=0) for index in range(len(columns))]
    if columns and not columns[-1].right and not full_width:
        widths[-1] = 0  # nothing follows: no blanks at the ends of lines
    pads = [str.rjust if column.right else str.ljust for column in columns]
    return [" ".join(pad(text, width) for pad, text, width in zip(pads, row, widths, strict=True)) for row in texts]


def columns_of(
    fields: Sequence[Mapping[str, Any]], formats: Mapping[str, Format], *, unit: str, verbose: bool
) -> list[Column]:
    """A column for each field of a query's answer; its values are the cells ``[status, value]``."""
    return [_column(field, formats.get(field["name"]), unit, verbose) for field in fields]


def _column(field: Mapping[str, Any], override: Format | None, unit: str, verbose: bool) -> Column:
    kind = field["kind"]
    show = override or _format_of(kind, unit)
    return Column(field["title"], lambda cell: show_cell(cell, show, verbose), kind in ("number", "float", "unit"))


def show_cell(cell: Cell, show: Format, verbose: bool) -> str:
    """A normal value in its format, else the word for its status."""
    status, value = cell
    if status == NORMAL:
        return show(value)
    terse, long = _WORDS[status]
    return long if verbose else terse


def _format_of(kind: str, unit: str) -> Format:
    if kind == "bool":
        return yes_or_no
    if kind == "unit":
        return lambda value: size(value, unit)
    if kind == "timestamp":
        return timestamp
    return str


def yes_or_no(value: Any) -> str:
    return "Y" if value else "N"


def size(mib: float, unit: str) -> str:
    """MiB as text: ``h`` with the suffix that fits, ``m``, ``g`` and ``t`` without one."""
    suffix = ""
    if unit == "h":
        unit = "m" if mib < _GIB else "g" if mib < _TIB else "t"
        suffix = unit.upper()
    if unit == "m":
        return f"{round(mib)}{suffix}"
    return f"{mib / (_GIB if unit == 'g' else _TIB):.1f}{suffix}"


def timestamp(seconds: Any) -> str:
    """Local time ``YYYY-MM-DD HH:MM:SS``; ``N/A`` for what is no time."""
    if not isinstance(seconds, (int, float)):
        return "N/A"
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def split_timestamp(pair: Any) -> str:
    """``[seconds, microseconds]`` as local time; ``?`` for what is no such pair."""
    match pair:
        case [int(seconds), int(microseconds)]:
            return f"{timestamp(seconds)}.{microseconds:06d}"
    return "?"


def joined(value: Any) -> str:
    """A list with commas."""
    return ",".join(str(item) for item in value)


def kind_word(kind: str) -> str:
    """What ``list-fields`` calls a kind of field."""
    return _KINDS.get(kind, kind)


def plain_columns(titles: Sequence[str]) -> list[Column]:
    """Left-aligned columns of texts."""
    return [Column(title, str) for title in titles]


def chosen_fields(output: str | None, default: Sequence[str]) -> list[str]:
    """The fields that ``-o`` selects; ``+a,b`` adds to the default ones."""
    if output is None:
        return list(default)
    if output.startswith("+"):
        return [*default, *output[1:].split(",")]
    return output.split(",")
