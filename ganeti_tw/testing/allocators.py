"""Iallocators without processes."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, execute, fail, maybeDeferred, succeed
from twisted.internet.interfaces import IReactorTime

from ganeti_tw.cli.htools.entry import main as hail
from ganeti_tw.errors import NotFound
from ganeti_tw.protocol.node import ProgramEnd

T = TypeVar("T")

Script = Callable[[dict[str, Any], Sequence[str]], Any]
"""What an iallocator says, or how it ends, about a document and its arguments; or a Deferred of it."""


class SimulatedAllocators:
    """Programs that are functions, by name; there is our own ``hail``.

    ``asked``: name, document and arguments of each run; ``running``: names of those without an end yet.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self.scripts: dict[str, Script] = {"hail": _hail}
        self.asked: list[tuple[str, dict[str, Any], tuple[str, ...]]] = []
        self.running: list[str] = []

    def find(self, name: str) -> Deferred[None]:
        return succeed(None) if name in self.scripts else fail(NotFound(f"there is no iallocator {name!r}"))

    def compose(self, make: Callable[[], T]) -> Deferred[T]:
        return execute(make)

    def run(self, name: str, document: str, arguments: Sequence[str], deadline: float) -> Deferred[ProgramEnd]:
        if name not in self.scripts:
            return fail(NotFound(f"there is no iallocator {name!r}"))
        self.asked.append((name, json.loads(document), tuple(arguments)))
        self.running.append(name)
        said: Deferred[Any] = maybeDeferred(self.scripts[name], json.loads(document), arguments)
        said.addTimeout(deadline, self._clock, onTimeoutCancel=_late)

        def ended(result: Any) -> Any:
            self.running.remove(name)
            return ProgramEnd(0, "", result, result) if isinstance(result, str) else result

        return said.addBoth(ended)


def _late(result: Any, deadline: float) -> ProgramEnd:
    return ProgramEnd(None, "its time was up", "", "")


def _hail(document: dict[str, Any], arguments: Sequence[str]) -> ProgramEnd:
    """The real one, without a process."""
    out, err = io.StringIO(), io.StringIO()
    status = hail("hail", ["-", *arguments], stdin=io.StringIO(json.dumps(document)), stdout=out, stderr=err)
    return ProgramEnd(status, "", out.getvalue(), err.getvalue() + out.getvalue())
