"""``gnt-job info``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from optparse import Values
from typing import Any

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filters import any_of, job_number
from ganeti_tw.cli.listing import objects, print_json
from ganeti_tw.cli.structured import Pair, lines
from ganeti_tw.cli.table import split_timestamp

PENDING = ("queued", "waiting")
FIELDS = (
    "id",
    "status",
    "ops",
    "opresult",
    "opstatus",
    "oplog",
    "opstart",
    "opexec",
    "opend",
    "received_ts",
    "start_ts",
    "end_ts",
)


def run(options: Values, arguments: list[str], context: Context) -> int:
    wanted = [job_number(argument) for argument in arguments]
    answer = context.call("query", what="job", fields=list(FIELDS), filter=any_of("id", wanted))
    jobs = {job["id"]: job for job in objects(answer) if job["status"] is not None}
    waits = _waits(context, [number for number, job in jobs.items() if job["status"] in PENDING])
    if options.json:
        found = [number for number in wanted if number in jobs]
        print_json(context, [{**jobs[number], "waits_for": list(waits.get(number, ()))} for number in found])
        return 0
    shown = [
        describe(jobs[number], waits.get(number, ())) if number in jobs else f"Job ID {number} not found"
        for number in dict.fromkeys(wanted)
    ]
    context.say_all(lines(shown))
    return 0


def _waits(context: Context, numbers: list[int]) -> dict[int, Sequence[str]]:
    """What jobs wait for, in words."""
    if not numbers:
        return {}
    found: dict[int, Sequence[str]] = {}
    for number, jobs, locks, reason in context.call("job_waits", ids=numbers):
        behind = [f"lock {lock}: {', '.join(map(_job, who))}" for lock, who in locks]
        found[number] = [*(f"end of job {job}" for job in jobs), *behind, *([reason] if reason else [])]
    return found


def _job(owner: str) -> str:
    """``job/5/0`` as ``job 5``."""
    return " ".join(owner.split("/")[:2])


def describe(job: Mapping[str, Any], waits: Sequence[str] = ()) -> list[Pair]:
    """What is shown of one job; ``waits``: what it waits for."""
    received, started, ended = job["received_ts"], job["start_ts"], job["end_ts"]
    opcodes = zip(
        job["ops"],
        job["opstatus"],
        job["opresult"],
        job["oplog"],
        job["opstart"],
        job["opexec"],
        job["opend"],
        strict=True,
    )
    total = f"{_seconds(received, ended):.6f} seconds" if received and ended else "N/A"
    return [
        Pair("Job ID", job["id"]),
        Pair("Status", job["status"]),
        *([Pair("Waits for", list(waits))] if waits else []),
        Pair("Received", split_timestamp(received), "times"),
        Pair("Processing start", _since(received, started), "times"),
        Pair("Processing end", _since(started, ended), "times"),
        Pair("Total processing time", total),
        Pair("Opcodes", [_opcode(*opcode) for opcode in opcodes]),
    ]


def _opcode(
    fields: Mapping[str, Any], status: str, result: Any, log: list[Any], start: Any, begun: Any, end: Any
) -> list[Pair]:
    return [
        Pair("Opcode", fields["OP_ID"]),
        Pair("Status", status),
        Pair("Processing start", split_timestamp(start), "times"),
        Pair("Execution start", split_timestamp(begun), "times"),
        Pair("Processing end", split_timestamp(end), "times"),
        Pair("Input fields", dict(fields)),
        Pair("Result", result),
        Pair("Execution log", [_entry(*entry) for entry in log]),
    ]


def _entry(serial: int, time: Any, kind: str, message: Any) -> list[Pair]:
    return [Pair("Time", split_timestamp(time)), Pair("Content", (serial, kind, message))]


def _since(before: Any, now: Any) -> str:
    if now is None:
        return "unknown (None)"
    delta = f" (delta {_seconds(before, now):.6f}s)" if before else ""
    return split_timestamp(now) + delta


def _seconds(start: Any, end: Any) -> float:
    """Between two ``[seconds, microseconds]``."""
    return float(end[0] - start[0] + (end[1] - start[1]) / 1_000_000)


COMMAND = Command(
    purpose="Show jobs in detail",
    run=run,
    arguments=(Argument("jobid", 1, None),),
    usage="<job-id> [<job-id>...]",
    additions=("--json",),
)
