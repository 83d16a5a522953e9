"""``gnt-job cancel``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli import table
from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filters import any_of, job_number
from ganeti_tw.errors import BadRequest, WrongState

REFUSED = 13


def run(options: Values, arguments: list[str], context: Context) -> int:
    if options.kill and not options.yes_do_it:
        raise BadRequest("--kill ends jobs without cleaning up; confirm it with --yes-do-it")
    if bool(options.status_filter) == bool(arguments):
        raise BadRequest("give numbers of jobs or one of --pending, --queued, --waiting; not both")
    numbers = [job_number(argument) for argument in arguments]
    if not numbers:
        numbers = _with_status(options.status_filter, context, show=not options.force)
        if not options.force and not context.confirm(f"{'Kill' if options.kill else 'Cancel'} job(s) listed above?"):
            return REFUSED
    results = [_cancel(number, options.kill, context) for number in numbers]
    return 0 if all(results) else 1


def _with_status(statuses: list[str], context: Context, *, show: bool) -> list[int]:
    answer = context.call("query", what="job", fields=["id", "status", "summary"], filter=any_of("status", statuses))
    if not answer["data"]:
        raise WrongState(f"there are no jobs with status {' or '.join(statuses)}")
    if show:
        columns = table.columns_of(answer["fields"], {"summary": table.joined}, unit="h", verbose=False)
        context.say_all(table.lines(answer["data"], columns, headers=True, separator=None))
    return [row[0][1] for row in answer["data"]]


def _cancel(number: int, kill: bool, context: Context) -> bool:
    done, text = context.call("cancel", id=number, kill=kill)
    context.say(text)
    return bool(done)


COMMAND = Command(
    purpose="Cancel jobs",
    run=run,
    arguments=(Argument("jobid", 0, None),),
    usage="{[--force] [--kill --yes-do-it] {--pending | --queued | --waiting} | <job-id> [<job-id>...]}",
    options=("-f/--force", "--kill", "--pending", "--queued", "--waiting", "--yes-do-it/--ya-rly"),
)
