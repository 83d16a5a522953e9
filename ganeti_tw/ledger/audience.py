"""News told in order to local actors that may be too busy to take it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from ganeti_tw.errors import ActorStopped, MailboxFull
from ganeti_tw.kernel import Ref

MOST_UNTOLD = 10_000
REMIND = 0.05  # seconds until a full mailbox is tried again


class Audience:
    """Who hears the news.

    ``remind`` is called when some news could not be delivered; ``deliver`` is
    then to be called a little later.  A listener that is thousands behind is
    stopped: one that missed news would be wrong for ever.
    """

    log = Logger()

    def __init__(self, remind: Callable[[], Any]) -> None:
        self._remind = remind
        self._untold: dict[Ref, deque[Any]] = {}

    def add(self, listener: Ref) -> None:
        """From now on it hears everything."""
        self._untold.setdefault(listener, deque())

    def remove(self, path: str) -> None:
        """It is gone."""
        self._untold = {ref: news for ref, news in self._untold.items() if ref.path != path}

    def tell(self, news: Any) -> None:
        """Tell everyone, after what they have not taken yet."""
        for untold in self._untold.values():
            untold.append(news)
        self.deliver()

    def deliver(self) -> None:
        """Tell what could not be told before."""
        for listener in list(self._untold):
            self._deliver(listener, self._untold[listener])
        if any(self._untold.values()):
            self._remind()

    def _deliver(self, listener: Ref, untold: deque[Any]) -> None:
        try:
            while untold:
                listener.tell(untold[0])
                untold.popleft()
        except MailboxFull:
            if len(untold) > MOST_UNTOLD:
                self.log.error("{path} does not take its news of the ledger and is stopped", path=listener.path)
                del self._untold[listener]
                listener.stop()
        except ActorStopped:
            del self._untold[listener]
