"""Arguments of ``list`` and of selections as query filters."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Sequence
from typing import Any

from ganeti_tw.cli.context import Context
from ganeti_tw.errors import BadRequest, NotFound

GLOB_LETTERS = frozenset("*?")
FILTER_LETTERS = frozenset("\t\n\v\f\r !\"'()/<=>\\~")

Filter = list[Any]


def any_of(field: str, values: Iterable[Any], operator: str = "=") -> Filter:
    """True for objects whose field is one of the values."""
    return ["|", *([operator, field, value] for value in values)]


def all_of(filters: Iterable[Filter | None]) -> Filter | None:
    """True where each of them is; None is no filter."""
    given = [f for f in filters if f is not None]
    return given[0] if len(given) == 1 else ["&", *given] if given else None


def from_arguments(arguments: Sequence[str], *, force: bool, name_field: str, numeric: bool = False) -> Filter | None:
    """What the arguments of a ``list`` command select; None for everything.

    A filter expression when forced, or when it is the only argument and looks
    like one; else names, where ``*`` and ``?`` stand for parts of a label.
    """
    if force and len(arguments) != 1:
        raise BadRequest("with --filter there must be exactly one argument, the filter expression")
    if force or (len(arguments) == 1 and FILTER_LETTERS & set(arguments[0])):
        return parse(arguments[0])
    if not arguments:
        return None
    return ["|", *(_part(argument, name_field, numeric) for argument in arguments)]


def parse(text: str) -> Filter:
    """A filter expression.  BadRequest tells the position of what is wrong."""
    parsed: Filter = _language().parse(text)
    return parsed


def _part(argument: str, name_field: str, numeric: bool) -> Filter:
    if numeric:
        return ["=", name_field, job_number(argument)]
    if GLOB_LETTERS & set(argument):
        return ["=~", name_field, _language().glob_pattern(argument)]
    return ["=", name_field, argument]


def _language() -> Any:
    """The filter language, imported only by those who use it: most lists do without."""
    return importlib.import_module("ganeti_tw.model.filters")


def job_number(text: str) -> int:
    """The number of a job, written in digits."""
    if not (text.isascii() and text.isdigit()):
        raise BadRequest(f"'{text}' is not the number of a job")
    return int(text)


def names_of(context: Context, what: str, arguments: Sequence[str]) -> list[str]:
    """Full names of the objects that the arguments name.  NotFound for the first that names none."""
    answer = context.call("query", what=what, fields=["name"], filter=any_of("name", arguments))
    names = [row[0][1] for row in answer["data"]]
    for argument in arguments:
        if not is_uuid(argument) and not any(stands_for(argument, name) for name in names):
            raise NotFound(f"there is no {what} called {argument}")
    return names


def is_uuid(argument: str) -> bool:
    """Whether it has the form of a UUID, which may stand for a name; whose it is only the master knows."""
    return [len(part) for part in argument.split("-")] == [8, 4, 4, 4, 12]


def stands_for(argument: str, name: str) -> bool:
    """Whether an argument is a host name or the first part of it."""
    lowered, full = argument.lower(), name.lower()
    return full == lowered or full.startswith(lowered + ".")
