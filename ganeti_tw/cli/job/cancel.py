"""``gnt-job cancel``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.job._selection import for_chosen_jobs
from ganeti_tw.errors import BadRequest


def run(options: Values, arguments: list[str], context: Context) -> int:
    if options.kill and not options.yes_do_it:
        raise BadRequest("--kill ends jobs without cleaning up; confirm it with --yes-do-it")
    question = f"{'Kill' if options.kill else 'Cancel'} job(s) listed above?"
    return for_chosen_jobs(
        options, arguments, context, question, lambda number: context.call("cancel", id=number, kill=options.kill)
    )


COMMAND = Command(
    purpose="Cancel jobs",
    run=run,
    arguments=(Argument("jobid", 0, None),),
    usage="{[--force] [--kill --yes-do-it] {--pending | --queued | --waiting} | <job-id> [<job-id>...]}",
    options=("-f/--force", "--kill", "--pending", "--queued", "--waiting", "--yes-do-it/--ya-rly"),
)
