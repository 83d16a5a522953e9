"""Whether instances fit on nodes in whatever order and place, without trying.

Placing one after the other where the score is best takes long, and most often it is
plain that all fit or that they cannot.  An instance finds no room only when each node
has been filled so far that it does not fit; if all that was placed before does not
suffice for that, there is room, wherever it went.  Where sums do not tell, all ways to
place a few instances are gone through: if none works it is plain too, and if all do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

# How much of a room's filling may be put down to memory, the rest to disk: any of these may prove the point.
_WEIGHTS = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98)
# Beyond all rounding.
_ALL = 1.000001
# How many ways to place an instance are looked at before trying the one that counts is cheaper.
_PATIENCE = 300


class Load(NamedTuple):
    """What an instance needs, and the rooms it may have, by their position; disk 0 is none."""

    memory: int
    disk: int
    rooms: tuple[int, ...]


class Space(NamedTuple):
    """What a node has left; after each placing something must still be left."""

    memory: int
    disk: int


def fit(rooms: Sequence[Space], loads: Iterable[Load]) -> bool | None:
    """True or False when it is plain, None when only trying can tell.

    The loads are placed in the order given; False holds for any order.
    """
    loads = list(loads)
    plain = _by_sums(rooms, loads)
    if plain is None and _too_many(rooms, loads):
        return False
    return _by_search(rooms, loads) if plain is None else plain


def _by_sums(rooms: Sequence[Space], loads: Iterable[Load]) -> bool | None:
    placed = placed_disk = 0
    memory_left = sum(max(0, room.memory - 1) for room in rooms)
    disk_left = sum(max(0, room.disk - 1) for room in rooms)
    known: dict[Load, tuple[int, bool]] = {}
    sure = True
    for load in loads:
        if load not in known:
            known[load] = _spare(rooms, load)
        spare, any_room = known[load]
        if not any_room:
            return False
        if sure and (spare <= placed or (load.disk and placed_disk)):
            sure = _never_full(rooms, load, placed, placed_disk)
        placed += load.memory
        placed_disk += load.disk
    if placed > memory_left or placed_disk > disk_left:
        return False
    return True if sure else None


def _spare(rooms: Sequence[Space], load: Load) -> tuple[int, bool]:
    """The memory it takes to keep the instance out of each room, and whether there is a room at all."""
    spare, any_room = 0, False
    for index in load.rooms:
        room = rooms[index]
        if room.memory > load.memory and (not load.disk or room.disk > load.disk):
            spare += room.memory - load.memory
            any_room = True
    return spare, any_room


def _never_full(rooms: Sequence[Space], load: Load, memory: int, disk: int) -> bool:
    """Whether so much memory and disk cannot keep the instance out of all rooms.

    Each room would have to be filled by one of the two, and together they can be used
    up once each, at whatever weights that are 1 together.
    """
    parts = []
    for index in load.rooms:
        for_memory = rooms[index].memory - load.memory
        for_disk = rooms[index].disk - load.disk
        if for_memory <= 0 or (load.disk and for_disk <= 0):
            continue
        by_memory = for_memory / memory if memory else float("inf")
        by_disk = for_disk / disk if load.disk and disk else float("inf")
        if by_memory > _ALL and by_disk > _ALL:
            return True
        parts.append((by_memory, by_disk))
    return any(sum(min(w * m, (1.0 - w) * d) for m, d in parts) > _ALL for w in _WEIGHTS)


def _too_many(rooms: Sequence[Space], loads: Sequence[Load]) -> bool:
    """Whether some loads could not all be placed even if each were no larger than the smallest of them."""
    for least in set(loads):
        if not least.memory:
            continue
        alike = [load for load in loads if load.memory >= least.memory and load.disk >= least.disk]
        places = 0
        for index in set().union(*(load.rooms for load in alike)):
            room = rooms[index]
            if room.memory > least.memory and (not least.disk or room.disk > least.disk):
                by_memory = (room.memory - 1) // least.memory
                places += min(by_memory, (room.disk - 1) // least.disk) if least.disk else by_memory
        if places < len(alike):
            return True
    return False


def _by_search(rooms: Sequence[Space], loads: Sequence[Load]) -> bool | None:
    # What is hard to place comes first: a way that works is found, or excluded, sooner.
    hardest = sorted(loads, key=lambda load: (-load.memory, -load.disk))
    some = _Ways(hardest, wanted=True).reach(tuple(rooms), 0)
    if some is False:
        return False
    if some is None:
        return None
    return None if _Ways(loads, wanted=False).reach(tuple(rooms), 0) is not False else True


class _Ways:
    """All ways to place the loads in this order, until one ends as wanted: all placed, or stuck."""

    def __init__(self, loads: Sequence[Load], *, wanted: bool) -> None:
        self._loads = loads
        self._wanted = wanted
        self._seen: set[tuple[int, tuple[Space, ...]]] = set()
        self._left = _PATIENCE

    def reach(self, rooms: tuple[Space, ...], position: int) -> bool | None:
        """Whether one does from here on; None when they are too many to tell."""
        if position == len(self._loads):
            return self._wanted
        load = self._loads[position]
        stuck = True
        for index in load.rooms:
            room = rooms[index]
            if room.memory <= load.memory or (load.disk and room.disk <= load.disk):
                continue
            stuck = False
            left = Space(room.memory - load.memory, room.disk - load.disk)
            further = (*rooms[:index], left, *rooms[index + 1 :])
            if (position, further) in self._seen:
                continue
            self._left -= 1
            if self._left < 0:
                return None
            self._seen.add((position, further))
            found = self.reach(further, position + 1)
            if found is not False:
                return found
        return stuck and not self._wanted
