"""A job filter: a rule about which jobs may start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from ganeti_tw.model.base import EMPTY, NOTHING_ABSENT, Shared


@frozen(weakref_slot=False, kw_only=True)
class Filter:
    """``predicates`` are pairs of a name and a query filter; all must match.

    ``action`` is ACCEPT, PAUSE, REJECT, CONTINUE or the pair RATE_LIMIT, number.
    ``watermark`` is the highest job id in use when the rule was made.
    """

    uuid: Shared
    watermark: int
    priority: int
    predicates: tuple[Any, ...]
    action: Any
    reason_trail: tuple[Any, ...] = ()  # source, text, nanoseconds
    extra: Mapping[str, Any] = EMPTY
    absent: frozenset[str] = NOTHING_ABSENT
