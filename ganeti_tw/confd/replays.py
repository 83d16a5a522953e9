"""Remembers requests, so that one that was overheard cannot be used again by another.

A client sends the same datagram to several candidates, each of which sees it
once, and may send it again when no answer came: from the same address and port.
So a request is answered again, a few times, to who sent it first, and to nobody
else: no answer goes to a forged address, and none is drawn by who only listened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

MEMORY = 600.0  # seconds; the salt of a request may be 300 s ahead and is good for 300 s after
HALF = 32_768  # requests in each half of the memory
ANSWERS = 8  # to one request, at most


class Replays:
    """Two halves: when one is full or old, the other one is forgotten and begun anew.

    So it remembers at least the last :data:`HALF` requests, and under little
    load all that could be replayed.
    """

    def __init__(self, now: Callable[[], float], half: int = HALF) -> None:
        self._now = now
        self._half = half
        self._young: dict[str, int] = {}
        self._old: dict[str, int] = {}
        self._again: dict[str, int] = {}
        self._begun = now()

    def refuses(self, mac: str, peer: Any) -> bool:
        """Whether a request, proven already, is not to be answered to this address; it is remembered."""
        young = self._young
        source = hash(peer)
        first = young.get(mac)
        if first is None:
            first = self._old.get(mac)
            if first is None:
                if len(young) >= self._half or not 0 <= self._now() - self._begun < MEMORY:
                    young = self._turn()
                young[mac] = source
                return False
        if first != source:
            return True
        times = self._again.get(mac, 1)
        self._again[mac] = times + 1
        return times >= ANSWERS

    def _turn(self) -> dict[str, int]:
        self._old, self._young = self._young, {}
        self._begun = self._now()
        self._again = {mac: times for mac, times in self._again.items() if mac in self._old}
        return self._young
