"""How a job's work hears that the job was cancelled."""

from __future__ import annotations

from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

T = TypeVar("T")


class Stop:
    """Wanted by the job at any time, heeded by its work between two steps."""

    def __init__(self) -> None:
        self.wanted = False
        self._sleeping: set[Deferred[None]] = set()
        self._waiting: set[Deferred[Any]] = set()

    def want(self) -> None:
        """The work is to end at its next step; who sleeps wakes up, what may be interrupted is cancelled."""
        self.wanted = True
        for waiting in tuple(self._waiting):
            waiting.cancel()
        sleeping, self._sleeping = self._sleeping, set()
        for sleeper in sleeping:
            sleeper.callback(None)

    def interrupts(self, waiting: Deferred[T]) -> Deferred[T]:
        """The same, to be cancelled when the work is to end."""

        def ended(result: T) -> T:
            self._waiting.discard(waiting)
            return result

        self._waiting.add(waiting)
        return waiting.addBoth(ended)

    def sleep(
        self, clock: IReactorTime, seconds: float, *, stoppable: bool, until: Deferred[None] | None = None
    ) -> Deferred[None]:
        """Fires after ``seconds`` or with ``until``; a ``stoppable`` one at once when the work is to end."""
        call = clock.callLater(seconds, lambda: sleeper.callback(None))

        def ended(result: object) -> object:
            self._sleeping.discard(sleeper)
            if call.active():
                call.cancel()
            return result

        sleeper: Deferred[None] = Deferred()
        sleeper.addBoth(ended)
        if stoppable:
            self._sleeping.add(sleeper)

        def wake(result: None) -> None:
            if not sleeper.called:
                sleeper.callback(None)

        if until is not None:
            until.addCallback(wake)
        return sleeper
