"""JSON objects read with care: what is missing or of another kind is named."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ganeti_tw.htools.cluster import BadData
from ganeti_tw.htools.numbers import shortened
from ganeti_tw.htools.policy import Policy, Spec
from ganeti_tw.htools.templates import TEMPLATES

_LARGEST = 10**15


class Reader:
    """An object, and what it is called in errors (``context``)."""

    def __init__(self, context: str, values: Mapping[str, Any]) -> None:
        self.context = context
        self.values = values

    def object(self, key: str, context: str) -> Reader:
        return Reader(context, self._typed(key, dict, "JSObject"))

    def text(self, key: str, default: str | None = None) -> str:
        value: str = self._typed(key, str, "String", default)
        return value

    def flag(self, key: str, default: bool | None = None) -> bool:
        value: bool = self._typed(key, bool, "Bool", default)
        return value

    def integer(self, key: str, default: int | None = None) -> int:
        if default is not None and key not in self.values:
            return default
        return self._whole(key, self.get(key))

    def amount(self, key: str, default: int | None = None) -> int:
        value = self.integer(key, default)
        if value < 0:
            raise self._unreadable(key, "Int")
        return value

    def real(self, key: str, default: float | None = None) -> float:
        value = self.values.get(key, default) if default is not None else self.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > _LARGEST:
            raise self._unreadable(key, "Double")
        return float(value)

    def texts(self, key: str, default: Sequence[str] | None = None) -> list[str]:
        values = self._typed(key, list, "[String]", default)
        if not all(isinstance(value, str) for value in values):
            raise self._unreadable(key, "[String]")
        return list(values)

    def objects(self, key: str, context: str) -> list[Reader]:
        values = self._typed(key, list, "[JSObject]")
        if not all(isinstance(value, dict) for value in values):
            raise self._unreadable(key, "[JSObject]")
        return [Reader(context, value) for value in values]

    def named(self, key: str, kind: str) -> list[tuple[str, Reader]]:
        """The objects of an object, each called by its key."""
        values = self._typed(key, dict, "JSObject")
        found = []
        for name, value in values.items():
            if not isinstance(value, dict):
                raise BadData(f"invalid data for {kind} '{shortened(name)}': Unable to read JSObject")
            found.append((name, Reader(f"data for {kind} '{name}'", value)))
        return found

    def get(self, key: str) -> Any:
        try:
            return self.values[key]
        except KeyError:
            keys = ",".join(json.dumps(each, ensure_ascii=False) for each in self.values)
            raise BadData(f"invalid {self.context}: key '{key}' not found, object contains only [{keys}]") from None

    def _typed(self, key: str, kind: type, name: str, default: Any = None) -> Any:
        value = self.get(key) if default is None else self.values.get(key, default)
        if not isinstance(value, kind):
            raise self._unreadable(key, name)
        return value

    def _whole(self, key: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > _LARGEST:
            raise self._unreadable(key, "Int")
        if value != int(value):
            raise self._unreadable(key, "Int")
        return int(value)

    def _unreadable(self, key: str, kind: str) -> BadData:
        return BadData(f"invalid {self.context}: key '{key}': Unable to read {kind}")


def index_of_group(uuid: str, groups: Mapping[str, int], node: str) -> int:
    """The index of the group a node says it is in; BadData when there is none."""
    if uuid not in groups:
        raise BadData(f"Unknown group '{shortened(uuid)}' for node {node}")
    return groups[uuid]


def indices_of_nodes(names: Sequence[str], nodes: Mapping[str, int], instance: str) -> list[int]:
    """The indices of the nodes an instance says it is on; BadData when there is no such node."""
    for name in names:
        if name not in nodes:
            raise BadData(f"Unknown node '{shortened(name)}' for instance {instance}")
    return [nodes[name] for name in names]


def read_policy(reader: Reader) -> Policy:
    """An instance policy with all its parts."""
    bounds = []
    for pair in reader.objects("minmax", reader.context):
        low, high = pair.object("min", reader.context), pair.object("max", reader.context)
        bounds.append((_spec(low), _spec(high)))
    templates = reader.texts("disk-templates")
    if not set(templates) <= set(TEMPLATES):
        raise BadData(f"invalid {reader.context}: key 'disk-templates': Unable to read DiskTemplate")
    return Policy(
        _spec(reader.object("std", reader.context)),
        tuple(bounds),
        tuple(templates),
        reader.real("vcpu-ratio"),
        reader.real("spindle-ratio"),
    )


def _spec(reader: Reader) -> Spec:
    keys = ("memory-size", "cpu-count", "disk-size", "disk-count", "nic-count", "spindle-use")
    return Spec(*(reader.amount(key) for key in keys))
