"""The host that collectors look at, for real."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from attrs import frozen

from ganeti_tw.mond.guests import Guest


@frozen
class LocalHost:
    """A :class:`ganeti_tw.mond.registry.Host`: this machine's ``/proc``; all else is asked of those who know."""

    list_guests: Callable[[], Awaitable[Sequence[Guest]]]
    run_program: Callable[[Sequence[str]], Awaitable[str]]
    call_in_thread: Callable[[Callable[[], Any]], Awaitable[Any]]
    list_volume_owners: Callable[[], Awaitable[Mapping[str, str]]]
    list_minor_owners: Callable[[], Awaitable[Mapping[int, str]]]
    enabled: Callable[[], frozenset[str]]
    clock: Callable[[], float]
    ticks_per_second: int = 100
    page_size: int = 4096

    async def read_text(self, path: str) -> str:
        # Files of /proc are made in memory and small: reading one takes microseconds.
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()

    async def guests(self) -> Sequence[Guest]:
        return await self.list_guests()

    async def run(self, *argv: str) -> str:
        return await self.run_program(argv)

    async def in_thread(self, function: Callable[[], Any]) -> Any:
        return await self.call_in_thread(function)

    async def volume_owners(self) -> Mapping[str, str]:
        return await self.list_volume_owners()

    async def minor_owners(self) -> Mapping[int, str]:
        return await self.list_minor_owners()

    @property
    def hypervisors(self) -> frozenset[str]:
        return self.enabled()

    def now(self) -> float:
        return self.clock()
