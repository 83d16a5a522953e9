"""A network: a subnet from which NICs get their addresses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from ganeti_tw.model.base import EMPTY, NOTHING_ABSENT, Shared


@frozen(weakref_slot=False, kw_only=True)
class Network:
    """``reservations`` (instances) and ``ext_reservations``: a 0 or 1 per address of ``network``.

    The first character stands for the network address itself.
    """

    uuid: Shared
    name: str
    network: str  # CIDR
    serial_no: int
    ctime: float = 0.0
    mtime: float = 0.0
    tags: tuple[Shared, ...] = ()
    mac_prefix: str | None = None
    gateway: str | None = None
    network6: str | None = None
    gateway6: str | None = None
    reservations: str = ""
    ext_reservations: str = ""
    extra: Mapping[str, Any] = EMPTY
    absent: frozenset[str] = NOTHING_ABSENT
