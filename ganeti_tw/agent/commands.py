"""Programs that administrators run on a node, and files they put there."""

from __future__ import annotations

import os
import signal
import stat
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Protocol

from attrs import frozen
from twisted.internet.defer import Deferred, DeferredLock, TimeoutError
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from ganeti_tw.agent.processes import GRACE, ProcessReactor, kill_group, spawn
from ganeti_tw.errors import BadRequest, DriverError, TryLater
from ganeti_tw.kernel import Blocking
from ganeti_tw.model.declared import is_plain_absolute
from ganeti_tw.model.paths import Paths
from ganeti_tw.protocol.node import RESTRICTED_NAME, ProgramEnd, PutFile, RunCommand, RunOob, RunRestricted

OUTPUT_LIMIT = 1024 * 1024  # bytes of output that are kept
FILE_LIMIT = 16 * 1024 * 1024  # bytes of a file that is put
FILE_DEADLINE = 60.0
RESTRICTED_TIMEOUT = 600.0
LOCK_TIMEOUT = 8.0  # seconds to wait for the restricted command before
REFUSAL_DELAY = 10.0  # so that nobody can try out many names
LARGEST_MODE = 0o755

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

log = Logger()


class Runner(Protocol):
    """Runs programs and keeps what they say."""

    def run(self, argv: Sequence[str], env: Mapping[str, str], deadline: float) -> Deferred[ProgramEnd]:
        """A program run to its end, or killed with all it started after ``deadline`` seconds.

        Raises DriverError and BadRequest when it cannot be started.
        """
        ...


class _Captured(ProcessProtocol):
    """Keeps what a program says."""

    transport: Any

    def __init__(self, reactor: ProcessReactor, limit: int) -> None:
        self._reactor = reactor
        self._limit = limit
        self._parts: list[tuple[int, bytes]] = []
        self._size = 0
        self._late = False
        self._timer: IDelayedCall | None = None
        self.ended: Deferred[ProgramEnd] = Deferred(lambda _: self._end())

    def expire_in(self, seconds: float) -> None:
        self._timer = self._reactor.callLater(seconds, self._expire)

    def childDataReceived(self, descriptor: int, data: bytes) -> None:
        kept = data[: max(0, self._limit - self._size)]
        self._size += len(kept)
        if kept:
            self._parts.append((descriptor, kept))

    def processEnded(self, reason: Failure) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        error = reason.value
        status = error.exitCode if isinstance(error, ProcessTerminated | ProcessDone) else None
        number = error.signal if isinstance(error, ProcessTerminated) else None
        why = "its time was up" if self._late else f"killed by signal {number}" if number is not None else ""
        if not self.ended.called:
            self.ended.callback(ProgramEnd(status, why, self._text(1), self._text(1, 2)))

    def _text(self, *descriptors: int) -> str:
        return b"".join(data for d, data in self._parts if d in descriptors).decode(errors="replace")

    def _expire(self) -> None:
        self._timer = None
        self._late = True
        self._end()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        kill_group(self.transport, signal.SIGTERM)
        self._timer = self._reactor.callLater(GRACE, self._force)

    def _force(self) -> None:
        self._timer = None
        kill_group(self.transport, signal.SIGKILL)
        # Something that left the group may hold the pipes open for ever.
        self.transport.loseConnection()


class ReactorRunner:
    """Runs programs as children of this process, each in a session of its own.

    Of what one says ``limit`` bytes are kept.
    """

    def __init__(self, reactor: ProcessReactor, setsid: str = "/usr/bin/setsid", *, limit: int = OUTPUT_LIMIT) -> None:
        self._reactor = reactor
        self._setsid = setsid
        self._limit = limit

    def run(self, argv: Sequence[str], env: Mapping[str, str], deadline: float) -> Deferred[ProgramEnd]:
        captured = _Captured(self._reactor, self._limit)
        nothing = os.open(os.devnull, os.O_RDONLY)
        try:
            spawn(self._reactor, captured, [self._setsid, *argv], env, "/", {0: nothing, 1: "r", 2: "r"})
        finally:
            os.close(nothing)
        captured.expire_in(deadline)
        return captured.ended


@frozen
class Owner:
    """Whose the restricted commands must be."""

    uid: int = 0
    gid: int = 0


