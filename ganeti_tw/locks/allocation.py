"""Locks as a value without I/O: who holds what, who waits, who is next.

Names are Ganeti's: ``<level>/<name>``; ``<level>/[lockset]`` stands for all of a
level and conflicts with each member unless both are shared.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from enum import IntEnum

from attrs import define, evolve, frozen

LOCKSET = "[lockset]"
BGL = "cluster/BGL"
LEVELS = ("cluster", "instance", "nodegroup", "node", "node-res", "network")


class Mode(IntEnum):
    """How a lock is held or wanted."""

    SHARED = 0
    EXCLUSIVE = 1


Wanted = Mapping[str, Mode]


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
    def order(self) -> tuple[int, int]:
        return self.priority, self.number

    @property
    def everything(self) -> Wanted:
        """What it may get; of a lock that is named twice the stronger mode."""
        found = dict(self.wanted)
        for part in self.some:
            for name, mode in part.items():
                found[name] = max(mode, found.get(name, mode))
        return found


@frozen
class LockState:
    """One lock for listings; ``pending`` in the order in which it will be granted."""

    name: str
    mode: Mode | None
    owners: tuple[str, ...]
    pending: tuple[tuple[Mode, str], ...]


@define
class _Level:
    """How the members of a level are held, so that set locks need not look at each."""

    held: int = 0
    exclusive: int = 0


class Table:
    """Locks with their owners and modes; answers whether a set of locks fits beside them."""

    def __init__(self) -> None:
        self.owners: dict[str, dict[str, Mode]] = {}
        self._levels: dict[str, _Level] = {}

    def add(self, owner: str, wanted: Wanted) -> None:
        for name, mode in wanted.items():
            owners = self.owners.setdefault(name, {})
            if owner in owners:
                continue
            owners[owner] = mode
            level = self._member_level(name)
            if level is not None:
                level.held += 1
                level.exclusive += mode

    def remove(self, owner: str, names: Iterable[str]) -> None:
        for name in names:
            owners = self.owners.get(name, {})
            mode = owners.pop(owner, None)
            if mode is None:
                continue
            if not owners:
                del self.owners[name]
            level = self._member_level(name)
            if level is not None:
                level.held -= 1
                level.exclusive -= mode

    def fits(self, wanted: Wanted) -> bool:
        return all(self._fits(name, mode) for name, mode in wanted.items())

    def _member_level(self, name: str) -> _Level | None:
        level, _, member = name.partition("/")
        return None if member == LOCKSET else self._levels.setdefault(level, _Level())

    def _fits(self, name: str, mode: Mode) -> bool:
        if _clash(self.owners.get(name), mode):
            return False
        level, _, member = name.partition("/")
        if member != LOCKSET:
            return not _clash(self.owners.get(f"{level}/{LOCKSET}"), mode)
        members = self._levels.get(level)
        if members is None:
            return True
        return not (members.held if mode is Mode.EXCLUSIVE else members.exclusive)


def _clash(owners: Mapping[str, Mode] | None, mode: Mode) -> bool:
    if not owners:
        return False
    return mode is Mode.EXCLUSIVE or Mode.EXCLUSIVE in owners.values()


def grant(waiting: Iterable[Request], held: Table) -> list[Request]:
    """The requests that can be granted now, most urgent and oldest first.

    Nobody overtakes an older request of the same urgency for the same lock, so
    no request waits for ever.  ``held`` is left as it was.  What is granted is
    ``wanted`` of a request that is given back.
    """
    granted: list[Request] = []
    ahead = Table()  # what those in front were given or still wait for
    for request in sorted(waiting, key=lambda r: r.order):
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
        self._waiting[owner] = Request(owner, dict(wanted), priority, self._number, parts, least)
        return self._advance()

    def change_priority(self, owner: str, priority: int) -> list[str]:
        """Make a request more or less urgent, if it is still waiting; gives the owners that have theirs now."""
        request = self._waiting.get(owner)
        if request is None:
            return []
        self._waiting[owner] = evolve(request, priority=priority)
        return self._advance()

    def release(self, owner: str) -> list[str]:
        """Give up locks and request of an owner, in part or whole unknown; gives the owners that have theirs now."""
        self._waiting.pop(owner, None)
        self._held.remove(owner, self._granted.pop(owner, {}))
        return self._advance()

    def keep(self, owner: str, names: Container[str]) -> list[str]:
        """Give back of what an owner holds all but the locks named; gives the owners that have theirs now."""
        held = self._granted.get(owner)
        if held is None:
            return []
        self._granted[owner] = {name: mode for name, mode in held.items() if name in names}
        self._held.remove(owner, [name for name in held if name not in names])
        return self._advance()

    def holds(self, owner: str) -> Wanted:
        """What an owner holds."""
        return self._granted.get(owner, {})

    def waits_for(self, owner: str) -> list[tuple[str, tuple[str, ...]]]:
        """The locks an owner waits for with those who hold them or stand in front."""
        request = self._waiting.get(owner)
        if request is None:
            return []
        found = []
        for name, mode in request.everything.items():
            others = [o for o, m in self._held.owners.get(name, {}).items() if Mode.EXCLUSIVE in (m, mode)]
            others += [
                r.owner
                for r in self._waiting.values()
                if r.order < request.order and Mode.EXCLUSIVE in (r.everything.get(name, Mode.SHARED), mode)
                and name in r.everything
            ]
            if others:
                found.append((name, tuple(others)))
        return found

    def locks(self) -> list[LockState]:
        """Every lock that somebody holds or waits for, sorted by level and name."""
        pending: dict[str, list[tuple[Mode, str]]] = {}
        for request in sorted(self._waiting.values(), key=lambda r: r.order):
            for name, mode in request.everything.items():
                pending.setdefault(name, []).append((mode, request.owner))
        names = sorted(set(self._held.owners) | set(pending), key=lambda n: (LEVELS.index(n.partition("/")[0]), n))
        states = []
        for name in names:
            owners = self._held.owners.get(name, {})
            states.append(
                LockState(name, max(owners.values(), default=None), tuple(owners), tuple(pending.get(name, ())))
            )
        return states

    def _advance(self) -> list[str]:
        granted = grant(self._waiting.values(), self._held)
        for request in granted:
            del self._waiting[request.owner]
            self._granted[request.owner] = request.wanted
            self._held.add(request.owner, request.wanted)
        return [request.owner for request in granted]
