"""``gnt-debug submit-job``: jobs from files, each a JSON list of opcodes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from optparse import Values
from typing import Any

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import Opcode, reason_trail
from ganeti_tw.cli.many import Submitted, Wanted, follow_all
from ganeti_tw.errors import BadRequest, GanetiError


def run(options: Values, arguments: list[str], context: Context) -> int:
    """Read all files before anything is submitted.

    ``--each`` makes a job of every opcode, submitted one by one.
    """
    for name, times in (("--op-repeat", options.rep_op), ("--job-repeat", options.rep_job)):
        if times < 1:
            raise BadRequest(f"{name} must be at least 1")
    stages = _Stages(context, options.timing_stats)
    stages.begin("Loading...")
    wanted = list(_jobs(options, arguments, context))
    stages.begin("Submitting...")
    jobs, refused = _submit(context, wanted, one_by_one=options.each)
    if options.verbose and jobs:
        context.say(f"Submitted jobs {', '.join(str(job.job_id) for job in jobs)}")
    for text in refused:
        context.warn(f"Failed to submit job: {text}")
    stages.begin("Executing...")
    succeeded = follow_all(context, jobs, verbose=options.verbose)
    stages.end(sum(len(job.ops) for job in wanted), len(wanted))
    return 0 if all(succeeded) and not refused else 1


class _Stages:
    """What happens when, for those who asked."""

    def __init__(self, context: Context, wanted: bool) -> None:
        self._context = context
        self._wanted = wanted
        self._begun: list[float] = []

    def begin(self, title: str) -> None:
        self._begun.append(self._context.now())
        if self._wanted:
            self._context.say(title)

    def end(self, ops: int, jobs: int) -> None:
        _, submit, execute = self._begun
        end = self._context.now()
        if self._wanted:
            self._context.say_all(
                [
                    f"C:op     {ops:4d}",
                    f"C:job    {jobs:4d}",
                    f"T:submit {execute - submit:4.4f}",
                    f"T:exec   {end - execute:4.4f}",
                    f"T:total  {end - submit:4.4f}",
                ]
            )


def _jobs(options: Values, files: Sequence[str], context: Context) -> Iterator[Wanted]:
    given = {
        "debug_level": options.debug or None,
        "dry_run": options.dry_run or None,
        "priority": options.priority,
    }
    # What an option says counts more than the file; what none says stays as it is there.
    said = {name: value for name, value in given.items() if value is not None}
    loaded = [[{"reason": reason_trail(options, context), **op, **said} for op in _load(file)] for file in files]
    for _ in range(options.rep_job):
        for ops in loaded:
            repeated = ops * options.rep_op
            if options.each:
                yield from (Wanted(None, [op]) for op in repeated)
            else:
                yield Wanted(None, repeated)


def _load(path: str) -> list[Opcode]:
    """BadRequest names the file that cannot be used."""
    try:
        with open(path, encoding="utf-8") as file:
            ops: Any = json.load(file)
    except (OSError, ValueError) as e:
        raise BadRequest(f"cannot read opcodes from {path}: {e}") from e
    if not isinstance(ops, list) or not ops or not all(isinstance(op, dict) for op in ops):
        raise BadRequest(f"{path} is no list of opcodes: each is an object with OP_ID and parameters")
    return ops


def _submit(context: Context, wanted: Sequence[Wanted], *, one_by_one: bool) -> tuple[list[Submitted], list[str]]:
    """The jobs that were accepted, and why others were not."""
    if one_by_one:
        answers = [_submit_one(context, job) for job in wanted]
    else:
        answers = [tuple(answer) for answer in context.call("submit_many", jobs=[job.ops for job in wanted])]
    jobs = [Submitted(value, None) for accepted, value in answers if accepted]
    return jobs, [value for accepted, value in answers if not accepted]


def _submit_one(context: Context, job: Wanted) -> tuple[bool, Any]:
    try:
        return True, context.call("submit", ops=job.ops)
    except GanetiError as e:
        return False, str(e)


COMMAND = Command(
    purpose="Submit jobs made of the opcodes in files",
    run=run,
    arguments=(Argument("file", 1, None),),
    usage="<op-list-file>...",
    options=(
        "-v/--verbose",
        "--op-repeat",
        "--job-repeat",
        "--timing-stats",
        "--each",
        "--dry-run",
        "--priority",
    ),
)
