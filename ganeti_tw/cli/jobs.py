"""Submitting one operation and following its job."""

from __future__ import annotations

import time
from collections.abc import Callable
from optparse import Values
from typing import Any

from ganeti_tw.cli.context import Context
from ganeti_tw.cli.failures import EXECUTION, JobCanceled, OpcodeFailed, decode
from ganeti_tw.cli.progress import KIND, Bar
from ganeti_tw.errors import GanetiError

POLL_SECONDS = 60
FINISHED = frozenset({"success", "error", "canceled"})
NOCHANGE = "nochange"
_FIELDS = ["status", "opstatus", "opresult"]
_NOTICES = {
    "queued": "Job {} is queued and has not started yet",
    "waiting": "Job {} waits for its locks",
}

Opcode = dict[str, Any]


def opcode(op_id: str, options: Values, context: Context, /, **parameters: Any) -> Opcode:
    """An opcode with the options that every command of its kind has."""
    made: Opcode = {"OP_ID": op_id, **parameters, "debug_level": options.debug}
    if hasattr(options, "dry_run"):
        made["dry_run"] = options.dry_run
    if getattr(options, "priority", None) is not None:
        made["priority"] = options.priority
    made["reason"] = reason_trail(options, context)
    return made


def reason_trail(options: Values, context: Context) -> list[list[Any]]:
    """Who wants it and why: the user's words first, then the command as it was typed."""
    at = int(context.now() * 1_000_000_000)
    trail: list[list[Any]] = [["gnt:user", options.reason, at]] if options.reason else []
    return [*trail, [f"gnt:client:{context.program}", context.subcommand, at]]


def submit_and_follow(context: Context, options: Values, op: Opcode) -> int:
    """Exit code 0 when the job succeeded, or with ``--submit`` when it was accepted.

    Raises what the job failed with.
    """
    submit(context, options, op)
    return 0


def submit(context: Context, options: Values, op: Opcode) -> list[Any] | None:
    """Results of the job's opcodes once it has ended well; None with ``--submit``, when it was accepted.

    Raises what the job failed with.
    """
    job_id = context.call("submit", ops=[op])
    if options.ensure_value("print_jobid", False):
        context.say(str(job_id))
    if options.ensure_value("submit_only", False):
        context.warn(f"JobID: {job_id}")
        return None
    return follow(context, job_id)


def follow(
    context: Context, job_id: int, *, quiet: bool = False, heed: Callable[[list[Any]], None] | None = None
) -> list[Any]:
    """Results of the job's opcodes, once it has ended well; its log goes to standard output meanwhile.

    ``heed`` gets each entry of the log instead.
    OpcodeFailed or JobCanceled when it did not end well; NotFound when the queue
    no longer knows it.
    """
    bar = Bar(context.stderr)
    try:
        return _followed(context, job_id, bar, quiet, heed)
    finally:
        bar.clear()


def _followed(
    context: Context, job_id: int, bar: Bar, quiet: bool, heed: Callable[[list[Any]], None] | None
) -> list[Any]:
    previous: list[Any] | None = None
    serial: int | None = None
    noticed: set[str] = set()
    while True:
        answer = context.call(
            "wait", id=job_id, fields=_FIELDS, previous=previous, log_serial=serial, timeout=POLL_SECONDS
        )
        if answer == NOCHANGE:
            if not quiet and previous is not None:
                _notice(context.warn, job_id, previous[0], noticed)
            continue
        previous, entries = answer
        for entry in entries:
            serial = max(serial or 0, entry[0])
            if heed is not None:
                heed(entry)
            elif entry[2] == KIND:
                bar.show(job_id, entry[3])
            elif not quiet:
                bar.clear()
                context.say(log_line(entry))
        if previous is not None and previous[0] in FINISHED:
            return _outcome(*previous)


def _notice(warn: Callable[[str], None], job_id: int, status: str, noticed: set[str]) -> None:
    if status in _NOTICES and status not in noticed:
        noticed.add(status)
        warn(_NOTICES[status].format(job_id))


def log_line(entry: list[Any]) -> str:
    """``[serial, [seconds, microseconds], type, message]`` as a line."""
    _, (seconds, microseconds), kind, message = entry
    text = message if kind == "message" else str(message)
    return f"{time.ctime(seconds + microseconds / 1_000_000)} {text}"


def _outcome(status: str, opstatus: list[str], opresult: list[Any]) -> list[Any]:
    if status == "success":
        return opresult
    if status == "canceled":
        raise JobCanceled("the job was canceled")
    raise failure(opstatus, opresult)


def failure(opstatus: list[str], opresult: list[Any]) -> GanetiError:
    """The error of the first opcode that failed, as its own kind where it is an encoded error."""
    for index, (status, result) in enumerate(zip(opstatus, opresult, strict=False)):
        if status == "error":
            encoded = decode(result)
            if encoded is not None:
                return encoded
            text = f"opcode {index} failed after others succeeded: {result}" if index else str(result)
            return OpcodeFailed(EXECUTION, [text])
    return OpcodeFailed(EXECUTION, [str(opresult)])
