"""What is submitted becomes a job.  Pure."""

from __future__ import annotations

from attrs import evolve

from ganeti_tw.jobs.dependencies import absolute
from ganeti_tw.jobs.perform import Step, trail
from ganeti_tw.jobs.record import JobRecord, OpRecord, stamp
from ganeti_tw.operations.registry import input_of


def placed(step: Step, own: int, earlier: list[int | None]) -> Step:
    """A step of the job ``own``, with the jobs it depends on by their ids."""
    if not step.common.depends:
        return step
    depends = absolute(step.common.depends, own, earlier)
    return evolve(step, common=evolve(step.common, depends=depends))


def depended_on(steps: list[Step]) -> set[int]:
    """The jobs that must end before this one begins."""
    return {number for step in steps for number, _ in step.common.depends or ()}


def first_record(job_id: int, steps: list[Step], now: float) -> JobRecord:
    """A job that was received just now."""
    ops = []
    for index, step in enumerate(steps):
        opcode = input_of(step.kind, step.op, step.common)
        opcode["reason"] = trail(step, job_id, index, now)
        ops.append(OpRecord(opcode, priority=step.common.priority))
    return JobRecord(job_id, ops, stamp(now))
