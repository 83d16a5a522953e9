"""One job per object: submitting them together and following each."""

from __future__ import annotations

from collections.abc import Sequence
from optparse import Values
from typing import Any, NamedTuple

from ganeti_tw.cli.context import Context
from ganeti_tw.cli.failures import one_line
from ganeti_tw.cli.filters import any_of
from ganeti_tw.cli.jobs import Opcode, follow, submit
from ganeti_tw.errors import GanetiError, NotFound

BATCH = 25
_NOT_STARTED = frozenset({"queued", "waiting", "canceling"})


class Wanted(NamedTuple):
    """A job to be; without a name it is spoken of by its number alone."""

    name: str | None
    ops: list[Opcode]


class Submitted(NamedTuple):
    job_id: int
    name: str | None

    @property
    def title(self) -> str:
        return f"{self.job_id} for {self.name}" if self.name else str(self.job_id)


def run_jobs(context: Context, options: Values, wanted: Sequence[Wanted], *, verbose: bool) -> int:
    """Exit code 1 when a job was not accepted or did not succeed."""
    if not wanted:
        return 0
    jobs, refused = _submit(context, wanted)
    if options.ensure_value("submit_only", False):
        return _show(context, jobs, refused)
    if options.ensure_value("print_jobid", False):
        context.say_all([str(job.job_id) for job in jobs])
    succeeded = _follow(context, jobs, refused, verbose=verbose)
    return 0 if all(succeeded) and not refused else 1


def job_outcomes(context: Context, wanted: Sequence[Wanted]) -> list[bool]:
    """Whether each job was accepted and succeeded, in no order; the jobs are followed to their ends."""
    jobs, refused = _submit(context, wanted)
    return _follow(context, jobs, refused, verbose=True) + [False] * len(refused)


def _submit(context: Context, wanted: Sequence[Wanted]) -> tuple[list[Submitted], list[tuple[str | None, str]]]:
    """The jobs that were accepted, and name and reason of each that was not."""
    answers = context.call("submit_many", jobs=[job.ops for job in wanted])
    jobs = []
    refused = []
    for job, (accepted, value) in zip(wanted, answers, strict=True):
        if accepted:
            jobs.append(Submitted(value, job.name))
        else:
            refused.append((job.name, value))
    return jobs, refused


def _follow(
    context: Context, jobs: Sequence[Submitted], refused: Sequence[tuple[str | None, str]], *, verbose: bool
) -> list[bool]:
    if verbose and jobs:
        context.say(f"Submitted jobs {', '.join(str(job.job_id) for job in jobs)}")
    for name, text in refused:
        _refused(context, name, text)
    return follow_all(context, jobs, verbose=verbose)


def follow_submitted(
    context: Context, answers: Sequence[Sequence[Any]], names: Sequence[str] | None = None
) -> list[list[Any] | None]:
    """The results of each job that another job has submitted, None for one that was refused or did not end well.

    ``answers``: ``[true, id]`` or ``[false, text]``, as in the result of their parent.  With ``names``
    they are spoken of by these, and the one followed next is the one that has begun; else they are followed in order.
    """
    titles = names if names is not None else [None] * len(answers)
    jobs = []
    for (accepted, value), name in zip(answers, titles, strict=True):
        if accepted:
            jobs.append(Submitted(value, name))
        else:
            _refused(context, name, value)
    if names is None:
        ended = {job.job_id: _follow_one(context, job) for job in jobs}
    else:
        if jobs:
            context.say(f"Submitted jobs {', '.join(str(job.job_id) for job in jobs)}")
        ended = _follow_all(context, jobs, verbose=True)
    return [ended[value] if accepted else None for accepted, value in answers]


def submit_with_follow_ups(context: Context, options: Values, op: Opcode) -> int:
    """Follow a job and those it returned, if any; exit code 1 when one of them failed.

    Raises what the job itself failed with.
    """
    results = submit(context, options, op)
    result = results[0] if results else None
    done = follow_submitted(context, result["jobs"]) if result else []
    return 1 if None in done else 0


def _show(context: Context, jobs: Sequence[Submitted], refused: Sequence[tuple[str | None, str]]) -> int:
    for job in jobs:
        context.say(f"{job.job_id}: {job.name}" if job.name else str(job.job_id))
    for name, text in refused:
        context.warn(f"Failure for {name}: {text}")
    return 1 if refused else 0


def follow_all(context: Context, jobs: Sequence[Submitted], *, verbose: bool) -> list[bool]:
    """Whether each job succeeded; failures are told on standard error."""
    ended = _follow_all(context, jobs, verbose=verbose)
    return [ended[job.job_id] is not None for job in jobs]


def _follow_all(context: Context, jobs: Sequence[Submitted], *, verbose: bool) -> dict[int, list[Any] | None]:
    """The results of each job, followed in the order in which they begin."""
    left = list(jobs)
    ended: dict[int, list[Any] | None] = {}
    while left:
        job = left.pop(_next_index(context, left))
        if verbose:
            context.say(f"Waiting for job {job.title} ...")
        ended[job.job_id] = _follow_one(context, job)
    return ended


def _follow_one(context: Context, job: Submitted) -> list[Any] | None:
    try:
        return follow(context, job.job_id)
    except NotFound:
        context.warn(f"Job {job.title} is no longer in the queue; how it ended cannot be told")
    except GanetiError as e:
        context.warn(f"Job {job.title} has failed: {one_line(e)}")
    return None


def _refused(context: Context, name: str | None, text: str) -> None:
    context.warn(f"Failed to submit job{f' for {name}' if name else ''}: {text}")


def _next_index(context: Context, jobs: Sequence[Submitted]) -> int:
    """The first job that has begun or ended, so that its output is shown early; else the first."""
    if len(jobs) == 1:
        return 0
    batch = jobs[:BATCH]
    answer = context.call(
        "query", what="job", fields=["id", "status"], filter=any_of("id", [job.job_id for job in batch])
    )
    statuses: dict[Any, Any] = {row[0][1]: row[1][1] for row in answer["data"]}
    for index, job in enumerate(batch):
        if statuses.get(job.job_id) not in (*_NOT_STARTED, None):
            return index
    return 0
