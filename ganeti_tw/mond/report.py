"""The object that a collector's data travels in."""

from __future__ import annotations

from typing import Any

from ganeti_tw.mond.registry import BadReport, Collector, Kind
from ganeti_tw.mond.status import Code, Status


def envelope(c: Collector, data: Any, now: float) -> dict[str, Any]:
    """A report; ``now`` in seconds becomes nanoseconds of which the last three digits are 0."""
    return {
        "name": c.name,
        "version": c.version,
        "format_version": c.format_version,
        "timestamp": int(now * 1_000_000) * 1000,
        "category": c.category.value if c.category else None,
        "kind": int(c.kind),
        "data": data,
    }


def unknown(c: Collector, why: str) -> dict[str, Any]:
    """The data of a collector that has none."""
    if c.kind is Kind.STATUS:
        return {"status": Status(Code.UNKNOWN, why).to_json()}
    return {"error": why}


def checked(c: Collector, data: Any) -> Any:
    """The data, when a report of that kind may hold them.  BadReport."""
    if c.kind is Kind.STATUS:
        status = data.get("status") if isinstance(data, dict) else None
        if not isinstance(status, dict) or status.get("code") not in tuple(Code):
            raise BadReport(f"the data of {c.name} lack a status with a code of {', '.join(str(int(x)) for x in Code)}")
    return data
