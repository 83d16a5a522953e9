"""The verdict in reports of kind status."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from attrs import frozen


class Code(IntEnum):
    """Higher is worse."""

    OK = 0
    REPAIRING = 1
    UNKNOWN = 2
    BAD = 4


@frozen
class Status:
    code: Code
    message: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"code": int(self.code), "message": self.message}


def merge(statuses: Sequence[Status]) -> Status:
    """The worst code and all messages, the last one first, each on a line of its own after an empty one."""
    code = max((status.code for status in statuses), default=Code.OK)
    return Status(code, "".join("\n" + status.message for status in reversed(statuses) if status.message))
