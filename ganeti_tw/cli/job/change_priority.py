"""``gnt-job change-priority``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.job._selection import for_chosen_jobs
from ganeti_tw.errors import BadRequest


def run(options: Values, arguments: list[str], context: Context) -> int:
    if options.priority is None:
        raise BadRequest("the new priority is missing: give --priority")
    question = "Change the priority of the job(s) listed above?"
    new = options.priority
    return for_chosen_jobs(
        options, arguments, context, question, lambda number: context.call("change_priority", id=number, priority=new)
    )


COMMAND = Command(
    purpose="Change how urgent jobs are",
    run=run,
    arguments=(Argument("jobid", 0, None),),
    usage="--priority <priority> {[--force] {--pending | --queued | --waiting} | <job-id> [<job-id>...]}",
    options=("--priority", "-f/--force", "--pending", "--queued", "--waiting"),
)
