"""A command line's surroundings that tests can set up and look at."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from typing import Any

from ganeti_tw.cli.context import Finished
from ganeti_tw.cli.main import main

AT = 1795219134.5


class FakeClient:
    """Answers calls from a mapping: a value, an exception to raise, or a function of the arguments."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.timeouts: list[float] = []

    def call(self, method: str, arguments: Mapping[str, Any], /, *, timeout: float) -> Any:
        self.calls.append((method, copy.deepcopy(dict(arguments))))
        self.timeouts.append(timeout)
        if method not in self.answers:
            raise AssertionError(f"unexpected call of {method} with {arguments}")
        answer = self.answers[method]
        if isinstance(answer, BaseException):
            raise answer
        return answer(**arguments) if callable(answer) else copy.deepcopy(answer)

    def asked(self, method: str) -> list[dict[str, Any]]:
        return [arguments for name, arguments in self.calls if name == method]


class FakeTerminal:
    """Someone who types the given lines and then nothing more."""

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)
        self.shown = ""

    def write(self, text: str) -> None:
        self.shown += text

    def readline(self) -> str:
        return self.lines.pop(0) if self.lines else ""


class FakeMachine:
    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.status = 0
        self.output = ""
        self.errors = ""
        self.here: set[str] = set()
        self.bells: set[str] = set()

    def run(self, argv: Sequence[str]) -> int:
        self.commands.append(list(argv))
        return self.status

    def read(self, argv: Sequence[str]) -> Finished:
        self.commands.append(list(argv))
        return Finished(self.status, self.output, self.errors)

    def ring(self, path: str) -> bool:
        self.commands.append(["ring", path])
        return path in self.bells

    def is_here(self, host: str, hosts_file: str) -> bool:
        return host in self.here


class World:
    """``run`` a command; then look at ``out``, ``err``, ``client``, ``terminal``, ``machine``."""

    def __init__(self) -> None:
        self.client = FakeClient()
        self.terminal: FakeTerminal | None = None
        self.machine = FakeMachine()
        self.environ: dict[str, str] = {}
        self.stdin = StringIO()
        self.sleeps: list[float] = []
        self.on_sleep: Callable[[], None] = lambda: None
        self.out = self.err = ""

    def run(self, program: str, *argv: str) -> int:
        stdout, stderr = StringIO(), StringIO()
        try:
            return main(
                program,
                argv,
                environ=self.environ,
                stdin=self.stdin,
                stdout=stdout,
                stderr=stderr,
                now=lambda: AT,
                connect=lambda paths: self.client,
                terminal=lambda: self.terminal,
                machine=lambda: self.machine,
                sleep=self._sleep,
            )
        finally:
            self.out, self.err = stdout.getvalue(), stderr.getvalue()

    def _sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.on_sleep()

    def typing(self, *lines: str) -> FakeTerminal:
        self.terminal = FakeTerminal(*lines)
        return self.terminal

    def jobs_end(self, status: str = "success", result: Any = None, first: int = 7) -> None:
        """Jobs are accepted with numbers from ``first`` on, and end at once."""
        numbers = iter(range(first, first + 1000))
        self.client.answers["submit"] = lambda ops: next(numbers)
        self.client.answers["submit_many"] = lambda jobs: [[True, next(numbers)] for _ in jobs]
        self.client.answers["wait"] = [[status, [status], [result]], []]

    def submitted(self) -> list[dict[str, Any]]:
        """All opcodes that were submitted."""
        ops = [op for call in self.client.asked("submit") for op in call["ops"]]
        return ops + [op for call in self.client.asked("submit_many") for job in call["jobs"] for op in job]

    def answer_query(self, rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, str] | None = None) -> None:
        """Answer each query, whatever its filter, from rows of values; a tuple is a cell ``(status, value)``."""

        def query(what: str, fields: list[str], filter: Any) -> dict[str, Any]:
            return answer(fields, rows, kinds or {})

        self.client.answers["query"] = query


def answer(fields: Sequence[str], rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, str]) -> dict[str, Any]:
    """What a query gives: fields that are in no row are unknown ones."""
    known = {name for row in rows for name in row} | set(kinds) or set(fields)
    described = [
        {
            "name": f,
            "title": f.capitalize(),
            "kind": kinds.get(f, "text") if f in known else "unknown",
            "doc": f"Doc of {f}",
        }
        for f in fields
    ]
    data = [[_cell(row, field, known) for field in fields] for row in rows]
    return {"fields": described, "data": data}


def _cell(row: Mapping[str, Any], field: str, known: set[str]) -> list[Any]:
    if field not in known:
        return [1, None]
    value = row.get(field)
    return list(value) if isinstance(value, tuple) else [0, value]
