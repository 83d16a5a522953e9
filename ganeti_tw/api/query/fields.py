"""What a field of a query is, and the cells it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeAlias

from attrs import frozen

from ganeti_tw.api.query.view import View
from ganeti_tw.model.declared import Parameter, Type

NORMAL, UNKNOWN, NO_DATA, UNAVAILABLE, OFFLINE = range(5)

Cell: TypeAlias = list[Any]
"""A status and a value; the value is None unless the status is NORMAL."""

NO_FIELD: Cell = [UNKNOWN, None]
NO_ANSWER: Cell = [NO_DATA, None]
NO_VALUE: Cell = [UNAVAILABLE, None]
NOT_ASKED: Cell = [OFFLINE, None]
"""Cells without value are shared by all rows and, like everything of a row, never changed."""

Get: TypeAlias = Callable[[Any, View], Cell]
"""The cell of one object."""

Value: TypeAlias = Callable[[Any, View], Any]


class Source(Enum):
    """What is asked of the nodes for a field; it is left out where no field needs it."""

    GUESTS = "the instances that hypervisors know"
    FIGURES = "memory, processors and storage of nodes"
    CONSOLES = "how to reach the consoles of running instances"


@frozen
class Field:
    """``kind``: bool, number, float, text, unit (MiB), timestamp, other or unknown.

    ``host``: it holds names of hosts, so a filter may compare it with short ones.
    """

    name: str
    title: str
    kind: str
    doc: str
    get: Get
    live: frozenset[Source] = frozenset()
    host: bool = False

    def described(self) -> dict[str, str]:
        """As clients see it."""
        return {"name": self.name, "title": self.title, "kind": self.kind, "doc": self.doc}


def field(name: str, title: str, kind: str, doc: str, value: Value, *, host: bool = False) -> Field:
    """A field of the configuration; the value None means that there is none."""

    def get(thing: Any, view: View) -> Cell:
        found = value(thing, view)
        return NO_VALUE if found is None else [NORMAL, found]

    return Field(name, title, kind, doc, get, host=host)


def own(name: str, title: str, kind: str, doc: str, *, host: bool = False) -> Field:
    """An attribute of the object that is called as the field is."""
    return field(name, title, kind, doc, lambda thing, view: getattr(thing, name), host=host)


def nothing(name: str, title: str, kind: str, doc: str) -> Field:
    """A field clients know that never has a value."""
    return Field(name, title, kind, doc, lambda thing, view: NO_VALUE)


def unknown(name: str) -> Field:
    """What stands for a name that no field has."""
    return Field(name, name, "unknown", f"There is no field {name}", lambda thing, view: NO_FIELD)


def stored(what: str) -> tuple[Field, ...]:
    """Fields of everything that is kept with a serial number; ``what`` it is, for the descriptions."""
    return (
        own("ctime", "CTime", "timestamp", f"When the {what} was made"),
        own("mtime", "MTime", "timestamp", f"When the settings of the {what} were last changed"),
        own("serial_no", "SerialNo", "number", f"How often the {what} was changed, beginning at 1"),
        field("tags", "Tags", "other", f"Tags of the {what}", lambda thing, view: sorted(thing.tags)),
        own("uuid", "UUID", "text", f"UUID of the {what}"),
    )


KINDS: Mapping[Type, str] = {
    Type.BOOL: "bool",
    Type.INT: "number",
    Type.FLOAT: "float",
    Type.SIZE: "unit",
    Type.TEXT: "other",
    Type.MAYBE_TEXT: "other",
}


def parameter(
    prefix: str, declared: Parameter, titles: Mapping[str, str], filled: Callable[[Any, View], Mapping[str, Any]]
) -> Field:
    """One value of a set of parameters; unavailable where the set lacks it.  Without a title its name is shown."""
    key = declared.name
    name = f"{prefix}/{key}"
    doc = f"Parameter {key}, inherited when it is not set here"
    return field(
        name, titles.get(key, name), KINDS[declared.type], doc, lambda thing, view: filled(thing, view).get(key)
    )


def table(*fields: Field) -> dict[str, Field]:
    """The fields by name."""
    return {f.name: f for f in fields}
