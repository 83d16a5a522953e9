"""The natural order of names, fast enough for ten thousand rows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_DIGITS = re.compile(r"[0-9]+", re.ASCII)


def in_order(names: Iterable[str]) -> list[str]:
    """The names sorted with digits as numbers."""
    return sorted(names, key=natural_text)


@lru_cache(maxsize=65536)
def natural_text(name: str) -> str:
    """A text that sorts as :func:`ganeti_tw.model.names.natural_key` does; texts compare much faster than tuples."""
    return _DIGITS.sub(_number, name)


def _number(match: re.Match[str]) -> str:
    """Sorts before all text, then by number of significant digits, by these, and by zeros in front."""
    digits = match.group()
    significant = digits.lstrip("0")
    return f"\0{chr(len(significant))}{significant}{digits}\0"