class Commands:
    """Carries out what the messages ask for, below the root directory of this host.

    ``environment`` is what programs other than restricted commands see besides
    a search path.
    """

    def __init__(
        self,
        runner: Runner,
        paths: Paths,
        blocking: Blocking,
        clock: IReactorTime,
        environment: Mapping[str, str] | None = None,
        owner: Owner | None = None,
    ) -> None:
        self._runner = runner
        self._paths = paths
        self._blocking = blocking
        self._clock = clock
        self._environment = {"PATH": _PATH, "HOME": "/root", "LC_ALL": "C", **(environment or {})}
        self._owner = owner or Owner()
        self._restricted = DeferredLock()

    async def run_oob(self, m: RunOob) -> ProgramEnd:
        """The helper called with a command and the name of a node."""
        program = self._paths.below(m.program)
        _check_program(program)
        return await self._runner.run([program, m.command, m.node], self._environment, m.timeout)

    async def run_command(self, m: RunCommand) -> ProgramEnd:
        """A line of the shell."""
        log.info("running a command for the master: {command}", command=m.command)
        return await self._runner.run(["/bin/sh", "-c", m.command], self._environment, m.timeout)

    async def run_restricted(self, m: RunRestricted) -> str:
        """One at a time is looked at; what was refused holds up the next for a while."""
        try:
            await self._restricted.acquire().addTimeout(LOCK_TIMEOUT, self._clock)
        except TimeoutError:
            raise TryLater("another restricted command is being looked at; try again in a few seconds") from None
        try:
            program = await self._allowed(m.command)
        finally:
            self._restricted.release()
        end = await self._runner.run([program], {}, RESTRICTED_TIMEOUT)
        if not end.good:
            why = end.reason or f"exit status {end.status}"
            raise DriverError(f"restricted command {m.command!r} failed: {why}; output: {end.output}")
        return end.output

    async def _allowed(self, command: str) -> str:
        try:
            return await self._blocking.run(
                restricted_program, self._paths.restricted_commands, command, self._owner, deadline=FILE_DEADLINE
            )
        except (BadRequest, DriverError) as e:
            log.warn("restricted command {command!r} refused: {reason}", command=command, reason=e.text)
            await deferLater(self._clock, REFUSAL_DELAY)
            raise DriverError(
                f"running restricted command {command!r} failed; the log on that node tells why"
            ) from None

    async def put_file(self, m: PutFile) -> None:
        """The content under that path, with its mode and time of change."""
        if not is_plain_absolute(m.path):
            raise BadRequest(f"{m.path!r} is no absolute path without . or .. parts")
        if len(m.content) > FILE_LIMIT:
            raise BadRequest(f"{m.path} has {len(m.content)} bytes, at most {FILE_LIMIT} can be copied")
        await self._blocking.run(
            put, self._paths.below(m.path), m.content, m.mode & 0o7777, m.mtime, deadline=FILE_DEADLINE
        )
        log.info("{path} was put here by the master", path=m.path)


def _check_program(path: str) -> None:
    if not os.path.isfile(path) or not os.access(path, os.X_OK):
        raise DriverError(f"{path} is no program on this node")


def restricted_program(directory: str, command: str, owner: Owner) -> str:
    """The path of a restricted command.  BadRequest, DriverError tell why it may not be run.  Blocks."""
    if not RESTRICTED_NAME.fullmatch(command):
        raise BadRequest("a name has letters, digits, dashes and underscores only")
    path = os.path.join(directory, command)
    for place, kind in ((directory, stat.S_ISDIR), (path, stat.S_ISREG)):
        try:
            found = os.lstat(place)
        except OSError as e:
            raise DriverError(f"{place}: {e.strerror}") from None
        if not kind(found.st_mode):
            raise DriverError(f"{place} is of another kind")
        if (found.st_uid, found.st_gid) != (owner.uid, owner.gid):
            raise DriverError(f"{place} belongs to {found.st_uid}:{found.st_gid}, not {owner.uid}:{owner.gid}")
        if stat.S_IMODE(found.st_mode) & ~LARGEST_MODE:
            raise DriverError(f"{place} has mode {stat.S_IMODE(found.st_mode):o}, more than {LARGEST_MODE:o}")
    if not os.access(path, os.X_OK):
        raise DriverError(f"{path} is not executable")
    return path


def put(path: str, content: bytes, mode: int, mtime: float) -> None:
    """Replace a file: readers see the old or the new content.  Blocks."""
    try:
        # Under a name that nobody can have taken: the directory may be one where others write, too.
        descriptor, new = tempfile.mkstemp(prefix=".put-", dir=os.path.dirname(path))
        with ExitStack() as failed:
            failed.callback(os.unlink, new)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fchmod(descriptor, mode)
                os.fsync(descriptor)
            os.utime(new, (mtime, mtime))
            os.replace(new, path)
            failed.pop_all()
    except OSError as e:
        raise DriverError(f"cannot write {path}: {e.strerror}") from None
