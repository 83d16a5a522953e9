"""How late this process is with what it should do at a certain time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from attrs import frozen
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

INTERVAL = 0.5
KEPT = 60.0
TOO_LATE = 0.05
WARN_EVERY = 10.0

log = Logger()


@frozen
class Lag:
    """The worst of the last minute, in seconds."""

    seconds: float
    at_work: str
    """Path of the actor that took longest just before; empty when it was none."""
    age: float
    """How long ago it was."""


class LagMeter:
    """Sets itself a timer and looks how late it comes.

    ``slowest`` gives path and seconds of the longest visit to an actor since it
    was last asked.  A delay is blamed on that actor when it took the better part
    of it; else something that is no message took the time: a coroutine, a
    callback, garbage collection, or others on the same computer.
    """

    def __init__(
        self, clock: IReactorTime, seconds: Callable[[], float], slowest: Callable[[], tuple[str, float]]
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._slowest = slowest
        # Seconds late, who, and when; only those not followed by a worse one, so the first is the worst.
        self._late: deque[tuple[float, str, float]] = deque()
        self._warned: float | None = None
        self._timer: IDelayedCall | None = None
        self._due = 0.0

    def start(self) -> None:
        self._due = self._seconds() + INTERVAL
        self._timer = self._clock.callLater(INTERVAL, self._ring)

    def stop(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def worst(self) -> Lag:
        """The longest delay of the last minute."""
        now = self._seconds()
        self._forget(now)
        if not self._late:
            return Lag(0.0, "", 0.0)
        late, who, at = self._late[0]
        return Lag(late, who, now - at)

    def _ring(self) -> None:
        now = self._seconds()
        late = max(0.0, now - self._due)
        path, busy = self._slowest()
        who = path if busy > late / 2 else ""
        self._forget(now)
        while self._late and self._late[-1][0] <= late:
            self._late.pop()
        self._late.append((late, who, now))
        if late > TOO_LATE and (self._warned is None or now - self._warned >= WARN_EVERY):
            self._warned = now
            log.warn(
                "the reactor was held up for {milliseconds} ms; at work: {who}",
                milliseconds=round(late * 1000),
                who=who or "no actor that took long",
            )
        self.start()

    def _forget(self, now: float) -> None:
        while self._late and now - self._late[0][2] > KEPT:
            self._late.popleft()
