"""Changes of an instance's disks or NICs as they are asked for: action, which one, parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from attrs import field, frozen

from ganeti_tw.errors import BadRequest, NotFound, NotUnique

ADD, ATTACH, DETACH, MODIFY, REMOVE = ACTIONS = ("add", "attach", "detach", "modify", "remove")
LAST = -1


class Device(Protocol):
    @property
    def uuid(self) -> str: ...

    @property
    def name(self) -> str | None: ...


@frozen
class DeviceChange:
    """``identifier``: an index, -1 for the last (or the end), a UUID or a name."""

    action: str
    identifier: int | str
    parameters: Mapping[str, Any] = field(factory=dict)


def changes_of(what: str, given: Sequence[Any]) -> tuple[DeviceChange, ...]:
    """From ``[action, identifier, {...}]``, or the older ``[action or index, {...}]``.  BadRequest names the item."""
    return tuple(_change(what, number, item) for number, item in enumerate(given))


def _change(what: str, number: int, item: Any) -> DeviceChange:
    wanted = f"{what} change {number}: [action, index or name or UUID, {{parameters}}] is expected"
    if not isinstance(item, list | tuple) or len(item) not in (2, 3) or not isinstance(item[-1], dict):
        raise BadRequest(f"{wanted}, not {item!r:.80}")
    if len(item) == 3:
        action, identifier, parameters = item
    else:
        first, parameters = item
        is_action = isinstance(first, str) and first in ACTIONS and first != MODIFY
        action, identifier = (first, LAST) if is_action else (MODIFY, first)
    if action not in ACTIONS:
        raise BadRequest(f"{wanted}; the action {action!r:.40} is none of {', '.join(ACTIONS)}")
    if isinstance(identifier, bool) or not isinstance(identifier, int | str) or identifier == "":
        raise BadRequest(f"{wanted}; {identifier!r:.40} is no index, name or UUID")
    if isinstance(identifier, str) and identifier.isascii() and identifier.removeprefix("-").isdigit():
        identifier = int(identifier[:10])
    if action in (REMOVE, DETACH) and parameters:
        raise BadRequest(f"{what} {identifier}: {action} takes no parameters")
    if action == MODIFY and not parameters:
        raise BadRequest(f"{what} {identifier}: nothing to modify is given")
    return DeviceChange(action, identifier, parameters)


def place_for(what: str, things: Sequence[Any], identifier: int | str) -> int:
    """Where a new one is put; -1 is the end."""
    if not isinstance(identifier, int):
        raise BadRequest(f"{what} {identifier}: a new one is given an index, not a name or UUID")
    if not LAST <= identifier <= len(things):
        raise BadRequest(f"{what} {identifier}: a new one can be put at 0 to {len(things)}, or at -1, the end")
    return len(things) if identifier == LAST else identifier


def index_of(what: str, things: Sequence[Device], identifier: int | str) -> int:
    """The index of the one that is meant; NotFound says what there is."""
    if isinstance(identifier, int):
        index = len(things) - 1 if identifier == LAST else identifier
        if not 0 <= index < len(things):
            raise NotFound(f"there is no {what} {identifier}: the instance has {len(things)}")
        return index
    for index, thing in enumerate(things):
        if identifier in (thing.uuid, thing.name):
            return index
    names = ", ".join(thing.name for thing in things if thing.name) or "none"
    raise NotFound(f"there is no {what} {identifier!r} (names there are: {names})")


def different_names(what: str, things: Sequence[Device]) -> None:
    """Refuse two of one name."""
    names = [thing.name for thing in things if thing.name]
    for name in names:
        if names.count(name) > 1:
            raise NotUnique(f"two {what}s of the instance would be called {name!r}")
