"""Which jobs a command is about: numbers, or all of some status."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from optparse import Values
from typing import Any

from ganeti_tw.cli import table
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filters import any_of, job_number
from ganeti_tw.errors import BadRequest, WrongState

REFUSED = 13


def for_chosen_jobs(
    options: Values, arguments: list[str], context: Context, question: str, do: Callable[[int], Sequence[Any]]
) -> int:
    """Do something to each of the jobs, and tell what came of it; ``do`` gives ``[done, text]``.

    The exit code.  Those chosen by status are shown and asked about unless forced.
    """
    numbers = _chosen_jobs(options, arguments, context, question)
    if numbers is None:
        return REFUSED
    code = 0
    for number in numbers:
        done, text = do(number)
        context.say(text)
        code = code if done else 1
    return code


def _chosen_jobs(options: Values, arguments: list[str], context: Context, question: str) -> list[int] | None:
    """Their numbers; None when the answer is no."""
    if bool(options.status_filter) == bool(arguments):
        raise BadRequest("give numbers of jobs or one of --pending, --queued, --waiting; not both")
    if arguments:
        return [job_number(argument) for argument in arguments]
    numbers = _with_status(options.status_filter, context, show=not options.force)
    return numbers if options.force or context.confirm(question) else None


def _with_status(statuses: list[str], context: Context, *, show: bool) -> list[int]:
    answer = context.call("query", what="job", fields=["id", "status", "summary"], filter=any_of("status", statuses))
    if not answer["data"]:
        raise WrongState(f"there are no jobs with status {' or '.join(statuses)}")
    if show:
        columns = table.columns_of(answer["fields"], {"summary": table.joined}, unit="h", verbose=False)
        context.say_all(table.lines(answer["data"], columns, headers=True, separator=None))
    return [row[0][1] for row in answer["data"]]
