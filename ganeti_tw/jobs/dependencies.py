"""What a job needs other jobs to have come to before it may begin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganeti_tw.errors import BadRequest, WrongState
from ganeti_tw.jobs.status import Status
from ganeti_tw.operations.registry import Depends


class DependencyCanceled(Exception):
    """A job that this one depends on was canceled, so this one is."""


def absolute(depends: Sequence[Depends], own: int, earlier: Sequence[int | None]) -> list[Depends]:
    """The same with the ids of the other jobs as they are.

    Negative ones count back from the job's own id, first through ``earlier``: the
    jobs submitted in the same call, None for one that was refused.
    """
    return [(_absolute(number, own, earlier), statuses) for number, statuses in depends]


def _absolute(number: int, own: int, earlier: Sequence[int | None]) -> int:
    if number >= 0:
        return number
    if -number <= len(earlier):
        job = earlier[number]
        if job is None:
            raise BadRequest(f"depends: the job {-number} before this one was refused")
        return job
    first = next((job for job in earlier if job is not None), own)
    if first + number + len(earlier) < 1:
        raise BadRequest(f"depends: there are no {-number} jobs before this one")
    return first + number + len(earlier)


def judge(depends: Sequence[Depends], statuses: Mapping[int, Status], own: int) -> None:
    """Whether an opcode may go on now that the jobs it depends on have ended.

    WrongState names one that is not there or ended in another way than it should;
    DependencyCanceled one that was canceled where that was not foreseen.
    """
    for number, wanted in depends:
        status = statuses.get(number) if number < own else None
        if status is None:
            raise WrongState(f"it depends on job {number}, which does not exist")
        if status is Status.CANCELED and "canceled" not in wanted:
            raise DependencyCanceled(f"Job canceled: it depends on job {number}, which was canceled")
        if wanted and status.value not in wanted:
            raise WrongState(f"job {number} ended in {status.value}, and this one depends on {' or '.join(wanted)}")
