"""What becomes of jobs whose process or actor has gone.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve, frozen

from ganeti_tw.errors import GanetiError
from ganeti_tw.jobs.perform import Step
from ganeti_tw.jobs.record import JobRecord, error_result, not_begun, stamp
from ganeti_tw.jobs.status import Status
from ganeti_tw.model.config import Config
from ganeti_tw.operations.registry import is_whole, parse, remembered

INTERRUPTED = "interrupted: the master process ended while this operation was running; "
NOT_BEGUN = "not begun: the master process ended before this operation; submit it again"
CRASHED = "internal error, please report it: the actor of this job crashed; "
HALF_DONE = "what it had begun may be half done, look at the objects it names before submitting it again"

NOTHING_DONE = (Status.QUEUED, Status.WAITING)


@frozen
class TakenOver:
    """A job of a former process as it is now; ``steps``: what it has to do, None when it has ended."""

    record: JobRecord
    steps: list[Step] | None = None


def taken_over(record: JobRecord, config: Config, now: float) -> TakenOver:
    """A job that had not ended: it goes on when nothing of it was begun, else it was interrupted."""
    try:
        steps = _steps_left(record)
    except GanetiError as e:  # this version reads it in another way than the one before
        return TakenOver(_examined(record, INTERRUPTED, f"not begun: {e.text}", config, now))
    if steps is None:
        return TakenOver(_examined(record, INTERRUPTED, NOT_BEGUN, config, now))
    return TakenOver(not_begun(record), steps)


def crashed(record: JobRecord, config: Config, now: float) -> JobRecord:
    """A job whose actor crashed."""
    return _examined(record, CRASHED, f"{CRASHED}this operation had not begun", config, now)


def _steps_left(record: JobRecord) -> list[Step] | None:
    """What a job has to do; None when it had begun or private values are missing."""
    if all(op.status in NOTHING_DONE and is_whole(op.input) for op in record.ops):
        return [Step(*parse(op.input)) for op in record.ops]
    return None


def _examined(record: JobRecord, begun: str, untouched: str, config: Config, now: float) -> JobRecord:
    """A job that nobody runs any more, with the reason given for what it had begun and what it had not."""
    ended = stamp(now)
    ops = []
    for op in record.ops:
        if not op.status.final:
            text = untouched if op.status in NOTHING_DONE else begun + _found(op.input, config)
            op = evolve(op, status=Status.ERROR, result=error_result(GanetiError(text), False), end_timestamp=ended)
        ops.append(op)
    return evolve(record, ops=ops, end_timestamp=ended)


def _found(opcode: Mapping[str, Any], config: Config) -> str:
    """What an operation that was begun has come to, as far as the configuration tells."""
    try:
        operation = remembered(opcode)
    except GanetiError:  # one of another version
        return HALF_DONE
    interrupted = getattr(operation, "interrupted", None)
    return HALF_DONE if interrupted is None else str(interrupted(config))
