"""How far a long step of an operation is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

PROGRESS = "progress"
"""Type of log entries whose content is ``{what, done, total, unit, percent, left}``.

``unit``: bytes, seconds or the plural of what is counted.  ``left``: estimated
seconds to the end, null while there is nothing to estimate it from.  A job keeps
only the newest of each opcode.
"""

INTERVAL = 2.0  # seconds between two entries


class Progress:
    """Tells how far one step is, not more often than is good for those who watch.

    A step that is over before there was anything to tell leaves no trace.
    """

    def __init__(
        self, tell: Callable[[dict[str, Any]], None], clock: Callable[[], float], what: str, total: float, unit: str
    ) -> None:
        self._tell = tell
        self._clock = clock
        self._what, self._total, self._unit = what, total, unit
        self._begin = self._told = clock()

    def at(self, done: float) -> None:
        """``done`` of the total are done."""
        now = self._clock()
        ended = done >= self._total
        if (self._told == self._begin) if ended else (now - self._told < INTERVAL):
            return
        self._told = now
        left = (now - self._begin) * (self._total - done) / done if done > 0 else None
        self._tell(
            {
                "what": self._what,
                "done": done,
                "total": self._total,
                "unit": self._unit,
                "percent": round(100.0 * done / self._total, 1),
                "left": None if left is None else round(left, 1),
            }
        )
