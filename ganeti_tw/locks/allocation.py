"""Locks as a value without I/O: who holds what, who waits, who is next.

Names are Ganeti's: ``<level>/<name>``; ``<level>/[lockset]`` stands for all of a
level and conflicts with each member unless both are shared.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from attrs import evolve, frozen

from ganeti_tw.locks.table import Mode, Table, Wanted, place
from ganeti_tw.locks.waiting import Order, Request, WaitingLine

BGL = "cluster/BGL"
LEVELS = ("cluster", "instance", "nodegroup", "node", "node-res", "network")


@frozen
class LockState:
    """One lock for listings; ``pending`` in the order in which it will be granted."""

    name: str
    mode: Mode | None
    owners: tuple[str, ...]
    pending: tuple[tuple[Mode, str], ...]


def _order(request: Request) -> Order:
    return request.order


def _clash(mode: Mode, other: Mode) -> bool:
    return Mode.EXCLUSIVE in (mode, other)


def _overlap(name: str, other: str) -> bool:
    return name == other or name == place(other)[1] or other == place(name)[1]


def grant(waiting: Iterable[Request], held: Table) -> list[Request]:
    """The requests that can be granted now, most urgent and oldest first.

    Nobody overtakes an older request of the same urgency for the same lock, so
    no request waits for ever.  ``held`` is left as it was.  What is granted is
    ``wanted`` of a request that is given back.
    """
    granted: list[Request] = []
    ahead = Table()  # what those in front were given or still wait for
    for request in sorted(waiting, key=_order):
        if not (held.fits(request.wanted) and ahead.fits(request.wanted)):
            ahead.add(request.owner, request.wanted)
            continue
        free = tuple(part for part in request.some if held.fits(part) and ahead.fits(part))
        if len(free) < request.least:
            ahead.add(request.owner, request.everything)  # whatever of it comes free is for this one
            continue
        granted.append(evolve(request, wanted=evolve(request, some=free).everything, some=()))
        ahead.add(request.owner, granted[-1].wanted)
    return granted


class Allocation:
    """All locks of the cluster at one moment."""

    def __init__(self) -> None:
        self._held = Table()
        self._granted: dict[str, Wanted] = {}
        self._waiting: dict[str, Request] = {}
        self._line = WaitingLine()
        self._choosers = 0  # that wait for some of several: what they keep others from changes with what is free
        self._number = 0

    def request(
        self, owner: str, wanted: Wanted, priority: int = 0, some: Iterable[Wanted] = (), least: int = 0
    ) -> list[str]:
        """Ask for locks; gives the owners that have theirs now.

        ValueError when this one has or waits for some, or wants more at least than there are.
        """
        parts = tuple(dict(part) for part in some)
        if len(parts) < least:
            raise ValueError(f"{owner} wants {least} of {len(parts)}")
        if owner in self._granted or owner in self._waiting:
            raise ValueError(f"{owner} has asked for locks already")
        self._number += 1
        request = Request(owner, dict(wanted), priority, self._number, parts, least)
        self._add(request)
        return self._advance_all() if self._choosers else self._advance([request])

    def change_priority(self, owner: str, priority: int) -> list[str]:
        """Make a request more or less urgent, if it is still waiting; gives the owners that have theirs now."""
        request = self._waiting.get(owner)
        if request is None:
            return []
        self._drop(request)
        self._add(evolve(request, priority=priority))
        return self._advance_all()

    def release(self, owner: str) -> list[str]:
        """Give up locks and request of an owner, in part or whole unknown; gives the owners that have theirs now."""
        chosen = self._choosers
        request = self._waiting.get(owner)
        given_up = self._granted.pop(owner, {})
        self._held.remove(owner, given_up)
        if request is not None:
            self._drop(request)
            given_up = request.wanted
        return self._advance_all() if chosen else self._advance(self._line.helped(given_up))

    def keep(self, owner: str, names: Container[str]) -> list[str]:
        """Give back of what an owner holds all but the locks named; gives the owners that have theirs now."""
        held = self._granted.get(owner)
        if held is None:
            return []
        self._granted[owner] = {name: mode for name, mode in held.items() if name in names}
        given_up = {name: mode for name, mode in held.items() if name not in names}
        self._held.remove(owner, given_up)
        return self._advance_all() if self._choosers else self._advance(self._line.helped(given_up))

    def holds(self, owner: str) -> Wanted:
        """What an owner holds."""
        return self._granted.get(owner, {})

    def waits_for(self, owner: str) -> list[tuple[str, tuple[str, ...]]]:
        """The locks an owner waits for with those who hold them or stand in front."""
        request = self._waiting.get(owner)
        if request is None:
            return []
        ahead = [(r.owner, r.everything) for r in sorted(self._waiting.values(), key=_order) if r.order < request.order]
        found = []
        for name, mode in request.everything.items():
            others = [o for lock in self._beside(name) for o, m in self._held.owners(lock).items() if _clash(m, mode)]
            others += [
                owner
                for owner, wanted in ahead
                if any(_clash(m, mode) and _overlap(lock, name) for lock, m in wanted.items())
            ]
            if others:
                found.append((name, tuple(dict.fromkeys(others))))
        return found

    def _beside(self, name: str) -> list[str]:
        """The locks somebody holds that are the same as this, contain it or are contained in it."""
        level, whole = place(name)
        if whole is not None:
            return [name, whole]
        return [held for held in self._held.names() if place(held)[0] == level]

    def locks(self) -> list[LockState]:
        """Every lock that somebody holds or waits for, sorted by level and name."""
        pending: dict[str, list[tuple[Mode, str]]] = {}
        for request in sorted(self._waiting.values(), key=_order):
            for name, mode in request.everything.items():
                pending.setdefault(name, []).append((mode, request.owner))
        names = sorted(self._held.names() | set(pending), key=lambda n: (LEVELS.index(n.partition("/")[0]), n))
        states = []
        for name in names:
            owners = self._held.owners(name)
            states.append(
                LockState(name, max(owners.values(), default=None), tuple(owners), tuple(pending.get(name, ())))
            )
        return states

    def _add(self, request: Request) -> None:
        self._waiting[request.owner] = request
        self._line.add(request)
        self._choosers += bool(request.some)

    def _drop(self, request: Request) -> None:
        del self._waiting[request.owner]
        self._line.remove(request)
        self._choosers -= bool(request.some)

    def _advance(self, candidates: Iterable[Request]) -> list[str]:
        """As :meth:`_advance_all` when only these, in their order, may go on and nobody chooses."""
        return [
            self._grant(request, request.wanted)
            for request in candidates
            if self._held.fits(request.wanted) and self._line.is_next(request)
        ]

    def _advance_all(self) -> list[str]:
        return [self._grant(self._waiting[r.owner], r.wanted) for r in grant(self._waiting.values(), self._held)]

    def _grant(self, request: Request, wanted: Wanted) -> str:
        self._drop(request)
        self._granted[request.owner] = wanted
        self._held.add(request.owner, wanted)
        return request.owner
