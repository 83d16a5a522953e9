"""Statuses of opcodes and jobs, and how one follows from the other."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Status(StrEnum):
    """Of a job or an opcode; the values are what commands and clients see."""

    QUEUED = "queued"
    WAITING = "waiting"
    CANCELING = "canceling"
    RUNNING = "running"
    CANCELED = "canceled"
    SUCCESS = "success"
    ERROR = "error"

    @property
    def final(self) -> bool:
        return self in (Status.CANCELED, Status.SUCCESS, Status.ERROR)


def job_status(statuses: Iterable[Status]) -> Status:
    """The status of a job from those of its opcodes (Ganeti's rule)."""
    result = Status.QUEUED
    all_good = True
    for status in statuses:
        if status is Status.SUCCESS:
            continue
        all_good = False
        if status in (Status.ERROR, Status.CANCELED, Status.CANCELING):
            return status
        if status in (Status.WAITING, Status.RUNNING):
            result = status
    return Status.SUCCESS if all_good else result
