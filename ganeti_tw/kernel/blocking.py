"""Calls that block, kept away from the reactor's thread."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred, execute
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from ganeti_tw.errors import ActorStopped, Expired, GanetiError
from ganeti_tw.kernel.ref import failed

T = TypeVar("T")

log = Logger()


class Blocking(Protocol):
    """Runs functions that may block."""

    def run(self, function: Callable[..., T], /, *args: Any, deadline: float, **kw: Any) -> Deferred[T]:
        """What ``function(*args, **kw)`` returns or raises; Expired after ``deadline`` seconds.

        A call that has begun cannot be interrupted: after Expired it may still
        take effect.  One that has not begun by then, or whose Deferred was
        cancelled, never begins.
        """


class InlineBlocking:
    """Runs everything at once in the caller; for tests and simulations."""

    def run(self, function: Callable[..., T], /, *args: Any, deadline: float, **kw: Any) -> Deferred[T]:
        """As :meth:`Blocking.run`, but ``deadline`` means nothing."""
        return execute(function, *args, **kw)


class _Daemon(Thread):
    """Does not keep the process alive: a call that hangs for ever must not prevent its end."""

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **{**kw, "daemon": True})


class _Pool(ThreadPool):
    threadFactory = _Daemon


class _Call:
    """One call on its way through a thread.  ``over`` is read there, and written here only."""

    __slots__ = ("over", "timer")

    def __init__(self) -> None:
        self.over = False
        self.timer: Any = None

    def end(self) -> None:
        self.over = True
        if self.timer is not None and self.timer.active():
            self.timer.cancel()


class ThreadBlocking:
    """A pool of at most ``threads`` threads of its own; none before the first call."""

    def __init__(self, reactor: Any, name: str, threads: int) -> None:
        self._reactor, self._name = reactor, name
        self._pool = _Pool(minthreads=0, maxthreads=threads, name=name)
        self._calls: dict[Deferred[Any], _Call] = {}
        self._closed: Deferred[None] | None = None

    @property
    def waiting(self) -> int:
        """Calls without an end yet, in threads and before them."""
        return len(self._calls)

    def run(self, function: Callable[..., T], /, *args: Any, deadline: float, **kw: Any) -> Deferred[T]:
        """As :meth:`Blocking.run`; ActorStopped once the pool is closed."""
        call = _Call()
        answer: Deferred[T] = Deferred(self._withdraw)
        if self._closed is not None:
            answer.errback(ActorStopped(f"the threads for {self._name} are closed"))
            return answer
        if not self._pool.started:
            self._pool.start()
        self._calls[answer] = call
        call.timer = self._reactor.callLater(deadline, self._expire, answer, function, deadline)

        def in_thread() -> None:
            if call.over:
                return
            try:
                result: Any = function(*args, **kw)
            except Exception:
                result = failed()
            self._reactor.callFromThread(self._finish, answer, function, result)

        self._pool.callInThread(in_thread)
        return answer

    def close(self) -> Deferred[None]:
        """Take no more calls; fires when the last thread has ended.  Calls without an end get ActorStopped."""
        if self._closed is None:
            self._closed = Deferred()
            for answer in list(self._calls):
                self._forget(answer)
                answer.errback(ActorStopped(f"the threads for {self._name} are closed"))
            if self._pool.started:
                # Stopping joins the threads, which takes as long as the slowest call.
                _Daemon(target=self._join, name=f"{self._name}-close").start()
            else:
                self._closed.callback(None)
        mine: Deferred[None] = Deferred()
        self._closed.addCallback(mine.callback)
        return mine

    def _join(self) -> None:
        self._pool.stop()
        assert self._closed is not None
        self._reactor.callFromThread(self._closed.callback, None)

    def _forget(self, answer: Deferred[Any]) -> bool:
        call = self._calls.pop(answer, None)
        if call is not None:
            call.end()
        return call is not None

    def _withdraw(self, answer: Deferred[Any]) -> None:
        self._forget(answer)

    def _expire(self, answer: Deferred[Any], function: Callable[..., Any], deadline: float) -> None:
        self._forget(answer)
        name = getattr(function, "__qualname__", repr(function))
        answer.errback(Expired(f"{self._name}: {name} did not end within {deadline:g} s"))

    def _finish(self, answer: Deferred[Any], function: Callable[..., Any], result: Any) -> None:
        if self._forget(answer):
            answer.callback(result)
        elif isinstance(result, Failure) and not isinstance(result.value, GanetiError):
            log.failure("{name}: a call given up failed later: {function}", result, name=self._name, function=function)
