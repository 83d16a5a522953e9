"""Everything that must happen at a certain time, on one timer of the clock."""

from __future__ import annotations

import heapq
from itertools import count
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

# Below the resolution of any clock: lets a deadline computed by adding meet the time computed by counting.
SLACK = 1e-9
# Settled entries are swept out once they are most of the heap, but not for fewer than this.
SWEEP = 64


class Due(Protocol):
    """Something with a deadline."""

    called: bool
    """Settled already; its deadline no longer matters."""

    def due(self) -> None:
        """The deadline has come."""


class Deadlines:
    """A heap of deadlines over one timer.

    ``live`` counts entries not settled.  While ``busy`` the timer is left
    alone: whoever sets it calls :meth:`rest` at the end.
    """

    __slots__ = ("_at", "_clock", "_heap", "_numbers", "_timer", "busy", "live")

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Due]] = []
        self._numbers = count()
        self._timer: IDelayedCall | None = None
        self._at = 0.0
        self.live = 0
        self.busy = False

    def add(self, when: float, entry: Due) -> None:
        """Have ``entry.due()`` called at ``when`` unless it is settled by then."""
        heap = self._heap
        if len(heap) > SWEEP and len(heap) > 2 * self.live:
            heap = self._heap = [e for e in heap if not e[2].called]
            heapq.heapify(heap)
        heapq.heappush(heap, (when, next(self._numbers), entry))
        self.live += 1
        if not self.busy:
            self._arm()

    def done(self) -> None:
        """One entry was settled before its time."""
        # Entries forgotten by clear() may still report.
        if self.live:
            self.live -= 1
        if not self.live and not self.busy:
            self._arm()

    def rest(self) -> None:
        """Set the timer to the next deadline; none is left behind when nothing is due."""
        self.busy = False
        self._arm()

    def clear(self) -> None:
        """Forget everything."""
        self.live = 0
        self._arm()

    def _arm(self) -> None:
        timer = self._timer
        if not self.live:
            self._heap.clear()
            if timer is not None:
                timer.cancel()
                self._timer = None
            return
        when = self._heap[0][0]
        if timer is not None:
            # An early timer is cheaper left alone: it finds nothing due and is set again.
            if self._at <= when:
                return
            timer.cancel()
        self._at = when
        self._timer = self._clock.callLater(max(0.0, when - self._clock.seconds()), self._fire)

    def _fire(self) -> None:
        self._timer = None
        self.busy = True
        try:
            heap = self._heap
            now = self._clock.seconds() + SLACK
            while heap and (heap[0][0] <= now or heap[0][2].called):
                entry = heapq.heappop(heap)[2]
                if not entry.called:
                    entry.due()
                # Adding may have swept the heap into a new list.
                heap = self._heap
        finally:
            self.rest()
