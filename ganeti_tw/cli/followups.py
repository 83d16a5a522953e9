"""Jobs that another job submitted."""

from __future__ import annotations

from collections.abc import Sequence
from optparse import Values
from typing import Any

from ganeti_tw.cli.context import Context
from ganeti_tw.cli.failures import one_line
from ganeti_tw.cli.jobs import Opcode, follow, submit
from ganeti_tw.errors import GanetiError


def submit_with_follow_ups(context: Context, options: Values, op: Opcode) -> int:
    """Follow a job and those it returned, if any; exit code 1 when one of them failed.

    Raises what the job itself failed with.
    """
    results = submit(context, options, op)
    result = results[0] if results else None
    done = follow_ups(context, result["jobs"]) if result else []
    return 1 if None in done else 0


def follow_ups(context: Context, jobs: Sequence[Sequence[Any]]) -> list[list[Any] | None]:
    """The results of each job, None for one that was refused or did not end well; that is told on standard error.

    ``jobs``: ``[true, id]`` or ``[false, reason]``, as in the result of their parent.
    """
    results: list[list[Any] | None] = []
    for accepted, value in jobs:
        if not accepted:
            context.warn(f"Failed to submit job: {value}")
            results.append(None)
            continue
        try:
            results.append(follow(context, value))
        except GanetiError as e:
            context.warn(f"Job {value} has failed: {one_line(e)}")
            results.append(None)
    return results
