"""Objects from and to rows of the ledger, whose values are the JSON objects of ``config.data``.

Nothing is lost: keys unknown here are kept in ``extra``, keys that were missing
are noted in ``absent`` and stay missing until their field is given a value.
The annotations of the classes are the schema.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from sys import intern
from typing import Any, Union, get_args, get_origin

import attrs
import msgspec

from ganeti_tw.errors import Corrupt
from ganeti_tw.model.base import EMPTY, NOTHING_ABSENT, SHARED
from ganeti_tw.model.cluster import Cluster, Top
from ganeti_tw.model.disk import Disk
from ganeti_tw.model.filter import Filter
from ganeti_tw.model.group import Group
from ganeti_tw.model.instance import Instance, Nic
from ganeti_tw.model.network import Network
from ganeti_tw.model.node import Node
from ganeti_tw.model.rows import CLUSTER, TOP, Put

Thing = Top | Cluster | Group | Node | Instance | Disk | Network | Filter

CLASSES: Mapping[str, type[Any]] = {
    TOP[0]: Top,
    CLUSTER[0]: Cluster,
    "node": Node,
    "nodegroup": Group,
    "instance": Instance,
    "disk": Disk,
    "network": Network,
    "filter": Filter,
}
KINDS: Mapping[type[Any], str] = {cls: kind for kind, cls in CLASSES.items()}

SECTIONS: Mapping[str, str] = {
    "node": "nodes",
    "nodegroup": "nodegroups",
    "instance": "instances",
    "network": "networks",
    "disk": "disks",
    "filter": "filters",
}
"""Kinds keyed by UUID, with their place in ``config.data``."""

_SHARED_LENGTH = 64  # longer text is hardly ever repeated

_Convert = Callable[[Any], Any]
_MISSING = object()


class _Misfit(Exception):
    """A value of the wrong type; the text names the type wanted."""


@attrs.frozen
class _Field:
    name: str
    convert: _Convert
    required: bool
    sparse: bool  # not written when it equals the default
    default: Any
    nested: bool  # holds objects of the model


@attrs.frozen
class _Schema:
    fields: tuple[_Field, ...]
    names: frozenset[str]
    reading: tuple[tuple[str, _Convert, bool, bool, Any], ...]  # fields, unpacked: this is the busy end


def key_of(thing: Thing) -> tuple[str, str]:
    """Kind and key of the row that holds it."""
    if isinstance(thing, Top):
        return TOP
    if isinstance(thing, Cluster):
        return CLUSTER
    return KINDS[type(thing)], thing.uuid


def row(thing: Thing) -> Put:
    """The row that holds it."""
    kind, key = key_of(thing)
    return Put(kind, key, msgspec.json.encode(to_json(thing)))


def decode(kind: str, key: str, value: bytes) -> Any:
    """The object a row holds.  Corrupt names the row and what does not fit."""
    return from_json(kind, key, parse(f"{kind} {key}", value))


def parse(what: str, text: bytes | str) -> Any:
    """The value that JSON text stands for.  Corrupt names ``what``."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise Corrupt(f"{what} is no JSON: {e}") from None


def from_json(kind: str, key: str, plain: Any) -> Any:
    """The object of a row whose value is parsed already.  Corrupt as :func:`decode`."""
    cls = CLASSES[kind]
    try:
        thing = _build(cls, plain)
    except _Misfit as e:
        raise Corrupt(f"{kind} {key}: {e}") from None
    if kind in SECTIONS and thing.uuid != key:
        raise Corrupt(f"{kind} {key}: uuid is {thing.uuid!r}")
    return thing


def to_json(thing: Any) -> dict[str, Any]:
    """The JSON object of ``config.data``, also for a NIC."""
    out: dict[str, Any] = {}
    absent = thing.absent
    for f in _schemas[type(thing)].fields:
        value = getattr(thing, f.name)
        if (f.sparse or (absent and f.name in absent)) and value == f.default:
            continue
        out[f.name] = [to_json(v) for v in value] if f.nested else value
    for name, value in thing.extra.items():
        out.setdefault(name, value)
    return out


