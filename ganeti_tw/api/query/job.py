"""Jobs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ganeti_tw.api.query.fields import Field, field
from ganeti_tw.api.query.resource import Pause, Resource
from ganeti_tw.api.query.seam import Sources
from ganeti_tw.jobs.fields import FIELDS
from ganeti_tw.jobs.record import JobRecord
from ganeti_tw.model.config import Config

_SHOWN: Mapping[str, tuple[str, str, str]] = {  # title, kind, description
    "archived": ("Archived", "bool", "Whether it is kept in the archive only"),
    "end_ts": ("End", "other", "When it ended: seconds and microseconds"),
    "id": ("ID", "number", "Its number"),
    "opend": ("OpCode_end", "other", "When each of its operations ended"),
    "opexec": ("OpCode_exec", "other", "When each of its operations had its locks and began to work"),
    "oplog": ("OpCode_log", "other", "What each of its operations reported: serial, time, kind and text"),
    "oppriority": ("OpCode_prio", "other", "Priorities of its operations; lower numbers are more urgent"),
    "opresult": ("OpCode_result", "other", "What each of its operations gave, or its error"),
    "ops": ("OpCodes", "other", "Its operations with all their parameters"),
    "opstart": ("OpCode_start", "other", "When each of its operations was taken up"),
    "opstatus": ("OpCode_status", "other", "Statuses of its operations"),
    "priority": ("Priority", "number", "The most urgent priority of what is left to do"),
    "received_ts": ("Received", "other", "When it was submitted: seconds and microseconds"),
    "start_ts": ("Start", "other", "When it was taken up: seconds and microseconds"),
    "status": ("Status", "text", "How far it is"),
    "summary": ("Summary", "other", "Its operations, each with the most telling parameter"),
}


def _field(name: str, value: Callable[[JobRecord], Any]) -> Field:
    return field(name, *_SHOWN[name], lambda job, view: value(job))


async def _find(config: Config, sources: Sources, names: tuple[Any, ...] | None, pause: Pause) -> list[Any]:
    return list(await sources.jobs(None if names is None else tuple(sorted({int(name) for name in names}))))


async def _find_archived(config: Config, sources: Sources, names: tuple[Any, ...] | None, pause: Pause) -> list[Any]:
    if names is not None:
        return await _find(config, sources, names, pause)
    return list(await sources.jobs(None, True))


def _is_number(name: Any) -> bool:
    if isinstance(name, str):
        return name.isascii() and name.isdigit() and len(name) <= 18
    return isinstance(name, int) and not isinstance(name, bool)


RESOURCE = Resource(
    "job",
    {name: _field(name, FIELDS[name]) for name in _SHOWN},
    _find,
    order=lambda job: job.id,
    name_field="id",
    is_name=_is_number,
    find_more={"archived": _find_archived},
)
