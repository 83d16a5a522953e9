"""Declared parameters: name, type, default and what values are allowed."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeAlias

from attrs import frozen

from ganeti_tw.errors import BadRequest

Check: TypeAlias = Callable[[Any], str | None]
"""Given a value of the right type: what it must be, None when it is that."""

SIZE_STEP_MIB = 4


class Type(Enum):
    """What a value is; ``size`` is in MiB."""

    BOOL = "bool"
    INT = "int"
    FLOAT = "float"
    SIZE = "size"
    TEXT = "string"
    MAYBE_TEXT = "maybe-string"


@frozen
class Parameter:
    """``on_nodes``: a value names a ``file`` or ``directory`` that must exist on the nodes."""

    name: str
    type: Type
    default: Any
    required: bool = False  # may not be empty
    allowed: tuple[str, ...] = ()
    check: Check | None = None
    cluster_only: bool = False
    on_nodes: str = ""

    def accept(self, value: Any) -> Any:
        """The value converted to the declared type.  BadRequest names the parameter and what it must be."""
        converted = _CONVERTERS[self.type](value)
        if converted is _MISFIT:
            raise BadRequest(f"{self.name} must be {_WANTED[self.type]}, not {value!r}")
        if converted is None or converted == "":
            if self.required:
                raise BadRequest(f"{self.name} may not be empty")
            return converted
        if self.allowed and converted not in self.allowed:
            raise BadRequest(f"{self.name} must be one of {', '.join(self.allowed)}, not {converted!r}")
        complaint = self.check(converted) if self.check is not None else None
        if complaint is not None:
            raise BadRequest(f"{self.name} must be {complaint}, not {converted!r}")
        return converted


Table: TypeAlias = Mapping[str, Parameter]


def table(*parameters: Parameter) -> Table:
    """The parameters by name."""
    return {p.name: p for p in parameters}


def defaults_of(parameters: Table) -> dict[str, Any]:
    return {p.name: p.default for p in parameters.values()}


_MISFIT = object()

_WANTED = {
    Type.BOOL: "true or false",
    Type.INT: "a whole number",
    Type.FLOAT: "a number",
    Type.SIZE: "a size (MiB, or a number with suffix M, G or T)",
    Type.TEXT: "text",
    Type.MAYBE_TEXT: "text or nothing",
}

_WORDS = {"true": True, "yes": True, "false": False, "no": False}

_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*([a-zA-Z]*)\s*", re.ASCII)
_UNITS_MIB = {
    **dict.fromkeys(("", "m", "mb", "mib"), 1),
    **dict.fromkeys(("g", "gb", "gib"), 1024),
    **dict.fromkeys(("t", "tb", "tib"), 1024 * 1024),
}


def size_mib(value: Any) -> int:
    """MiB of a number or a text like ``1.5G``, rounded up to a multiple of 4.  BadRequest if it is no size."""
    size = _size(value)
    if size is _MISFIT:
        raise BadRequest(f"{value!r} is no size: give MiB, or a number with suffix M, G or T")
    return int(size)


def _size(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return _MISFIT
    if isinstance(value, str):
        match = _SIZE.fullmatch(value)
        unit = _UNITS_MIB.get(match[2].lower()) if match else None
        if match is None or unit is None or len(match[1]) > 30:
            return _MISFIT
        value = float(match[1]) * unit if "." in match[1] else int(match[1]) * unit
    if not math.isfinite(value) or value < 0:
        return _MISFIT
    return -(-math.ceil(value) // SIZE_STEP_MIB) * SIZE_STEP_MIB


def _bool(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _WORDS.get(value.strip().lower(), _MISFIT)
    return bool(value) if value in (0, 1) else _MISFIT


def _int(value: Any) -> Any:
    if isinstance(value, bool):
        return _MISFIT
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else _MISFIT
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,30}\s*", value, re.ASCII):
        return int(value)
    return _MISFIT


def _float(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return _MISFIT
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return _MISFIT
    return number if math.isfinite(number) else _MISFIT


def _text(value: Any) -> Any:
    if value is False:  # how a command line says "none": no_name
        return ""
    return value if isinstance(value, str) else _MISFIT


def _maybe_text(value: Any) -> Any:
    return None if value is None else _text(value)


_CONVERTERS: Mapping[Type, Callable[[Any], Any]] = {
    Type.BOOL: _bool,
    Type.INT: _int,
    Type.FLOAT: _float,
    Type.SIZE: _size,
    Type.TEXT: _text,
    Type.MAYBE_TEXT: _maybe_text,
}


def not_negative(value: Any) -> str | None:
    return None if value >= 0 else "0 or more"


def positive(value: Any) -> str | None:
    return None if value > 0 else "more than 0"


def between(low: int, high: int) -> Check:
    return lambda value: None if low <= value <= high else f"from {low} to {high}"


port = between(1, 65535)


def absolute_path(value: str) -> str | None:
    return None if is_plain_absolute(value) else "an absolute path without . or .. parts"


def is_plain_absolute(path: str) -> bool:
    """Whether a path starts at the root and has no empty, ``.`` or ``..`` parts and no null character."""
    parts = path.split("/")
    return path.startswith("/") and "\0" not in path and not {"", ".", ".."} & set(parts[1:])


def path_or_url(value: str) -> str | None:
    if re.match(r"(https?|ftps?|tftp)://", value):
        return None
    return None if is_plain_absolute(value) else "an absolute path or a URL (http, https, ftp, ftps, tftp)"


def ip_version(value: int) -> str | None:
    return None if value in (0, 4, 6) else "0, 4 or 6"


def ip_address(value: str) -> str | None:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return "an IP address"
    return None


def boot_letters(value: str) -> str | None:
    return None if not value.strip("abcdn") else "made of the letters a b c d n"


_CPUS = re.compile(r"\^?[0-9]{1,4}(-[0-9]{1,4})?(,\^?[0-9]{1,4}(-[0-9]{1,4})?)*", re.ASCII)


def cpu_mask(value: str) -> str | None:
    """``all``, or lists of CPUs per virtual CPU separated by colons, with ranges ``0-3`` and exclusions ``^2``."""
    if all(part == "all" or (_CPUS.fullmatch(part) and _ascending(part)) for part in value.split(":")):
        return None
    return "all, or lists of CPUs like 0-3,^2 separated by colons"


def _ascending(cpus: str) -> bool:
    ranges = [part.lstrip("^").split("-") for part in cpus.split(",")]
    return all(int(r[0]) <= int(r[-1]) for r in ranges)
