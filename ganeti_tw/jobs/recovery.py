"""What becomes of jobs whose process or actor has gone.  Pure."""

from __future__ import annotations

from attrs import evolve, frozen

from ganeti_tw.errors import GanetiError
from ganeti_tw.jobs.perform import Step
from ganeti_tw.jobs.record import JobRecord, error_result, not_begun, stamp
from ganeti_tw.jobs.status import Status
from ganeti_tw.operations.registry import is_whole, parse

INTERRUPTED = (
    "interrupted: the master process ended while this operation was running; "
    "what it had begun may be half done, look at the objects it names before submitting it again"
)
NOT_BEGUN = "not begun: the master process ended before this operation; submit it again"
CRASHED = "internal error, please report it: the actor of this job crashed; look at the objects this operation names"

NOTHING_DONE = (Status.QUEUED, Status.WAITING)


@frozen
class TakenOver:
    """A job of a former process as it is now; ``steps``: what it has to do, None when it has ended."""

    record: JobRecord
    steps: list[Step] | None = None


def taken_over(record: JobRecord, now: float) -> TakenOver:
    """A job that had not ended: it goes on when nothing of it was begun, else it was interrupted."""
    try:
        steps = _steps_left(record)
    except GanetiError as e:  # this version reads it in another way than the one before
        return TakenOver(_examined(record, INTERRUPTED, f"not begun: {e.text}", now))
    if steps is None:
        return TakenOver(_examined(record, INTERRUPTED, NOT_BEGUN, now))
    return TakenOver(not_begun(record), steps)


def crashed(record: JobRecord, now: float) -> JobRecord:
    """A job whose actor crashed."""
    return _examined(record, CRASHED, CRASHED, now)


def _steps_left(record: JobRecord) -> list[Step] | None:
    """What a job has to do; None when it had begun or private values are missing."""
    if all(op.status in NOTHING_DONE and is_whole(op.input) for op in record.ops):
        return [Step(*parse(op.input)) for op in record.ops]
    return None


def _examined(record: JobRecord, begun: str, untouched: str, now: float) -> JobRecord:
    """A job that nobody runs any more, with the reason given for what it had begun and what it had not."""
    ended = stamp(now)
    ops = []
    for op in record.ops:
        if not op.status.final:
            text = untouched if op.status in NOTHING_DONE else begun
            op = evolve(op, status=Status.ERROR, result=error_result(GanetiError(text), False), end_timestamp=ended)
        ops.append(op)
    return evolve(record, ops=ops, end_timestamp=ended)
