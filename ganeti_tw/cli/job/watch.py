"""``gnt-job watch``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filters import job_number
from ganeti_tw.cli.job._outcome import outcome


def run(options: Values, arguments: list[str], context: Context) -> int:
    number = job_number(arguments[0])
    title = f"Output from job {number} follows"
    context.say(title)
    context.say("-" * len(title))
    return outcome(context, number, quiet=False)


COMMAND = Command(
    purpose="Follow a job and show what it says",
    run=run,
    arguments=(Argument("jobid"),),
    usage="<job-id>",
)
