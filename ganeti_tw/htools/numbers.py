"""Numbers as the htools read and show them."""

from __future__ import annotations

import re
from math import copysign, isfinite, isnan

from ganeti_tw.htools.cluster import BadData

_INTEGER = re.compile(r"-?[0-9]+\Z", re.ASCII)
_FLOAT = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?\Z", re.ASCII)
_SIZE = re.compile(r"([0-9]+)\s*([A-Za-z]*)\Z", re.ASCII)

# No integer of a real cluster is longer; a longer one would be slow to handle.
_LONGEST = 18
_LARGEST = 1e15
_SHORT = {"": 1.0, "m": 1.0, "g": 1024.0, "t": 1048576.0, "M": 1e6 / 1048576, "G": 1e9 / 1048576, "T": 1e12 / 1048576}
_LONG = {
    "mib": 1.0,
    "gib": 1024.0,
    "tib": 1048576.0,
    "mb": 1e6 / 1048576,
    "gb": 1e9 / 1048576,
    "tb": 1e12 / 1048576,
}


def integer(owner: str, text: str) -> int:
    if len(text) > _LONGEST or not _INTEGER.match(text):
        raise BadData(f"{owner}: cannot parse string '{shortened(text)}'")
    return int(text)


def amount(owner: str, text: str) -> int:
    """An integer that cannot be negative."""
    value = integer(owner, text)
    if value < 0:
        raise BadData(f"{owner}: cannot parse string '{text}'")
    return value


def real(owner: str, text: str) -> float:
    """A float with digits on both sides of its point, or without a point."""
    if not _FLOAT.match(text):
        raise BadData(f"{owner}: cannot parse string '{shortened(text)}'")
    value = float(text)
    if abs(value) > _LARGEST:
        raise BadData(f"{owner}: cannot parse string '{shortened(text)}'")
    return value


def positive_real(owner: str, text: str) -> float:
    value = real(owner, text)
    if value < 0:
        raise BadData(f"{owner}: cannot parse string '{shortened(text)}'")
    return value


def size_mib(text: str) -> int:
    """MiB from an integer with an optional unit; single letters are told apart by case."""
    match = _SIZE.match(text)
    unit = match.group(2) if match else ""
    factor = _SHORT.get(unit) or _LONG.get(unit.lower())
    if match is None or len(match.group(1)) > _LONGEST:
        raise BadData(f"Can't parse string '{shortened(text)}'")
    if factor is None:
        raise BadData(f"Unknown unit '{shortened(unit)}'")
    number = int(match.group(1))
    return number * int(factor) if factor >= 1 and factor == int(factor) else int(number * factor)


def shortened(text: str) -> str:
    """At most so much of someone's input as an error message can bear."""
    return text if len(text) <= 200 else text[:200] + "..."


def shortest(value: float) -> str:
    """The shortest decimal form that reads back: ``4.0``, ``1.75``, ``1.0e-2``."""
    text = repr(float(value))
    if value == 0 or 0.1 <= abs(value) < 1e7:
        return text if "e" not in text else f"{value:.1f}"
    digits, _, exponent = f"{value!r}".partition("e")
    return _scientific(digits, int(exponent or 0))


def _scientific(digits: str, exponent: int) -> str:
    sign = "-" if digits.startswith("-") else ""
    whole, _, fraction = digits.lstrip("-").partition(".")
    if whole == "0":
        kept = fraction.lstrip("0")
        exponent -= len(fraction) - len(kept) + 1
    else:
        kept = whole + fraction
        exponent += len(whole) - 1
    kept = kept.rstrip("0") or "0"
    return f"{sign}{kept[0]}.{kept[1:] or '0'}e{exponent}"


def six_figures(value: float) -> str:
    """Six decimals, with a bare exponent (``2.343750e-2``) below 0.1 and from ten million on."""
    if value == 0 or 0.1 <= abs(value) < 1e7:
        return f"{value:.6f}"
    digits, _, exponent = f"{value:.6e}".partition("e")
    return f"{digits}e{int(exponent)}"


def fixed(value: float, places: int) -> str:
    """So many decimals, one at least, rounded half to even from the shortest form that reads back.

    Python rounds the exact binary value, which differs where the shortest form ends in a 5;
    importing ``decimal`` takes longer than many a run.
    """
    if not isfinite(value):
        return "NaN" if isnan(value) else "Infinity" if value > 0 else "-Infinity"
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = int(whole + fraction)
    surplus = len(fraction) - int(exponent or 0) - places
    if surplus > 0:
        digits, rest = divmod(2 * digits, 2 * 10**surplus)
        digits += rest > 10**surplus or (rest == 10**surplus and digits % 2)
    else:
        digits *= 10**-surplus
    text = f"{digits:0{places + 1}}"
    return f"{'-' if copysign(1.0, value) < 0 else ''}{text[:-places]}.{text[-places:]}"
