"""Jobs that another job submitted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ganeti_tw.cli.context import Context
from ganeti_tw.cli.failures import one_line
from ganeti_tw.cli.jobs import follow
from ganeti_tw.errors import GanetiError


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
