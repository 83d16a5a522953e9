"""What is asked of the job queue and of jobs.  Stays in the master's process."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen


@frozen
class SubmitJob:
    """A list of opcode objects.

    Answer: the job's id, once the job is safely stored.  BadRequest, NotFound for bad opcodes;
    WrongState while the queue is drained; TryLater when it is full.

    ``earlier``: ids of the jobs submitted before it in the same call, None for those
    refused; the queue adds the job to it.  Negative ids in ``depends`` count back through it.
    """

    ops: list[Any]
    earlier: list[int | None] = field(factory=list)


@frozen
class CheckRoom:
    """Answer: None.  WrongState while the queue is drained; TryLater when it is too full for so many more jobs."""

    jobs: int


@frozen
class GetStatuses:
    """Answer: id -> Status of the jobs that exist among some that have ended, or had been about to."""

    ids: frozenset[int]


@frozen
class GetJobFigures:
    """Answer: JobFigures of the unfinished jobs and of those that ended in this process."""


@frozen
class WhyJobsWait:
    """Answer: id -> Behind, of those that have not begun."""

    ids: tuple[int, ...]


@frozen
class Behind:
    """What a job waits for before it can begin: ends of the jobs it depends on, and in words what else."""

    jobs: list[int]
    reason: str = ""


@frozen
class WaitForChange:
    """Answer: ``(values of fields, log entries)`` once something changed; ask with the time you want to wait.

    Changed means: the values of ``fields`` differ from ``previous``, or there
    are log entries with a serial above ``log_serial``.  Of a job that has ended
    the answer comes at once.  NotFound for a job that never was.
    """

    job_id: int
    fields: tuple[str, ...]
    previous: Any
    log_serial: int | None
    seconds: float = 60.0  # after which nobody waits any more


@frozen
class CancelJob:
    """Answer: ``(done, text)``."""

    job_id: int
    kill: bool = False


@frozen
class ChangePriority:
    """Make a job that has not ended as urgent as that: -20 (most) to 19.  Answer: ``(done, text)``."""

    job_id: int
    priority: int


@frozen
class ListJobs:
    """Answer: JobRecords by ascending id; of ``ids`` (unknown ones are left out) or of all.

    Of the jobs in the archive only those in ``ids``, or all if ``archived``.
    """

    ids: tuple[int, ...] | None = None
    archived: bool = False


@frozen
class ArchiveJob:
    """Put a job that has ended out of the way.  Answer: whether that was done."""

    job_id: int


@frozen
class ArchiveOld:
    """The same with all that ended more than ``age`` seconds ago; -1 for all that have ended.

    Answer: ``(archived, left)``; ``left`` were not looked at because ``seconds`` had passed.
    """

    age: float
    seconds: float


@frozen
class ReplaceFilter:
    """A rule about which jobs may start, instead of the one of that UUID or, without, a new one.

    Answer: its UUID, once it is stored and applied.  BadRequest says what makes no sense in it;
    NotFound that there is no such rule.
    """

    uuid: str | None
    priority: int
    predicates: list[Any]
    action: Any
    reason: list[Any]


@frozen
class DeleteFilter:
    """Answer: None, once the rule is gone.  NotFound when there is none."""

    uuid: str


@frozen
class JobEnded:
    """News from a job to the queue."""

    job_id: int
