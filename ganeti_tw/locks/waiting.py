"""Who waits for which locks, so that a release need look at nobody but those it may help."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import TypeAlias

from attrs import define, field, frozen

from ganeti_tw.locks.table import Mode, Wanted, place

Order: TypeAlias = tuple[int, int]
"""Priority and number of a request: the lower goes first."""


@frozen
class Request:
    """All the locks an owner wants, at once.  Lower ``priority`` values are more urgent.

    Of ``some``, each taken whole or not at all, it gets those that are free when
    it gets what is ``wanted``, and at least ``least``.
    """

    owner: str
    wanted: Wanted
    priority: int
    number: int
    some: tuple[Wanted, ...] = ()
    least: int = 0

    @property
    def order(self) -> Order:
        return self.priority, self.number

    @property
    def everything(self) -> Wanted:
        """What it may get; of a lock that is named twice the stronger mode."""
        found = dict(self.wanted)
        for part in self.some:
            for name, mode in part.items():
                found[name] = max(mode, found.get(name, mode))
        return found


@define
class _Claims:
    """Who wants one lock, or members of a level; first who gets it first.  One may be there several times."""

    every: list[Order] = field(factory=list)
    exclusive: list[Order] = field(factory=list)

    def add(self, order: Order, mode: Mode) -> None:
        insort(self.every, order)
        if mode is Mode.EXCLUSIVE:
            insort(self.exclusive, order)

    def remove(self, order: Order, mode: Mode) -> None:
        del self.every[bisect_left(self.every, order)]
        if mode is Mode.EXCLUSIVE:
            del self.exclusive[bisect_left(self.exclusive, order)]

    def against(self, mode: Mode) -> list[Order]:
        """Those that cannot have it beside one who has it in this mode."""
        return self.every if mode is Mode.EXCLUSIVE else self.exclusive


class WaitingLine:
    """Requests with nothing but ``wanted``, by what they want."""

    def __init__(self) -> None:
        self._requests: dict[Order, Request] = {}
        self._locks: dict[str, _Claims] = {}
        self._levels: dict[str, _Claims] = {}  # members of each

    def add(self, request: Request) -> None:
        self._requests[request.order] = request
        for name, mode in request.wanted.items():
            self._locks.setdefault(name, _Claims()).add(request.order, mode)
            level, whole = place(name)
            if whole is not None:
                self._levels.setdefault(level, _Claims()).add(request.order, mode)

    def remove(self, request: Request) -> None:
        del self._requests[request.order]
        for name, mode in request.wanted.items():
            claims = self._locks[name]
            claims.remove(request.order, mode)
            if not claims.every:
                del self._locks[name]
            level, whole = place(name)
            if whole is not None:
                self._levels[level].remove(request.order, mode)

    def is_next(self, request: Request) -> bool:
        """Whether nobody who goes first wants what does not go with this request."""
        order = request.order
        for name, mode in request.wanted.items():
            for claims in self._beside(name):
                against = claims.against(mode)
                if against and against[0] < order:
                    return False
        return True

    def helped(self, given_up: Wanted) -> list[Request]:
        """Those that may have waited for one of these locks, in their order."""
        orders: set[Order] = set()
        for name, mode in given_up.items():
            for claims in self._beside(name):
                orders.update(claims.against(mode))
        return [self._requests[order] for order in sorted(orders)]

    def _beside(self, name: str) -> Iterator[_Claims]:
        """The claims to a lock and to those that contain it or are contained in it."""
        level, whole = place(name)
        for claims in (self._locks.get(name), self._levels.get(level) if whole is None else self._locks.get(whole)):
            if claims is not None:
                yield claims
