"""The life of an actor: its incarnations, what each owes when it ends, and its own end."""

from __future__ import annotations

import enum
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ganeti_tw.errors import ActorCrashed, ActorStopped, GanetiError
from ganeti_tw.kernel.aside import Aside, Later, Outcome, itself
from ganeti_tw.kernel.asking import Ask
from ganeti_tw.kernel.mailbox import Overflow
from ganeti_tw.kernel.pending import Held, Open, Starting
from ganeti_tw.kernel.ref import Gone, Ref, failed

if TYPE_CHECKING:
    from ganeti_tw.kernel.actor import Actor
    from ganeti_tw.kernel.deadlines import Deadlines
    from ganeti_tw.kernel.system import ActorSystem

P = ParamSpec("P")
T = TypeVar("T")

# A handler may hold the mailbox so long before the log tells; also the patience of a stop with it.
PATIENCE = 5.0
# Restarts are counted over so many seconds.
MINUTE = 60.0


class Phase(enum.IntEnum):
    """Where an actor is in its life; from STOPPING on it takes no messages."""

    NEW = 0
    RUNNING = 1
    CRASHED = 2
    STOPPING = 3
    ENDING = 4
    GONE = 5


class Life(Ref):
    """A local actor without its mailbox.

    A crash or a stop is only noted where it happens; the next visit takes the
    consequences.  So nothing here ever runs inside a handler of the same actor.
    Everything optional is made when first needed: most actors are idle.
    """

    __slots__ = (
        "__weakref__",
        "_actor",
        "_asides",
        "_ask",
        "_begun",
        "_budget",
        "_capacity",
        "_crashes",
        "_culprit",
        "_failure",
        "_handlers",
        "_held",
        "_kind",
        "_make",
        "_message",
        "_open",
        "_overflow",
        "_phase",
        "_queue",
        "_ready",
        "_since",
        "_system",
        "_watched",
        "_watchers",
        "deadlines",
        "failed",
        "path",
        "rank",
        "restarts",
    )

    path: str
    rank: int

    def __init__(self, system: ActorSystem, path: str, make: Callable[[], Actor]) -> None:
        self._system, self.path, self._make = system, path, make
        self.deadlines: Deadlines = system.deadlines
        self.failed = self.restarts = 0
        self._queue: deque[Any] | None = None
        # It stands in the line of the system, or its turn is now.
        self._ready = False
        self._phase: Phase = Phase.NEW
        # The message in progress, since when, and its ask if it is one.
        self._message: Any = None
        self._since = 0.0
        self._ask: Ask | None = None
        self._held: Held | None = None
        # Dicts serve as sets that keep their order, so that a run can be repeated.
        self._open: dict[Open, None] | None = None
        self._asides: dict[Aside | Later, None] | None = None
        self._watchers: dict[Ref, None] | None = None
        self._watched: dict[Life, None] | None = None
        self._crashes: list[float] | None = None
        self._failure: Failure | None = None
        self._culprit = ""
        self._kind = ""
        self._begun = False
        self._actor: Actor | None = None
        self._handlers: dict[type[Any], Callable[[Any, Any], Any]]
        self._capacity = self._budget = 0
        self._overflow: Overflow
        self._incarnate()

    def watch(self, watcher: Ref) -> None:
        if self._phase is Phase.GONE:
            self._tell_gone(watcher)
            return
        if self._watchers is None:
            self._watchers = {}
        self._watchers[watcher] = None
        if isinstance(watcher, Life):
            if watcher._watched is None:
                watcher._watched = {}
            watcher._watched[self] = None

    def stop(self) -> None:
        if self._phase < Phase.STOPPING:
            self._phase = Phase.STOPPING
            self._capacity = 0
            if not self._ready:
                self._wake()

    @property
    def log(self) -> Logger:
        """The log of the system."""
        return self._system.log

    @property
    def phase(self) -> Phase:
        """Where it is in its life."""
        return self._phase

    @property
    def kind(self) -> str:
        """Name of the actor's class."""
        return self._kind

    @abstractmethod
    def put_sure(self, build: Callable[[Any], Any], value: Any, owner: object = None) -> None:
        """Leave the message ``build(value)``, which no capacity limits; for one incarnation only if ``owner`` is it."""

    @abstractmethod
    def released(self, held: Held, result: Any) -> None:
        """The handler that held the mailbox has ended."""

    @abstractmethod
    def answered(self, entry: Open, result: Any) -> None:
        """The Deferred a handler returned has fired."""

    @abstractmethod
    def settled_in_queue(self) -> None:
        """One waiting ask was settled before its turn."""

    def aside(
        self, owner: Actor, work: Coroutine[Any, Any, Any] | Deferred[Any], then: Callable[[Outcome], Any]
    ) -> Aside:
        """As :meth:`Actor.aside`."""
        if owner is not self._actor or self._phase >= Phase.STOPPING:
            if isinstance(work, Deferred):
                work.cancel()
            else:
                work.close()
            raise ActorStopped(f"{self.path} has stopped or was restarted: no work is started for it")
        deferred = work if isinstance(work, Deferred) else Deferred.fromCoroutine(work)
        aside = Aside(self, owner, deferred, then)
        if not aside.called:
            self._interruptible(aside)
        return aside

    def later(self, owner: Actor, seconds: float, message: Any) -> Later:
        """As :meth:`Actor.later`."""
        if owner is not self._actor or self._phase >= Phase.STOPPING:
            raise ActorStopped(f"{self.path} has stopped or was restarted: it sends itself nothing")
        later = Later(self, owner, message)
        self._interruptible(later)
        self.deadlines.add(self._system.clock.seconds() + seconds, later)
        return later

    def aside_ended(self, aside: Aside | Later) -> None:
        """It needs no interrupting any more."""
        if self._asides is not None:
            self._asides.pop(aside, None)

    def overdue(self, held: Held) -> None:
        """A handler has held the mailbox beyond all patience."""
        held.timed = False
        self.deadlines.done()
        self.log.warn(
            "{path}: {message} holds the mailbox for more than {seconds:g} s",
            path=self.path,
            message=type(held.message).__name__,
            seconds=PATIENCE,
        )
        if self._phase is Phase.ENDING and not self._ready:
            self._wake()

    def vanish(self) -> None:
        """Cease without a word to anyone."""
        self._phase = Phase.GONE
        self._capacity = 0
        self._queue = self._actor = self._ask = self._message = self._open = self._asides = None
        self._watchers = self._watched = None

    def _wake(self) -> None:
        self._ready = True
        self._system.wake(self)

    @abstractmethod
    def visit(self, now: float, end: float) -> float:
        """Take the consequences of what was noted and handle some messages until about ``end``; the time afterwards."""

    def _interruptible(self, aside: Aside | Later) -> None:
        if self._asides is None:
            self._asides = {}
        self._asides[aside] = None

    def _hold(self, held: Held) -> None:
        self._held = held
        held.begin()
        if not held.called:
            held.timed = True
            self.deadlines.add(self._since + PATIENCE, held)

    def _crash(self, failure: Failure, message: Any) -> None:
        """Note that this incarnation is beyond hope."""
        self.failed += 1
        name = type(message).__name__
        self.log.failure("{path} crashed on {message}", failure, path=self.path, message=name)
        if self._failure is None:
            self._failure, self._culprit = failure, name
        if self._phase < Phase.CRASHED:
            self._phase = Phase.CRASHED
            if not self._ready:
                self._wake()

    def _change(self) -> None:
        """Take the steps between phases that are due."""
        while self._phase is Phase.CRASHED or self._phase is Phase.NEW:
            if self._phase is Phase.CRASHED:
                self._recover()
            else:
                self._start()
        if self._phase is Phase.STOPPING:
            self._phase = Phase.ENDING
            self._refuse_all()
        if self._phase is Phase.ENDING and (self._held is None or self._held.overdue):
            self._finish()

    def _incarnate(self) -> None:
        actor = self._actor = self._make()
        self._kind = type(actor).__name__
        actor.me = actor._life = self
        self.rank = int(actor.rank)
        self._capacity, self._overflow = actor.capacity, actor.overflow
        self._budget = actor.restarts
        self._handlers = type(actor)._handlers

    def _start(self) -> None:
        self._phase = Phase.RUNNING
        self._message, self._since = Starting(), self._system.clock.seconds()
        try:
            if self._actor is None:
                self._incarnate()
            assert self._actor is not None
            self._begun = True
            result: Any = self._actor.started()
        except Exception:
            self._crash(failed(), self._message)
            return
        if result is None:
            self._message = None
        else:
            deferred = Deferred.fromCoroutine(result) if result.__class__ is CoroutineType else result
            self._hold(Held(self, None, self._message, deferred, starting=True))

    def _recover(self) -> None:
        """Bury the incarnation that crashed; there is another if the budget allows."""
        now = self._system.clock.seconds()
        crashes = self._crashes = [when for when in self._crashes or () if when > now - MINUTE]
        crashes.append(now)
        if len(crashes) > self._budget:
            self._phase = Phase.ENDING
            self._capacity = 0
            self._bury()
            self._refuse_all()
            self._finish()
        else:
            self.restarts += 1
            self._phase = Phase.NEW
            self._bury()
            self._failure = None

    def _bury(self) -> None:
        """End the present incarnation: interrupt its work, answer for it, let it clean up."""
        asides, self._asides = self._asides, None
        held, self._held = self._held, None
        ask, self._ask, self._message = self._ask, None, None
        for aside in asides or ():
            aside.abandon()
        if held is not None:
            if held.timed:
                self.deadlines.done()
            held.abandon()
        if ask is not None:
            ask.fail(self._excuse())
        self._answer_open()
        actor, self._actor = self._actor, None
        if actor is not None and self._begun:
            self._begun = False
            try:
                actor.stopped()
            except Exception:
                self.log.failure("{path} failed to clean up", path=self.path)

    def _answer_open(self) -> None:
        entries, self._open = self._open, None
        for entry in entries or ():
            entry.abandon()
            if entry.ask is not None:
                entry.ask.fail(self._excuse())

    def guarded(self, whose: str, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See :meth:`ganeti_tw.kernel.actor.Actor.guarded`."""
        try:
            return call(*args, **kwargs)
        except GanetiError:
            raise
        except Exception as error:
            self.log.failure("{path}: {whose} failed", failed(), path=self.path, whose=whose)
            text = f"{whose} failed: {type(error).__name__}: {error} (a bug, please report it)"
            raise ActorCrashed(text) from None

    def _excuse(self) -> GanetiError:
        if self._failure is None:
            return ActorStopped(f"{self.path} has stopped")
        error = self._failure.value
        return ActorCrashed(
            f"{self.path} crashed on {self._culprit}: {type(error).__name__}: {error} (a bug, please report it)"
        )

    def _refuse_all(self) -> None:
        """Answer all who wait, but not the message in progress."""
        self._answer_open()
        queue, self._queue = self._queue, None
        for item in queue or ():
            if item.__class__ is Ask:
                item.waiting = False
                item.fail(ActorStopped(f"{self.path} has stopped"))

    def _finish(self) -> None:
        """The end for good."""
        self._bury()
        self._phase = Phase.GONE
        self._system.gone(self)
        watchers, self._watchers = self._watchers, None
        watched, self._watched = self._watched, None
        for life in watched or ():
            if life._watchers is not None:
                life._watchers.pop(self, None)
        for watcher in watchers or ():
            if isinstance(watcher, Life) and watcher._watched is not None:
                watcher._watched.pop(self, None)
            self._tell_gone(watcher)

    def _tell_gone(self, watcher: Ref) -> None:
        news = Gone(self.path, self._failure)
        if isinstance(watcher, Life):
            watcher.put_sure(itself, news)
            return
        try:
            watcher.tell(news)
        except GanetiError as error:
            self.log.debug(
                "{path} is gone; {watcher} was not told: {error}", path=self.path, watcher=watcher.path, error=error
            )
