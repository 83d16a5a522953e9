"""What the objects of the model share: marks that the codec reads, and edits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Protocol, TypeVar

import attrs

SHARED = "shared"

Shared = Annotated[str, SHARED]
"""Text that many objects repeat: kept once in memory."""

EMPTY: Mapping[str, Any] = {}
"""One empty mapping for all objects; like every mapping of the model it is never changed."""

NOTHING_ABSENT: frozenset[str] = frozenset()


def sparse(default: Any) -> Any:
    """A field that is written only when it differs from its default."""
    return attrs.field(default=default, metadata={"sparse": True})


class Numbered(Protocol):
    """What carries a serial number and the time of its last change."""

    @property
    def serial_no(self) -> int: ...

    @property
    def mtime(self) -> float: ...


N = TypeVar("N", bound=Numbered)


def touched(thing: N, now: float) -> N:
    """The same with its serial number raised and ``now``, in seconds, as time of change."""
    return attrs.evolve(thing, serial_no=thing.serial_no + 1, mtime=now)  # type: ignore[misc]
