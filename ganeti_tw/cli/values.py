"""Values of options that are more than text.  Each function raises ValueError, whose text says what is wrong."""

from __future__ import annotations

import json
import re
from typing import Any

NO_PREFIX = "no_"
RESET_PREFIX = "-"
DEFAULT = "default"

_SIZE = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)\s*", re.IGNORECASE)
_SIZE_UNITS = {
    unit: factor
    for factor, units in ((1, "|m|mb|mib"), (1024, "g|gb|gib"), (1024 * 1024, "t|tb|tib"))
    for unit in units.split("|")
}
_GRANULE_MIB = 4


def boolean(text: str) -> bool:
    lowered = text.lower()
    if lowered in ("yes", "true"):
        return True
    if lowered in ("no", "false"):
        return False
    raise ValueError(f"'{text}' is neither yes nor no")


def size_mib(text: str) -> int:
    """A size in MiB, rounded up to a whole number and then to a multiple of 4."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' is not a size: write a number, with suffix m, g or t where it is not in MiB")
    number, unit = match.groups()
    factor = _SIZE_UNITS.get(unit.lower())
    if factor is None:
        raise ValueError(f"'{text}' is not a size: unit '{unit}' is none of m, g, t")
    value = float(number) * factor
    whole = int(value) + (int(value) < value)
    return whole + -whole % _GRANULE_MIB


_SPAN = re.compile(r"([0-9]{1,12})([smhdw]?)", re.ASCII)
_SPAN_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def seconds(text: str) -> int:
    """A span of time: a number of seconds, or with suffix s, m, h, d or w."""
    match = _SPAN.fullmatch(text)
    if match is None or not int(match[1]):
        raise ValueError(f"'{text}' is not a span of time: write a number with suffix s, m, h, d or w")
    return int(match[1]) * _SPAN_UNITS[match[2]]


def pieces(text: str, separator: str = ",") -> list[str]:
    """The parts between separators; a backslash makes the character after it an ordinary one."""
    if not text:
        return []
    parts = [""]
    letters = iter(text)
    for letter in letters:
        if letter == "\\":
            parts[-1] += next(letters, letter)
        elif letter == separator:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def key_values(text: str) -> dict[str, Any]:
    """``k=v,k=v``; ``k`` alone is true, ``no_k`` false, ``-k`` null (which resets)."""
    found: dict[str, Any] = {}
    for part in pieces(text):
        key, is_pair, value = part.partition("=")
        if is_pair:
            add: tuple[str, Any] = (key, value)
        elif part.startswith(NO_PREFIX):
            add = (part[len(NO_PREFIX) :], False)
        elif part.startswith(RESET_PREFIX):
            add = (part[len(RESET_PREFIX) :], None)
        else:
            add = (part, True)
        if not add[0]:
            raise ValueError("a key is missing")
        if add[0] in found:
            raise ValueError(f"key '{add[0]}' is given twice")
        found[add[0]] = add[1]
    return found


def named_key_values(text: str) -> tuple[str, dict[str, Any] | bool | None]:
    """``name:k=v,...``; ``no_name`` gives False and ``-name`` None.  ``-1`` is a name."""
    name, _, rest = text.partition(":")
    if name.startswith(NO_PREFIX):
        return _removal(name[len(NO_PREFIX) :], rest, False)
    if name.startswith(RESET_PREFIX) and not name[len(RESET_PREFIX) :][:1].isdigit():
        return _removal(name[len(RESET_PREFIX) :], rest, None)
    if not name:
        raise ValueError(f"'{text}' does not start with a name")
    return name, key_values(rest)


def _removal(name: str, rest: str, value: bool | None) -> tuple[str, bool | None]:
    if rest:
        raise ValueError(f"'{name}' is taken away and cannot be given parameters ('{rest}')")
    if not name:
        raise ValueError("a name is missing")
    return name, value


def sections(text: str) -> list[dict[str, dict[str, Any]]] | str:
    """``min:k=v,.../max:k=v,...//min:...``: a list, ``//`` between its elements, ``/`` between their sections.

    The word ``default``, which resets, stays as it is.
    """
    if text == DEFAULT:
        return text
    found = []
    for element in text.split("//"):
        parts: dict[str, dict[str, Any]] = {}
        for section in element.split("/"):
            name, is_named, rest = section.partition(":")
            if not is_named or not name:
                raise ValueError(f"section '{section}' does not start with a name and a colon")
            if name in parts:
                raise ValueError(f"section '{name}' is given twice")
            parts[name] = key_values(rest)
        found.append(parts)
    return found


def number_or_default(text: str) -> float | str:
    """A number, or the word ``default``, which resets."""
    if text == DEFAULT:
        return text
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"'{text}' is neither a number nor 'default'") from None


def json_value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as e:
        raise ValueError(f"'{text}' is no JSON: {e}") from None


def filter_action(text: str) -> Any:
    """What a job filter does: a word, or a word and a number."""
    word, *rest = text.split() or [""]
    if word.upper() == "RATE_LIMIT" and len(rest) == 1 and rest[0].isascii() and rest[0].isdigit():
        return ["RATE_LIMIT", int(rest[0])]
    if word.upper() in ("ACCEPT", "PAUSE", "REJECT", "CONTINUE") and not rest:
        return word.upper()
    raise ValueError(f"'{text}' is none of ACCEPT, PAUSE, REJECT, CONTINUE, \"RATE_LIMIT <number>\"")


PARSERS = {
    "json": json_value,
    "filteraction": filter_action,
    "bool": boolean,
    "unit": size_mib,
    "keyval": key_values,
    "keyprivateval": key_values,
    "identkeyval": named_key_values,
    "multilistidentkeyval": sections,
    "list": pieces,
    "maybefloat": number_or_default,
}
"""By the name of the type in the options table; types not listed are those of ``optparse``."""
