"""Whether Python is collecting garbage at this moment."""

from __future__ import annotations

import gc


class Collecting:
    """True while garbage is collected.

    What the coroutines of a process that was killed do then is done by nobody:
    a real one would have ended with the process.  When that is depends on all
    that this process has ever made, other clusters included.
    """

    def __init__(self) -> None:
        self._now = False
        gc.callbacks.append(self._heard)

    def close(self) -> None:
        """Hear no more."""
        gc.callbacks.remove(self._heard)

    def __bool__(self) -> bool:
        return self._now

    def _heard(self, phase: str, info: dict[str, int]) -> None:
        self._now = phase == "start"
