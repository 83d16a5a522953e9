"""Answering queries: find, ask the nodes, filter, sort, show."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from ganeti_tw.api.query import filter as filter_
from ganeti_tw.api.query import group, instance, job, lock, network, node
from ganeti_tw.api.query.fields import NORMAL, Field
from ganeti_tw.api.query.gather import gather
from ganeti_tw.api.query.order import natural_text
from ganeti_tw.api.query.resource import Resource, needs
from ganeti_tw.api.query.seam import Sources
from ganeti_tw.api.query.view import View
from ganeti_tw.errors import BadRequest
from ganeti_tw.model.filters import Test, compiled, fields_in

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

Pause = Callable[[], Awaitable[None]]
"""Lets others work; answers in a later turn."""


async def query(what: str, names: list[str], ast: Any, sources: Sources, pause: Pause) -> dict[str, Any]:
    """The objects that pass the filter, in natural order of their names, with the fields named.

    An ``|`` of tests of the name for equality is a list of names: NotFound names
    one that is not there, where such things must exist.  BadRequest for an unknown
    resource, and for a filter that is malformed or looks at an unknown field.
    """
    resource = _resource(what)
    fields = [resource.field(_text(name)) for name in names]
    test = compiled(ast, resource.hosts)
    tested = _tested_fields(resource, ast)
    asked_for = _names_in(resource, ast)
    config = sources.config
    things = await resource.find(config, sources, asked_for)
    view = View(config)
    if ast is not None and asked_for is None:
        view = await gather(view, sources, needs(tested.values()), things)
        things = await _passing(test, tested, things, view, pause)
        view = await gather(view, sources, needs(fields) - needs(tested.values()), things)
    else:
        view = await gather(view, sources, needs(fields), things)
    things.sort(key=resource.order)
    rows = await _rows(fields, things, view, pause)
    return {"fields": [f.described() for f in fields], "data": rows}


def query_fields(what: str, names: list[str] | None = None) -> dict[str, Any]:
    """Descriptions of the fields named, or of all in natural order."""
    resource = _resource(what)
    chosen = sorted(resource.fields, key=natural_text) if names is None else names
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
    """The names a well-formed filter is a list of; None when it is anything else.

    One bare test is a filter, which may match nothing, and no list of names; it
    is taken for one where that makes no difference.
    """
    if ast is None:
        return None
    listed = ast[0] == "|" and len(ast) > 1
    if not listed and resource.must_exist:
        return None
    tests = ast[1:] if listed else (ast,)
    if any(test[0] not in ("=", "==") or test[1] != resource.name_field for test in tests):
        return None
    names = tuple(test[2] for test in tests)
    return names if all(resource.is_name(name) for name in names) else None


async def _passing(
    test: Test, tested: dict[str, Field], things: list[Any], view: View, pause: Pause
) -> list[Any]:
    gets = {name: field.get for name, field in tested.items()}

    def passes(thing: Any) -> bool:
        def value(name: str) -> Any:
            status, found = gets[name](thing, view)
            return found if status == NORMAL else None

        return test(value)

    found: list[Any] = []
    for part in _parts(things, len(gets)):
        if found or part is not things:
            pass
        found += [thing for thing in part if passes(thing)]
        await pause()
    return found


async def _rows(fields: list[Field], things: list[Any], view: View, pause: Pause) -> list[Any]:
    gets = [f.get for f in fields]
    rows: list[Any] = []
    for part in _parts(things, len(gets)):
        if rows:
            await pause()
        rows += [[get(thing, view) for get in gets] for thing in part]
    return rows


def _parts(things: list[Any], width: int) -> Iterator[list[Any]]:
    step = max(1, CELLS_AT_ONCE // max(1, width))
    for start in range(0, len(things), step):
        yield things[start : start + step]
