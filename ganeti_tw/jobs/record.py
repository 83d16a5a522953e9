"""A job as a value: what is stored, in the form of Ganeti's job files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from attrs import define, evolve, field, frozen

from ganeti_tw.errors import Corrupt, GanetiError
from ganeti_tw.jobs.joblog import Log, LogEntry
from ganeti_tw.jobs.status import Status, job_status

KIND = "job"  # of ledger rows
ARCHIVED = "archived_job"  # of those of jobs that are out of the way
LIVE = "live"  # of ledger rows that say which jobs have not ended
SERIAL = ("queue", "serial")  # ledger row with the last job id given out
Stamp = tuple[int, int]  # seconds and microseconds


def stamp(now: float) -> Stamp:
    """Time as job files have it."""
    micros = round(now * 1e6)
    return micros // 1_000_000, micros % 1_000_000


def seconds_of(time: Stamp) -> float:
    """Time of a record in seconds since the epoch."""
    return time[0] + time[1] / 1e6


def text_of(time: Stamp | None) -> str:
    """For people, the same wherever they are."""
    if time is None:
        return "an unknown time"
    return f"{datetime.fromtimestamp(time[0], UTC):%Y-%m-%d %H:%M:%S}.{time[1]:06d} UTC"


@frozen
class OpRecord:
    """One opcode of a job."""

    input: dict[str, Any]
    status: Status = Status.QUEUED
    result: Any = None
    log: Sequence[LogEntry] = ()
    start_timestamp: Stamp | None = None
    exec_timestamp: Stamp | None = None
    end_timestamp: Stamp | None = None
    priority: int = 0


@define
class JobRecord:
    """A job with its opcodes.  Belongs to the job's actor; others get a :meth:`copy`."""

    id: int
    ops: list[OpRecord]
    received_timestamp: Stamp | None = None
    start_timestamp: Stamp | None = None
    end_timestamp: Stamp | None = None
    livelock: str | None = None
    process_id: int | None = None
    log_serial: int = field(default=0, metadata={"stored": False})
    archived: bool = field(default=False, metadata={"stored": False})

    @property
    def status(self) -> Status:
        return job_status(op.status for op in self.ops)

    @property
    def priority(self) -> int:
        """The most urgent of what is not finished."""
        return min((op.priority for op in self.ops if not op.status.final), default=0)

    def copy(self) -> JobRecord:
        """One that stays as it is."""
        return evolve(self, ops=list(self.ops))

    def encode(self) -> bytes:
        """The JSON that is stored."""
        return msgspec.json.encode(
            {
                "id": self.id,
                "ops": self.ops,
                "received_timestamp": self.received_timestamp,
                "start_timestamp": self.start_timestamp,
                "end_timestamp": self.end_timestamp,
                "livelock": self.livelock,
                "process_id": self.process_id,
            },
            enc_hook=_plain,
        )


def _plain(value: Any) -> list[LogEntry]:
    if isinstance(value, Log):
        return list(value)
    raise NotImplementedError(f"{type(value).__name__} in a job cannot be stored")


@frozen
class _Stored:
    id: int
    ops: list[OpRecord]
    received_timestamp: Stamp | None
    start_timestamp: Stamp | None
    end_timestamp: Stamp | None
    livelock: str | None = None
    process_id: int | None = None


_decoder = msgspec.json.Decoder(_Stored)


def decode(key: str, value: bytes, archived: bool = False) -> JobRecord:
    """The job of a stored row; Corrupt names the row."""
    try:
        s = _decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError) as e:
        raise Corrupt(f"job {key} in the ledger cannot be read: {e}") from None
    serial = max((entry[0] for op in s.ops for entry in op.log), default=0)
    times = s.received_timestamp, s.start_timestamp, s.end_timestamp
    return JobRecord(s.id, s.ops, *times, s.livelock, s.process_id, serial, archived)


def not_begun(record: JobRecord) -> JobRecord:
    """The same before any of it waited for locks."""
    ops = [evolve(op, status=Status.QUEUED, start_timestamp=None, exec_timestamp=None) for op in record.ops]
    return evolve(record, ops=ops, start_timestamp=None)


def error_result(error: GanetiError, prerequisite: bool) -> list[Any]:
    """A failure as job results carry it: class name and arguments of Ganeti's exceptions."""
    if prerequisite:
        return ["OpPrereqError", [error.text, error.code]]
    return ["OpExecError", [error.text]]
