"""Who holds which locks, as a value; see :mod:`ganeti_tw.locks.allocation`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from functools import lru_cache

from attrs import define, field

LOCKSET = "[lockset]"


class Mode(IntEnum):
    """How a lock is held or wanted."""

    SHARED = 0
    EXCLUSIVE = 1


Wanted = Mapping[str, Mode]


@lru_cache(maxsize=65536)
def place(name: str) -> tuple[str, str | None]:
    """Level of a lock, and the name of the lock for all of that level; None for that one itself."""
    level, _, member = name.partition("/")
    return level, None if member == LOCKSET else f"{level}/{LOCKSET}"


@define
class _Held:
    """How one lock is held."""

    owners: dict[str, Mode] = field(factory=dict)
    exclusive: int = 0


@define
class _Level:
    """How the members of a level are held, so that set locks need not look at each."""

    held: int = 0
    exclusive: int = 0


class Table:
    """Locks with their owners and modes; answers whether a set of locks fits beside them."""

    def __init__(self) -> None:
        self._locks: dict[str, _Held] = {}
        self._levels: dict[str, _Level] = {}

    def names(self) -> set[str]:
        """Of all locks that somebody holds."""
        return set(self._locks)

    def owners(self, name: str) -> Mapping[str, Mode]:
        """Who holds a lock, and how."""
        held = self._locks.get(name)
        return held.owners if held is not None else {}

    def add(self, owner: str, wanted: Wanted) -> None:
        for name, mode in wanted.items():
            lock = self._locks.get(name)
            if lock is None:
                lock = self._locks[name] = _Held()
            if owner in lock.owners:
                continue
            lock.owners[owner] = mode
            lock.exclusive += mode
            level = self._member_level(name)
            if level is not None:
                level.held += 1
                level.exclusive += mode

    def remove(self, owner: str, names: Iterable[str]) -> None:
        for name in names:
            lock = self._locks.get(name)
            mode = lock.owners.pop(owner, None) if lock is not None else None
            if lock is None or mode is None:
                continue
            lock.exclusive -= mode
            if not lock.owners:
                del self._locks[name]
            level = self._member_level(name)
            if level is not None:
                level.held -= 1
                level.exclusive -= mode

    def fits(self, wanted: Wanted) -> bool:
        return all(self._fits(name, mode) for name, mode in wanted.items())

    def _member_level(self, name: str) -> _Level | None:
        level, whole = place(name)
        return None if whole is None else self._levels.setdefault(level, _Level())

    def _fits(self, name: str, mode: Mode) -> bool:
        if _clash(self._locks.get(name), mode):
            return False
        level, whole = place(name)
        if whole is not None:
            return not _clash(self._locks.get(whole), mode)
        members = self._levels.get(level)
        if members is None:
            return True
        return not (members.held if mode is Mode.EXCLUSIVE else members.exclusive)


def _clash(lock: _Held | None, mode: Mode) -> bool:
    return lock is not None and (mode is Mode.EXCLUSIVE or lock.exclusive > 0)
