"""The form of the ``info`` commands, which is also YAML.

A mapping is printed sorted by key; a list of :class:`Pair` in its order; a
tuple in one line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any, NamedTuple

_INDENT = "  "
_ROMAN = (
    (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"),
    (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
)  # fmt: skip
_LARGEST_ROMAN = 3999


class Pair(NamedTuple):
    """A key and its value; neighbours with the same ``column`` have their values one below the other."""

    key: str
    value: Any
    column: str | None = None


def lines(data: Any) -> list[str]:
    """The text of mappings, lists, pairs and plain values."""
    return _text(data, 0, False).removesuffix("\n").split("\n")


def _text(data: Any, level: int, after_key: bool) -> str:
    """``data`` and the end of its line; what comes first stands at the end of the line already begun."""
    if isinstance(data, Mapping):
        return _mapping([Pair(key, data[key]) for key in sorted(data)], level, after_key)
    if isinstance(data, Pair):
        return _mapping([data], level, after_key)
    if isinstance(data, tuple):
        return f"[{', '.join(plain(item) for item in data)}]\n"
    if isinstance(data, list):
        if data and all(isinstance(item, Pair) for item in data):
            return _mapping(data, level, after_key)
        items = ("- " + _text(item, level + 1, False) for item in data)
        return _below(items, level, after_key)
    return f"{plain(data)}\n"


def plain(value: Any) -> str:
    """A single value; whole numbers look alike whatever their type, as they do in Ganeti's JSON."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _mapping(pairs: Iterable[Pair], level: int, after_key: bool) -> str:
    return _below((_pair(pair, width, level) for pair, width in _widths(pairs)), level, after_key)


def _pair(pair: Pair, width: int, level: int) -> str:
    return f"{pair.key + ': ':<{width}}{_text(pair.value, level + 1, True)}"


def _widths(pairs: Iterable[Pair]) -> Iterable[tuple[Pair, int]]:
    for column, group in groupby(pairs, key=lambda pair: pair.column):
        members = list(group)
        width = max(len(pair.key) for pair in members) + 2 if column is not None else 0
        for pair in members:
            yield pair, width


def _below(items: Iterable[str], level: int, after_key: bool) -> str:
    parts = list(items)
    if not parts:
        return "\n"
    start = "\n" + _INDENT * level if after_key else ""
    return start + (_INDENT * level).join(parts)


def parameters(own: Mapping[str, Any], filled: Mapping[str, Any]) -> dict[str, Any]:
    """Each known parameter: the object's own value, or ``default (inherited value)``."""
    return {key: plain(own[key]) if key in own else f"default ({plain(filled[key])})" for key in filled}


def natural(text: str) -> list[tuple[int, int, str]]:
    """A key that sorts digits as the numbers they are, before letters: web2 before web10."""
    parts = re.split("([0-9]+)", text)
    return [(0, int(part), "") if index % 2 else (1, 0, part) for index, part in enumerate(parts) if part]


def comma_joined(items: Iterable[Any], empty: str = "") -> str:
    return ", ".join(str(item) for item in items) or empty


def romanized(data: Any) -> Any:
    """The same with whole numbers in Roman numerals, where there are any for them."""
    if isinstance(data, Pair):
        return data._replace(value=romanized(data.value))
    if isinstance(data, Mapping):
        return {key: romanized(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return type(data)(romanized(item) for item in data)
    return roman(data) if isinstance(data, int) and not isinstance(data, bool) else data


def roman(number: int) -> str | int:
    if not 0 < number <= _LARGEST_ROMAN:
        return number
    text = ""
    for value, letters in _ROMAN:
        times, number = divmod(number, value)
        text += letters * times
    return text
