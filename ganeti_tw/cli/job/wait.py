"""``gnt-job wait``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filters import job_number
from ganeti_tw.cli.job._outcome import outcome


def run(options: Values, arguments: list[str], context: Context) -> int:
    number = job_number(arguments[0])
    return outcome(context, number, quiet=True)


COMMAND = Command(
    purpose="Wait for the end of a job",
    run=run,
    arguments=(Argument("jobid"),),
    usage="<job-id>",
)
