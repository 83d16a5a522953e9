"""``gnt-debug test-jobqueue``: jobs that say at each turn how far they are, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from optparse import Values
from typing import Any, NamedTuple

from ganeti_tw.cli.command import Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.failures import JobCanceled, OpcodeFailed
from ganeti_tw.cli.jobs import Opcode, follow, opcode
from ganeti_tw.errors import GanetiError

ENTRY = "jqueue-test"
MESSAGE = "TESTMSG="
MESSAGES = ("Hello World", "A", "", "B", "Foo|bar|baz", "ü\u2028 and more")
STATUS = {"expandnames": "waiting", "exec": "running", "startmsg": "running", "logmsg": "running"}
_NEVER = 1_000_000_000  # id of a job that nobody has


class Mode(NamedTuple):
    """A job: which of its opcodes are to fail, and how all end."""

    name: str
    fails: tuple[bool, ...]
    ends: tuple[str, ...]


MODES = (
    Mode("success", (False,), ("success",)),
    Mode("success of several opcodes", (False, False, False), ("success",) * 3),
    Mode("failure", (True,), ("error",)),
    Mode("failure half way", (False, False, True, False), ("success", "success", "error", "error")),
)


def run(options: Values, arguments: list[str], context: Context) -> int:
    _refusals(options, context)
    for mode in MODES:
        _mode(mode, options, context)
    _dependencies(options, context)
    context.say("The job queue passed all tests")
    return 0


def _refusals(options: Values, context: Context) -> None:
    context.say("Testing jobs that are refused")
    good = opcode("OP_TEST_DELAY", options, context, duration=0)
    for bad in ({**good, "priority": 1}, {**good, "depends": [[0, []]]}, {**good, "nonsense": True}):
        try:
            number = context.call("submit", ops=[bad])
        except GanetiError:
            continue
        raise _wrong(f"job {number} was accepted, though it makes no sense")
    (accepted, _), (refused, _) = context.call("submit_many", jobs=[[good], [{**good, "nonsense": True}]])
    if not accepted or refused:
        raise _wrong("of a good job and a bad one not just the good one was accepted")


def _mode(mode: Mode, options: Values, context: Context) -> None:
    context.say(f"Testing {mode.name}")
    ops = [_op(options, context, fail) for fail in mode.fails]
    number = context.call("submit", ops=ops)
    watcher = _Watcher(context, number)
    _end(context, number, watcher)
    job = _job(context, number)
    if tuple(job["opstatus"]) != mode.ends:
        raise _wrong(f"the opcodes of job {number} ended in {job['opstatus']} instead of {list(mode.ends)}")
    begun = mode.fails.index(True) + 1 if True in mode.fails else len(mode.fails)
    if watcher.messages != list(MESSAGES) * begun:
        raise _wrong(f"job {number} said {watcher.messages}")
    if [result for result, end in zip(job["opresult"], mode.ends, strict=True) if end == "success" and not result]:
        raise _wrong(f"job {number} gave {job['opresult']}")


def _dependencies(options: Values, context: Context) -> None:
    context.say("Testing jobs that depend on others")
    quick = opcode("OP_TEST_DELAY", options, context, duration=0)
    jobs = [
        [quick],
        [{**quick, "depends": [[-1, ["success"]]]}],
        [{**quick, "depends": [[-2, ["error"]]]}],
        [{**quick, "depends": [[-1, ["error"]]]}],
        [{**quick, "depends": [[_NEVER, []]]}],
    ]
    wanted = ["success", "success", "error", "success", "error"]
    numbers = [number for _, number in context.call("submit_many", jobs=jobs)]
    for number in numbers:
        _end(context, number, _Watcher(context, number))
    ends = [_job(context, number)["opstatus"][0] for number in numbers]
    if ends != wanted:
        raise _wrong(f"jobs {numbers} ended in {ends} instead of {wanted}")


def _op(options: Values, context: Context, fail: bool) -> Opcode:
    given: Mapping[str, Any] = {"notify_waitlock": True, "notify_exec": True, "log_messages": list(MESSAGES)}
    return opcode("OP_TEST_JQUEUE", options, context, **given, fail=fail)


class _Watcher:
    """Confirms what a job tells, if it is true."""

    def __init__(self, context: Context, number: int) -> None:
        self._context = context
        self._number = number
        self.messages: list[str] = []
        self._announced = 0

    def __call__(self, entry: Sequence[Any]) -> None:
        _, _, kind, content = entry
        if kind == "message":
            self.messages.append(content.removeprefix(MESSAGE))
        elif kind == ENTRY:
            path, event, argument = content
            self._check(event, argument)
            if not self._context.machine.ring(path):
                raise _wrong(f"job {self._number} does not listen on {path} at {event}")

    def _check(self, event: str, argument: Any) -> None:
        status = _job(self._context, self._number)["status"]
        if status != STATUS[event]:
            raise _wrong(f"job {self._number} is {status} at {event}")
        if event == "startmsg":
            self._announced = len(self.messages)
        if event == "logmsg" and len(self.messages) != self._announced + argument:
            raise _wrong(f"message {argument} of job {self._number} came too early or too late")


def _end(context: Context, number: int, watcher: _Watcher) -> None:
    """Follow a job to its end, whatever that is."""
    try:
        follow(context, number, heed=watcher)
    except (OpcodeFailed, JobCanceled):
        return  # how it ended is looked at


def _job(context: Context, number: int) -> dict[str, Any]:
    fields = ["status", "opstatus", "opresult"]
    (row,) = context.call("query", what="job", fields=fields, filter=["=", "id", number])["data"]
    return {name: value for name, (_, value) in zip(fields, row, strict=True)}


def _wrong(text: str) -> GanetiError:
    return GanetiError(f"the job queue failed a test: {text}")


COMMAND = Command(
    purpose="Test the job queue of the running cluster",
    run=run,
    options=("--priority",),
)
