"""``gnt-job change-priority``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.job._selection import REFUSED, chosen_jobs
from ganeti_tw.errors import BadRequest


def run(options: Values, arguments: list[str], context: Context) -> int:
    if options.priority is None:
        raise BadRequest("the new priority is missing: give --priority")
    numbers = chosen_jobs(options, arguments, context, "Change the priority of the job(s) listed above?")
    if numbers is None:
        return REFUSED
    results = [_change(number, options.priority, context) for number in numbers]
    return 0 if all(results) else 1


def _change(number: int, priority: int, context: Context) -> bool:
    done, text = context.call("change_priority", id=number, priority=priority)
    context.say(text)
    return bool(done)


COMMAND = Command(
    purpose="Change how urgent jobs are",
    run=run,
    arguments=(Argument("jobid", 0, None),),
    usage="--priority <priority> {[--force] {--pending | --queued | --waiting} | <job-id> [<job-id>...]}",
    options=("--priority", "-f/--force", "--pending", "--queued", "--waiting"),
)
