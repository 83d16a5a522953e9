"""Counts what gets no answer, and says so in the log now and then."""

from __future__ import annotations

from collections import Counter
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from ganeti_tw.confd.packet import Reason

EVERY = 60.0  # seconds between two lines in the log, at least

log = Logger()


class Drops:
    """A line at once for the first one, then at most one a minute with what came since."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._timer: Any = None
        self._last_peer = ""
        self._new: Counter[str] = Counter()
        self.total: Counter[str] = Counter()

    def count(self, reason: Reason, peer: str) -> None:
        """Costs little: whoever floods the host pays for it with a line a minute."""
        self._new[reason.value] += 1
        self._last_peer = peer
        if self._timer is None:
            self._say()

    @property
    def number(self) -> int:
        """All so far."""
        return self.total.total() + self._new.total()

    def stop(self) -> None:
        """Say what was not said yet, then nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._report()

    def _say(self) -> None:
        self._timer = self._clock.callLater(EVERY, self._again)
        self._report()

    def _again(self) -> None:
        self._timer = None
        if self._new:
            self._say()

    def _report(self) -> None:
        if self._new:
            reasons = ", ".join(f"{number} {reason}" for reason, number in sorted(self._new.items()))
            log.warn(
                "confd did not answer {number} datagrams ({reasons}), the last from {peer}",
                number=self._new.total(),
                reasons=reasons,
                peer=self._last_peer,
            )
            self.total.update(self._new)
            self._new.clear()
