"""Runs the programs that choose nodes: those of the site, and our own ``hail``."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger

import ganeti_tw
from ganeti_tw.agent.commands import Runner
from ganeti_tw.errors import BadRequest, DriverError, NotFound
from ganeti_tw.kernel import Blocking
from ganeti_tw.protocol.node import ProgramEnd

FILE_DEADLINE = 60.0
OUTPUT_LIMIT = 64 * 1024 * 1024  # bytes of an answer: plans for thousands of instances are long
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HAIL = "hail"

T = TypeVar("T")

_NAME = re.compile(r"[a-zA-Z0-9_-][a-zA-Z0-9_.-]*", re.ASCII)

log = Logger()


class ProgramAllocators:
    """Programs found in the directories of ``search_path``; documents lie in ``directory`` while they are read.

    ``environment`` is what they see besides a search path.
    """

    def __init__(
        self,
        runner: Runner,
        blocking: Blocking,
        search_path: Sequence[str],
        directory: str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._runner = runner
        self._blocking = blocking
        self._search_path = search_path
        self._directory = directory
        self._environment = {"PATH": PATH, "HOME": "/root", "LC_ALL": "C.UTF-8", **(environment or {})}

    async def _find(self, name: str) -> None:
        await self._blocking.run(find, self._search_path, name, deadline=FILE_DEADLINE)

    def find(self, name: str) -> Deferred[None]:
        return Deferred.fromCoroutine(self._find(name))

    def compose(self, make: Callable[[], T]) -> Deferred[T]:
        return self._blocking.run(make, deadline=FILE_DEADLINE)

    def run(self, name: str, document: str, arguments: Sequence[str], deadline: float) -> Deferred[ProgramEnd]:
        return Deferred.fromCoroutine(self._run(name, document, arguments, deadline))

    async def _run(self, name: str, document: str, arguments: Sequence[str], deadline: float) -> ProgramEnd:
        program = await self._blocking.run(find, self._search_path, name, deadline=FILE_DEADLINE)
        path = await self._blocking.run(write, self._directory, name, document, deadline=FILE_DEADLINE)
        try:
            log.debug("running iallocator {program}", program=program)
            environment = self._environment
            if program is None:
                argv = [sys.executable, "-P", "-m", "ganeti_tw.cli.htools", HAIL]
                environment = {**environment, "PYTHONPATH": os.path.dirname(os.path.dirname(ganeti_tw.__file__))}
            else:
                argv = [program]
            return await self._runner.run([*argv, path, *arguments], environment, deadline)
        finally:
            await self._blocking.run(remove, path, deadline=FILE_DEADLINE)


def find(search_path: Sequence[str], name: str) -> str | None:
    """The path of an iallocator; None is our own.  BadRequest, NotFound.  Blocks."""
    if not _NAME.fullmatch(name):
        raise BadRequest(f"{name!r} is no name of an iallocator: it is the file name of a program")
    asleep = []
    for directory in search_path:
        path = os.path.join(directory, name)
        if os.path.isfile(path):
            if os.access(path, os.X_OK):
                return path
            asleep.append(path)
    if name == HAIL:
        return None
    if asleep:
        raise NotFound(f"iallocator {name}: {', '.join(asleep)} is not executable; make it so with chmod +x")
    raise NotFound(f"there is no iallocator {name!r} in {', '.join(search_path)}")


def write(directory: str, name: str, document: str) -> str:
    """The path of a new file with the document.  DriverError.  Blocks."""
    try:
        descriptor, path = tempfile.mkstemp(prefix=f"iallocator-{name}-", suffix=".json", dir=directory)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(document)
    except OSError as e:
        raise DriverError(f"cannot write the question for iallocator {name} to {directory}: {e.strerror}") from None
    return path


def remove(path: str) -> None:
    """The file is gone.  Blocks."""
    try:
        os.unlink(path)
    except OSError as e:
        log.warn("{path} stays behind: {reason}", path=path, reason=e.strerror)
