"""What can be asked of a job: one function per query field (``query_fields.json``, resource job)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ganeti_tw.jobs.joblog import Log, LogEntry
from ganeti_tw.jobs.record import JobRecord, OpRecord
from ganeti_tw.operations.registry import summary_of


def _each(get: Callable[[OpRecord], Any]) -> Callable[[JobRecord], Any]:
    return lambda job: [get(op) for op in job.ops]


SHOWN_EMPTY = ("comment", "depends")
"""Parameters that Ganeti shows though they are null; it leaves others out."""

FIELDS: dict[str, Callable[[JobRecord], Any]] = {
    "archived": lambda job: job.archived,
    "end_ts": lambda job: job.end_timestamp,
    "id": lambda job: job.id,
    "opend": _each(lambda op: op.end_timestamp),
    "opexec": _each(lambda op: op.exec_timestamp),
    "oplog": _each(lambda op: tuple(op.log)),
    "oppriority": _each(lambda op: op.priority),
    "opresult": _each(lambda op: op.result),
    "ops": _each(lambda op: {k: v for k, v in op.input.items() if v is not None or k in SHOWN_EMPTY}),
    "opstart": _each(lambda op: op.start_timestamp),
    "opstatus": _each(lambda op: op.status.value),
    "priority": lambda job: job.priority,
    "received_ts": lambda job: job.received_timestamp,
    "start_ts": lambda job: job.start_timestamp,
    "status": lambda job: job.status.value,
    "summary": lambda job: [summary_of(op.input) for op in job.ops],
}


def values(job: JobRecord, fields: tuple[str, ...]) -> list[Any]:
    """The values of some fields; None for unknown ones, as job waiters have it."""
    return [FIELDS[name](job) if name in FIELDS else None for name in fields]


def same(current: list[Any], previous: Any) -> bool:
    """Whether values are those a client was told; what is a tuple here came to it as a list."""
    return msgspec.json.encode(current) == msgspec.json.encode(previous)


def log_after(job: JobRecord, serial: int | None) -> list[list[Any]]:
    """Log entries of all opcodes with a serial above ``serial``, in order."""
    entries = [entry for op in job.ops for entry in _after(op.log, serial or 0)]
    return [list(entry) for entry in sorted(entries, key=lambda entry: entry[0])]


def _after(log: Sequence[LogEntry], serial: int) -> Sequence[LogEntry]:
    return log.after(serial) if isinstance(log, Log) else [entry for entry in log if entry[0] > serial]
