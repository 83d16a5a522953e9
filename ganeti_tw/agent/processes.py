"""Child processes with a deadline, their output in a log file."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.interfaces import IDelayedCall, IReactorProcess, IReactorTime
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from ganeti_tw.errors import BadRequest, DriverError

log = Logger()

TAIL_LINES = 20
TAIL_BYTES = 65536
GRACE = 5.0  # seconds from TERM to KILL


@frozen
class ProcessEnd:
    """How a process ended: exit status or the signal that killed it; ``tail`` is the end of its output."""

    status: int | None
    signal: int | None
    tail: tuple[str, ...]
    timed_out: bool = False

    @property
    def good(self) -> bool:
        return self.status == 0 and not self.timed_out

    def describe(self) -> str:
        """In words, for an error text."""
        if self.timed_out:
            return "was stopped, its time was up"
        if self.signal is not None:
            return f"was killed by signal {self.signal}"
        return f"ended with exit status {self.status}"


class Spawner(Protocol):
    """Runs programs."""

    def run(
        self, argv: Sequence[str], *, env: Mapping[str, str], cwd: str, output: str, deadline: float
    ) -> Deferred[ProcessEnd]:
        """Run a program to its end; ``output`` is the file that gets all it says.

        After ``deadline`` seconds, or when the Deferred is cancelled, the whole
        process group gets TERM, and KILL five seconds later.

        Raises DriverError and BadRequest as :func:`spawn` when it cannot be started.
        """
        ...


class ProcessReactor(IReactorProcess, IReactorTime):
    """What is needed of the reactor."""


def last_lines(path: str, count: int = TAIL_LINES) -> tuple[str, ...]:
    """The last lines of a file; empty when it cannot be read."""
    try:
        with open(path, "rb") as f:
            f.seek(max(0, os.fstat(f.fileno()).st_size - TAIL_BYTES))
            text = f.read().decode(errors="replace")
    except OSError:
        return ()
    return tuple(text.splitlines()[-count:])


def kill_group(process: Any, number: signal.Signals) -> None:
    """Send a signal to a child that leads a session, and to all in its process group."""
    pid = process.pid if process is not None else None
    if pid is None:
        return
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        # In the instant before setsid() it leads no group yet.
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return


def spawn(
    reactor: ProcessReactor,
    protocol: ProcessProtocol,
    argv: Sequence[str],
    env: Mapping[str, str],
    directory: str,
    files: Mapping[int, int | str],
) -> None:
    """Start ``argv[1]`` by way of ``argv[0]``; ``files`` as ``childFDs`` of ``spawnProcess``.

    DriverError when this host can start nothing now; BadRequest for texts that no program can be given.
    """
    if any("\0" in text for text in (*argv, *env, *env.values())):
        raise BadRequest(f"{argv[1]} was not started: there is a zero byte in its arguments or environment")
    try:
        reactor.spawnProcess(protocol, argv[0], argv, env=dict(env), path=directory, childFDs=files)
    except OSError as e:
        raise DriverError(
            f"{argv[1]} could not be started: {e.strerror}; look for what uses up the processes, "
            "the memory or the open files of this host"
        ) from None


class _Running(ProcessProtocol):
    def __init__(self, reactor: ProcessReactor, output: str) -> None:
        self._reactor = reactor
        self._output = output
        self._timed_out = False
        self._timer: IDelayedCall | None = None
        self.ended: Deferred[ProcessEnd] = Deferred(lambda _: self._terminate())

    def expire_in(self, seconds: float) -> None:
        self._timer = self._reactor.callLater(seconds, self._expire)

    def _expire(self) -> None:
        self._timer = None
        self._timed_out = True
        self._terminate()

    def _terminate(self) -> None:
        self._stop_timer()
        kill_group(self.transport, signal.SIGTERM)
        self._timer = self._reactor.callLater(GRACE, self._force)

    def _force(self) -> None:
        self._timer = None
        kill_group(self.transport, signal.SIGKILL)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def processEnded(self, reason: Failure) -> None:
        self._stop_timer()
        error = reason.value
        number = error.signal if isinstance(error, ProcessTerminated) else None
        status = error.exitCode if isinstance(error, ProcessTerminated | ProcessDone) else None
        end = ProcessEnd(status, number, last_lines(self._output), self._timed_out)
        if not self.ended.called:
            self.ended.callback(end)


class ReactorSpawner:
    """Runs programs as children of this process, each in a session of its own.

    Output goes straight into the log file, so a child neither blocks on us nor
    notices when this process dies.
    """

    def __init__(self, reactor: ProcessReactor, setsid: str = "/usr/bin/setsid") -> None:
        self._reactor = reactor
        self._setsid = setsid

    def run(
        self, argv: Sequence[str], *, env: Mapping[str, str], cwd: str, output: str, deadline: float
    ) -> Deferred[ProcessEnd]:
        running = _Running(self._reactor, output)
        nothing = os.open(os.devnull, os.O_RDONLY)
        try:
            out = _opened(output)
            try:
                spawn(self._reactor, running, [self._setsid, *argv], env, cwd, {0: nothing, 1: out, 2: out})
            finally:
                os.close(out)
        finally:
            os.close(nothing)
        running.expire_in(deadline)
        log.debug("started {program}", program=argv[0])
        return running.ended


def _opened(output: str) -> int:
    try:
        return os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    except OSError as e:
        raise DriverError(f"{output} cannot be written: {e.strerror}") from None
