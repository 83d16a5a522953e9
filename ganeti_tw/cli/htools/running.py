"""Running what a tool has planned: sets of jobs, one set after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import ganeti_tw
from ganeti_tw.cli.failures import one_line
from ganeti_tw.cli.htools.call import Call, EndAtOnce, ProgramError
from ganeti_tw.cli.jobs import FINISHED, NOCHANGE, POLL_SECONDS, failure
from ganeti_tw.errors import GanetiError
from ganeti_tw.htools.balance import Step
from ganeti_tw.htools.cluster import Cluster
from ganeti_tw.htools.jobs import Opcode, job_sets, opcodes

ANSWER_SECONDS = 90.0
_SUCCESS = "success"
_FIELDS = ["status", "opstatus", "opresult"]


class Job(NamedTuple):
    """``what`` it is about is said when it fails."""

    what: str
    ops: list[Opcode]


def move_sets(cluster: Cluster, steps: Sequence[Step]) -> list[list[Job]]:
    """The moves as jobs, those of a set side by side."""
    return [
        [Job(step.instance.alias, opcodes(cluster, step.instance, step.move)) for step in each]
        for each in job_sets(steps)
    ]


def run_sets(call: Call, sets: Sequence[Sequence[Job]], *, comment: str) -> None:
    """Submit each set when the one before has ended well.

    ProgramError when the cluster cannot be reached, and when a job is refused or fails:
    then those of its set are waited for and nothing more is submitted.  An interrupt
    stops after the set that is running; a second one, or a request to end, at once
    (EndAtOnce).
    """
    _Run(call, comment).run(sets)


def marked(call: Call, ops: Sequence[Opcode], comment: str) -> list[Opcode]:
    """The operations with who wants them and why, and how urgently."""
    tool, version = call.tool, ganeti_tw.__version__
    why = call.options.reason or f"{tool} {version} called"
    trail = [[tool, why, int(call.outside.now() * 1_000_000_000)]]
    more: Opcode = {"comment": f"{comment} via {tool} {version}", "reason": trail}
    if call.options.priority is not None:
        more["priority"] = call.options.priority
    return [{**op, **more} for op in ops]


def wait_for(call: Call, number: int) -> GanetiError | None:
    """How a job ended, None for well.  NotFound when the queue no longer knows it."""
    previous: list[Any] | None = None
    while True:
        question = {"id": number, "fields": _FIELDS, "previous": previous, "log_serial": None, "timeout": POLL_SECONDS}
        answer = call.client.call("wait", question, timeout=POLL_SECONDS + ANSWER_SECONDS)
        if answer == NOCHANGE:
            continue
        previous = answer[0]
        status, opstatus, opresult = answer[0]
        if status == _SUCCESS:
            return None
        if status in FINISHED:
            return GanetiError("it was canceled") if status == "canceled" else failure(opstatus, opresult)


class _Run:
    def __init__(self, call: Call, comment: str) -> None:
        self._call = call
        self._comment = comment
        self._stop = False
        self._running: list[int] = []

    def run(self, sets: Sequence[Sequence[Job]]) -> None:
        with self._call.outside.heed(self._interrupted, self._terminated):
            for number, jobs in enumerate(sets):
                if self._stop:
                    left = len(sets) - number
                    self._call.report(f"Exiting early due to user request, {left} jobset(s) remaining.")
                    return
                try:
                    self._run_one(jobs)
                except GanetiError as e:
                    raise self._failed(f"{e}{self._go_on()}") from e

    def _run_one(self, jobs: Sequence[Job]) -> None:
        submitted = [marked(self._call, job.ops, self._comment) for job in jobs]
        answers = self._call.client.call("submit_many", {"jobs": submitted}, timeout=ANSWER_SECONDS)
        accepted = [(value, job.what) for (good, value), job in zip(answers, jobs, strict=True) if good]
        problems = [f"{job.what}: {value}" for (good, value), job in zip(answers, jobs, strict=True) if not good]
        self._running = [number for number, _ in accepted]
        if accepted:
            self._call.report(f"Got job IDs {','.join(map(str, self._running))}")
        problems += self._problems(accepted)
        if problems:
            listed = "\n".join(f"  {text}" for text in problems)
            raise self._failed(f"{len(problems)} of {len(jobs)} jobs did not succeed, nothing more is done:\n{listed}")

    def _problems(self, accepted: Sequence[tuple[int, str]]) -> Iterator[str]:
        for number, what in accepted:
            error = wait_for(self._call, number)
            self._running.remove(number)
            if error is not None:
                yield f"job {number} for {what}: {one_line(error)}"

    def _failed(self, text: str) -> ProgramError:
        return ProgramError(f"{self._call.tool}: {text}")

    def _go_on(self) -> str:
        return f"; jobs {', '.join(map(str, self._running))} may go on, see gnt-job list" if self._running else ""

    def _interrupted(self) -> None:
        if self._stop:
            self._terminated()
        self._stop = True
        self._call.report("Cancel request registered, will exit at the end of the current job set...")

    def _terminated(self) -> None:
        self._call.report(f"Double cancel request, exiting now{self._go_on()}...")
        raise EndAtOnce
