"""``gnt-job archive``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filters import job_number


def run(options: Values, arguments: list[str], context: Context) -> int:
    code = 0
    for number in [job_number(argument) for argument in arguments]:
        if not context.call("archive", id=number):
            context.warn(f"Job {number} was not archived: it has not ended, or is not in the queue")
            code = 1
    return code


COMMAND = Command(
    purpose="Put jobs that have ended into the archive",
    run=run,
    arguments=(Argument("jobid", 1, None),),
    usage="<job-id> [<job-id>...]",
)
