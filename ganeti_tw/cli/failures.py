"""What a person reads when something went wrong: the lines of Ganeti's commands, by kind of failure.

Errors of jobs arrive as ``[class name, arguments]``: ``["OpPrereqError", [text,
code]]``, ``["OpExecError", [text]]``, ``["HooksAbort", [[[node, script,
output], ...]]]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ganeti_tw import errors

PREREQUISITE = "OpPrereqError"
EXECUTION = "OpExecError"
HOOKS = "HooksAbort"

_PLAIN = (errors.NotSent, errors.OutcomeUnknown, errors.DriverError, errors.Corrupt)
"""Nothing was wrong with the request or with what it asks for."""


class OpcodeFailed(errors.GanetiError):
    """An opcode of a job ended in an error, which the job keeps in its encoded form."""

    def __init__(self, kind: str, arguments: Sequence[Any]) -> None:
        super().__init__(str(arguments[0]) if arguments else kind)
        self.kind = kind
        self.arguments = tuple(arguments)


class JobCanceled(errors.GanetiError):
    """The job that was followed has been canceled."""


def decode(result: Any) -> OpcodeFailed | None:
    """The error in an opcode's result; None when it is not an encoded error."""
    match result:
        case [str(kind), list(arguments)] if kind[:1].isupper():
            return OpcodeFailed(kind, arguments)
    return None


def describe(error: errors.GanetiError) -> list[str]:
    """The lines for standard error."""
    match error:
        case OpcodeFailed(kind=k, arguments=a) if k == PREREQUISITE:
            return _prerequisite(str(a[0]) if a else "", a[1] if len(a) > 1 else None)
        case OpcodeFailed(kind=k, arguments=a) if k == HOOKS:
            return _hooks(a)
        case OpcodeFailed(kind=k) if k != EXECUTION:
            return [f"Failure: the job ended with {k}:", *str(error).splitlines()]
        case OpcodeFailed():
            return ["Failure: the command could not be carried out:", *str(error).splitlines()]
        case errors.NotMaster() | errors.NoCluster():
            return str(error).splitlines() or [type(error).__name__]
        case JobCanceled():
            return [f"Failure: {error}"]
    if isinstance(error, _PLAIN) or error.code == errors.GanetiError.code:
        return _first("Failure: ", str(error) or type(error).__name__)
    return _prerequisite(str(error), error.code)


def one_line(error: errors.GanetiError) -> str:
    """The same, for use behind a job's number."""
    return "\n".join(describe(error))


def _prerequisite(text: str, code: Any) -> list[str]:
    lines = ["Failure: the operation was refused:"]
    if code:
        lines.append(f"error type: {code}, error details:")
    return lines + text.splitlines()


def _hooks(arguments: Sequence[Any]) -> list[str]:
    lines = ["Failure: hooks refused the operation:"]
    failed = arguments[0] if arguments and isinstance(arguments[0], list) else []
    for item in failed:
        match item:
            case [node, script, output]:
                lines.append(f"  node: {node}, script: {script}, output: {output or '(none)'}")
            case _:
                lines.append(f"  {item}")
    if not failed:
        lines += [str(argument) for argument in arguments]
    return lines


def _first(prefix: str, text: str) -> list[str]:
    first, *rest = text.splitlines()
    return [prefix + first, *rest]