def _build(cls: type[Any], plain: Any) -> Any:
    if not isinstance(plain, dict):
        raise _Misfit("must be an object")
    schema = _schemas[cls]
    values: dict[str, Any] = {}
    absent: list[str] = []
    explicit: dict[str, Any] = {}  # written though it equals a default that is normally left out
    for name, convert, required, sparse, default in schema.reading:
        value = plain.get(name, _MISSING)
        if value is _MISSING:
            if required:
                raise _Misfit(f"{name} is missing")
            if not sparse:
                absent.append(name)
            continue
        try:
            value = convert(value)
        except _Misfit as e:
            raise _Misfit(f"{name} {e}") from None
        if sparse and value == default:
            explicit[name] = value
        else:
            values[name] = value
    if len(plain) > len(values):
        explicit.update((k, v) for k, v in plain.items() if k not in schema.names)
        if explicit:
            values["extra"] = explicit
    if absent:
        values["absent"] = _absences.setdefault(frozenset(absent), frozenset(absent))
    return cls(**values)


_absences: dict[frozenset[str], frozenset[str]] = {NOTHING_ABSENT: NOTHING_ABSENT}


def _of_type(type_: type[Any], called: str) -> _Convert:
    def convert(value: Any) -> Any:
        if type(value) is not type_:
            raise _Misfit(f"must be {called}, not {value!r:.60}")
        return value

    return convert


def _number(value: Any) -> Any:
    if type(value) not in (float, int):
        raise _Misfit(f"must be a number, not {value!r:.60}")
    return value


def _shared(value: Any) -> Any:
    if type(value) is not str:
        raise _Misfit(f"must be text, not {value!r:.60}")
    return intern(value)


def _mapping(value: Any) -> Any:
    if type(value) is not dict:
        raise _Misfit(f"must be an object, not {value!r:.60}")
    if not value:
        return EMPTY
    return {intern(k): _economical(v) for k, v in value.items()}


def _economical(value: Any) -> Any:
    if type(value) is str and len(value) <= _SHARED_LENGTH:
        return intern(value)
    return value


def _tuple_of(convert: _Convert) -> _Convert:
    def convert_all(value: Any) -> Any:
        if type(value) is not list:
            raise _Misfit(f"must be a list, not {value!r:.60}")
        if not value:
            return ()
        try:
            return tuple([convert(item) for item in value])
        except _Misfit as e:
            raise _Misfit(f"has an item that {e}") from None

    return convert_all


def _or_none(convert: _Convert) -> _Convert:
    return lambda value: None if value is None else convert(value)


_SIMPLE: Mapping[Any, _Convert] = {
    str: _of_type(str, "text"),
    int: _of_type(int, "an integer"),
    bool: _of_type(bool, "true or false"),
    float: _number,
    Any: _economical,
}


def _converter(hint: Any) -> _Convert:
    origin = get_origin(hint)
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    if getattr(hint, "__metadata__", None) == (SHARED,):
        return _shared
    if origin is Mapping:
        return _mapping
    if origin is tuple:
        return _tuple_of(_converter(get_args(hint)[0]))
    if origin in (Union, types.UnionType):
        return _or_none(_converter(next(a for a in get_args(hint) if a is not type(None))))
    if attrs.has(hint):
        return lambda value: _build(hint, value)
    raise TypeError(f"the codec knows no {hint!r}")


def _holds_objects(hint: Any) -> bool:
    return get_origin(hint) is tuple and attrs.has(get_args(hint)[0])


def _schema(cls: type[Any]) -> _Schema:
    attrs.resolve_types(cls)
    fields = []
    for a in attrs.fields(cls):
        if a.name not in ("extra", "absent"):
            sparse = a.default is None or "sparse" in a.metadata
            required = a.default is attrs.NOTHING
            fields.append(_Field(a.name, _converter(a.type), required, sparse, a.default, _holds_objects(a.type)))
    reading = tuple((f.name, f.convert, f.required, f.sparse, f.default) for f in fields)
    return _Schema(tuple(fields), frozenset(f.name for f in fields), reading)


_schemas: dict[type[Any], _Schema] = {}
_schemas.update((cls, _schema(cls)) for cls in (*CLASSES.values(), Nic))
