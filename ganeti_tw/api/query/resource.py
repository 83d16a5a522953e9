"""What can be asked about: objects with the fields they have."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeAlias

from attrs import frozen

from ganeti_tw.api.query.fields import Field, Source, unknown
from ganeti_tw.api.query.seam import Sources
from ganeti_tw.model.config import Config
from ganeti_tw.model.names import natural_key

Pause: TypeAlias = Callable[[], Awaitable[None]]
"""Lets others work; answers in a later turn."""

Find: TypeAlias = Callable[[Config, Sources, "tuple[Any, ...] | None", Pause], Awaitable[list[Any]]]
"""The objects of these names, in any order and each once, or all."""

NAMES_AT_ONCE = 2000


def by_name(thing: Any) -> str:
    return natural_key(thing.name)


def is_text(name: Any) -> bool:
    return isinstance(name, str)


@frozen
class Resource:
    """``name_field``: what its objects are called by.

    ``is_name``: whether a value could be such a name; None when objects are not
    found by name.  ``must_exist``: asking for a name that is not there is an
    error, not an empty answer.  ``find_more``: fields whose use brings more objects to light.
    """

    name: str
    fields: Mapping[str, Field]
    find: Find
    order: Callable[[Any], Any] = by_name
    name_field: str = "name"
    is_name: Callable[[Any], bool] | None = None
    must_exist: bool = False
    find_more: Mapping[str, Find] = {}

    def finder(self, used: Iterable[str]) -> Find:
        """How to find the objects when these fields are shown or looked at."""
        return next((self.find_more[name] for name in used if name in self.find_more), self.find)

    def field(self, name: str) -> Field:
        """The field of that name, or one that stands for an unknown one."""
        return self.fields.get(name) or unknown(name)

    @property
    def hosts(self) -> frozenset[str]:
        """Fields that hold names of hosts."""
        return frozenset(f.name for f in self.fields.values() if f.host)


def configured(all_of: Callable[[Config], Iterable[Any]], one_of: Callable[[Config, str], Any]) -> Find:
    """Objects of the configuration; NotFound names one that is not there."""

    async def find(config: Config, sources: Sources, names: tuple[Any, ...] | None, pause: Pause) -> list[Any]:
        if names is None:
            return list(all_of(config))
        found: dict[str, Any] = {}
        for number, name in enumerate(names, 1):
            thing = one_of(config, name)
            found[thing.uuid] = thing
            if number % NAMES_AT_ONCE == 0:
                await pause()
        return list(found.values())

    return find


def needs(fields: Iterable[Field]) -> frozenset[Source]:
    """All that has to be asked of the nodes to show these."""
    return frozenset().union(*(f.live for f in fields))
