"""The exit code of a job."""

from __future__ import annotations

from ganeti_tw.cli.context import Context
from ganeti_tw.cli.failures import JobCanceled, OpcodeFailed, one_line
from ganeti_tw.cli.jobs import follow
from ganeti_tw.errors import NotFound


def outcome(context: Context, number: int, *, quiet: bool) -> int:
    """0 when the job succeeds; 1 when it fails, is canceled or is not there, which is told."""
    try:
        follow(context, number, quiet=quiet)
    except (OpcodeFailed, JobCanceled, NotFound) as e:
        context.warn(f"Job {number} failed: {one_line(e)}")
        return 1
    return 0
