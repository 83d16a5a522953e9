"""Telling in time that a certificate of this host ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ganeti_tw.errors import GanetiError

HOUR, DAY = 3600.0, 86400.0
WARNING, ERROR = 30 * DAY, 7 * DAY  # as gnt-cluster verify

log = Logger()


class ExpiryWatch:
    """Looks every hour, and speaks once a day of each certificate that ends soon.

    ``look``: when each ends, in seconds since 1970, by name.
    """

    def __init__(
        self, clock: IReactorTime, now: Callable[[], float], look: Callable[[], Awaitable[Mapping[str, float]]]
    ) -> None:
        self._clock = clock
        self._now = now
        self._look = look
        self._timer: IDelayedCall | None = None
        self._looking: Deferred[None] | None = None
        self._told: dict[tuple[str, float], float] = {}
        self.ends: Mapping[str, float] = {}
        """As last seen."""

    def start(self) -> None:
        """Look now, and again."""
        self._timer = self._clock.callLater(HOUR, self.start)
        self._looking = Deferred.fromCoroutine(self._go())
        self._looking.addErrback(lambda failure: log.failure("looking at certificates failed", failure))

    def stop(self) -> None:
        """No more."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self._looking is not None:
            self._looking.cancel()

    async def _go(self) -> None:
        try:
            self.ends = await self._look()
        except GanetiError as e:
            log.warn("cannot look when certificates end: {reason}", reason=e.text)
            return
        now = self._now()
        due = {(name, end): now for name, end in self.ends.items() if end - now < WARNING}
        for (name, end), at in due.items():
            if at - self._told.get((name, end), 0) >= DAY:
                self._told[name, end] = at
                _tell(name, end - now)
        self._told = {key: at for key, at in self._told.items() if key in due}


def _tell(name: str, left: float) -> None:
    say = log.error if left < ERROR else log.warn
    if left > 0:
        text = "{certificate} ends in {days:.1f} days: renew it with gnt-cluster renew-crypto"
        say(text, certificate=name, days=left / DAY)
    else:
        say("{certificate} has expired: renew it with gnt-cluster renew-crypto", certificate=name)
