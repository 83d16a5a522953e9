"""The host that collectors look at, for real."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from attrs import frozen

from ganeti_tw.mond.guests import Guest


@frozen
class LocalHost:
    """A :class:`ganeti_tw.mond.registry.Host`: this machine's ``/proc``, and the node's own list of guests."""

    list_guests: Callable[[], Awaitable[Sequence[Guest]]]
    clock: Callable[[], float]
    ticks_per_second: int = 100

    async def read_text(self, path: str) -> str:
        # Files of /proc are made in memory and small: reading one takes microseconds.
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()

    async def guests(self) -> Sequence[Guest]:
        return await self.list_guests()

    def now(self) -> float:
        return self.clock()
