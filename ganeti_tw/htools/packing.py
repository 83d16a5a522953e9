"""Whether instances fit on nodes in whatever order and place, without trying.

Placing one after the other where the score is best takes long, and most often it is
plain that all fit or that they cannot.  An instance finds no room only when each node
has been filled so far that it does not fit; if all that was placed before does not
suffice for that, there is room, wherever it went.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

# How much of a room's filling may be put down to memory, the rest to disk: any of these may prove the point.
_WEIGHTS = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98)
# Beyond all rounding.
_ALL = 1.000001


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
    """True or False when it is plain, None when only trying can tell."""
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
