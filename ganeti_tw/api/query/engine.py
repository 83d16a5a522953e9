"""Answering queries: find, ask the nodes, filter, sort, show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ganeti_tw.api.query import filter as filter_
from ganeti_tw.api.query import group, instance, job, lock, network, node
from ganeti_tw.api.query.fields import NORMAL, Field, Source
from ganeti_tw.api.query.gather import gather
from ganeti_tw.api.query.resource import Pause, Resource, needs
from ganeti_tw.api.query.seam import Sources
from ganeti_tw.api.query.view import View
from ganeti_tw.errors import BadRequest
from ganeti_tw.model.filters import Test, compiled, fields_in
from ganeti_tw.model.names import natural_key

RESOURCES = {
    resource.name: resource
    for resource in (
        filter_.RESOURCE,
        group.RESOURCE,
        instance.RESOURCE,
        job.RESOURCE,
        lock.RESOURCE,
        network.RESOURCE,
        node.RESOURCE,
    )
}

CELLS_AT_ONCE = 6000  # a few milliseconds of work; more holds up everybody else
KEYS_AT_ONCE = 2000  # the same


async def query(what: str, names: list[str], ast: Any, sources: Sources, pause: Pause) -> dict[str, Any]:
    """The objects that pass the filter, in natural order of their names, with the fields named.

    An ``|`` of tests of the name for equality is a list of names: NotFound names
    one that is not there, where such things must exist.  BadRequest for an unknown
    resource, and for a filter that is malformed or looks at an unknown field.
    """
    resource = _resource(what)
    fields = [resource.field(_text(name)) for name in names]
    listed = _names_in(resource, ast)
    config = sources.config
    view = View(config)
    asked: frozenset[Source] = frozenset()
    if listed is not None or ast is None:
        things = await resource.finder(names)(config, sources, listed, pause)
    else:
        test = compiled(ast, resource.hosts)
        tested = _tested_fields(resource, ast)
        everything = await resource.finder((*names, *tested))(config, sources, None, pause)
        asked = needs(tested.values())
        view = await gather(view, sources, asked, everything, pause)
        things = await _passing(test, tested, everything, view, pause)
    view = await gather(view, sources, needs(fields) - asked, things, pause)
    rows = await _rows(fields, await _in_order(resource, things, pause), view, pause)
    return {"fields": [f.described() for f in fields], "data": rows}


def query_fields(what: str, names: list[str] | None = None) -> dict[str, Any]:
    """Descriptions of the fields named, or of all in natural order."""
    resource = _resource(what)
    chosen = sorted(resource.fields, key=natural_key) if names is None else names
    return {"fields": [resource.field(_text(name)).described() for name in chosen]}


def _resource(what: Any) -> Resource:
    resource = RESOURCES.get(what) if isinstance(what, str) else None
    if resource is None:
        raise BadRequest(f"nothing is known of {what!r}; ask about {', '.join(RESOURCES)}")
    return resource


def _text(name: Any) -> str:
    if not isinstance(name, str):
        raise BadRequest(f"{name!r:.60} is no field name")
    return name


def _tested_fields(resource: Resource, ast: Any) -> dict[str, Field]:
    names = fields_in(ast)
    missing = sorted(names - resource.fields.keys())
    if missing:
        raise BadRequest(f"unknown/wrong parameter name: there is no {resource.name} field {', '.join(missing)}")
    return {name: resource.fields[name] for name in names}


def _names_in(resource: Resource, ast: Any) -> tuple[Any, ...] | None:
    """The names a filter is a list of; None when it is anything else.

    One bare test is a filter, which may match nothing, and no list of names; it
    is taken for one where that makes no difference.
    """
    if resource.is_name is None or not isinstance(ast, list | tuple) or len(ast) < 2:
        return None
    if ast[0] != "|" and resource.must_exist:
        return None
    field = resource.name_field
    names = []
    for test in ast[1:] if ast[0] == "|" else (ast,):
        if not isinstance(test, list | tuple) or len(test) != 3 or test[0] not in ("=", "==") or test[1] != field:
            return None
        if not resource.is_name(test[2]):
            return None
        names.append(test[2])
    return tuple(names)


async def _passing(test: Test, tested: dict[str, Field], things: list[Any], view: View, pause: Pause) -> list[Any]:
    gets = {name: field.get for name, field in tested.items()}

    def passes(thing: Any) -> bool:
        def value(name: str) -> Any:
            status, found = gets[name](thing, view)
            return found if status == NORMAL else None

        return test(value)

    found: list[Any] = []
    for number, part in enumerate(_parts(things, len(gets))):
        if number:
            await pause()
        found += [thing for thing in part if passes(thing)]
    return found


async def _in_order(resource: Resource, things: list[Any], pause: Pause) -> list[Any]:
    """What they are sorted by takes longer to make than to compare."""
    keys: list[Any] = []
    for start in range(0, len(things), KEYS_AT_ONCE):
        if start:
            await pause()
        keys += map(resource.order, things[start : start + KEYS_AT_ONCE])
    return [things[place] for place in sorted(range(len(things)), key=keys.__getitem__)]


async def _rows(fields: list[Field], things: list[Any], view: View, pause: Pause) -> list[Any]:
    gets = [f.get for f in fields]
    rows: list[Any] = []
    for number, part in enumerate(_parts(things, len(gets))):
        if number:
            await pause()
        rows += [[get(thing, view) for get in gets] for thing in part]
    return rows


def _parts(things: list[Any], width: int) -> Iterator[list[Any]]:
    step = max(1, CELLS_AT_ONCE // max(1, width))
    for start in range(0, len(things), step):
        yield things[start : start + step]
