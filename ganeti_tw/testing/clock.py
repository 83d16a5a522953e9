"""Time that jumps from one event to the next."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Any

from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

EPOCH_START = 1_795_000_000.0  # the time of day when virtual time begins
SWEEP = 256  # entries, most of them cancelled, before those are swept out


@implementer(IDelayedCall)
class VirtualCall:
    """A call to come."""

    __slots__ = ("_clock", "arguments", "cancelled", "done", "function", "keywords", "when")

    def __init__(
        self,
        clock: VirtualClock,
        when: float,
        function: Callable[..., object],
        arguments: tuple[Any, ...],
        keywords: dict[str, Any],
    ) -> None:
        self._clock = clock
        self.when = when
        self.function, self.arguments, self.keywords = function, arguments, keywords
        self.cancelled = self.done = False

    def getTime(self) -> float:
        return self.when

    def active(self) -> bool:
        return not (self.cancelled or self.done)

    def cancel(self) -> None:
        self._check()
        self.cancelled = True
        self._clock.lapsed()

    def reset(self, secondsFromNow: float) -> None:
        self._check()
        self._clock.move(self, self._clock.seconds() + secondsFromNow)

    def delay(self, secondsLater: float) -> None:
        self._check()
        self._clock.move(self, self.when + secondsLater)

    def _check(self) -> None:
        if self.cancelled:
            raise AlreadyCancelled
        if self.done:
            raise AlreadyCalled


@implementer(IReactorTime)
class VirtualClock:
    """Calls are made in the order of their times, and of their making where those are the same.

    Each is made at its own time: between two calls no time passes that
    something could happen in.  ``after`` is called after each.
    """

    def __init__(self) -> None:
        self._now = 0.0
        self._heap: list[tuple[float, int, VirtualCall]] = []
        self._numbers = count()
        self._lapsed = 0  # entries of the heap that mean nothing any more
        self.events = 0  # calls made so far
        self.after: Callable[[], None] = _nothing

    def seconds(self) -> float:
        return self._now

    def callLater(self, delay: float, callable: Callable[..., object], *args: Any, **kw: Any) -> VirtualCall:
        call = VirtualCall(self, self._now + delay if delay > 0 else self._now, callable, args, kw)
        heappush(self._heap, (call.when, next(self._numbers), call))
        return call

    def getDelayedCalls(self) -> list[IDelayedCall]:
        return [call for when, _, call in sorted(self._heap) if call.active() and call.when == when]

    def step(self, until: float) -> bool:
        """Make the next call, unless it comes after ``until``; whether there was one."""
        heap = self._heap
        while heap and heap[0][0] <= until:
            when, _, call = heappop(heap)
            if call.cancelled or call.done or call.when != when:
                self._lapsed -= 1
                continue
            if when > self._now:
                self._now = when
            call.done = True
            self.events += 1
            call.function(*call.arguments, **call.keywords)
            self.after()
            return True
        return False

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        until = self._now + seconds
        step = self.step
        while step(until):
            pass
        self._now = max(self._now, until)

    # -- for calls -------------------------------------------------------------------------------------------------

    def lapsed(self) -> None:
        """An entry of the heap is of no use any more."""
        self._lapsed += 1
        if self._lapsed > SWEEP and 2 * self._lapsed > len(self._heap):
            self._heap = [e for e in self._heap if e[2].active() and e[2].when == e[0]]
            heapify(self._heap)
            self._lapsed = 0

    def move(self, call: VirtualCall, when: float) -> None:
        """Have a call made at another time."""
        call.when = max(self._now, when)
        heappush(self._heap, (call.when, next(self._numbers), call))
        self.lapsed()


def _nothing() -> None:
    pass
