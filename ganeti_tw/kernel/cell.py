"""A local actor: its mailbox and the message in progress."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from types import CoroutineType, NoneType
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ganeti_tw.errors import ActorStopped, BadRequest, GanetiError, MailboxFull
from ganeti_tw.kernel.asking import Ask
from ganeti_tw.kernel.life import Life, Phase
from ganeti_tw.kernel.mailbox import Sure, make_room
from ganeti_tw.kernel.pending import Held, Open
from ganeti_tw.kernel.ref import failed

if TYPE_CHECKING:
    from ganeti_tw.kernel.actor import Actor
    from ganeti_tw.kernel.system import ActorSystem

current_actor: ContextVar[str] = ContextVar("current_actor", default="")
"""Path of the actor on whose behalf code runs, also in its coroutines; for the log."""

# Messages handled before the next actor gets its turn.
VISIT = 64

# What isinstance need not look at: a speed-up, nothing else.
_PLAIN = frozenset({NoneType, bool, int, float, str, bytes, tuple, list, dict})
# Enum members are slow to look up on the way every message takes.
_RUNNING = Phase.RUNNING


class Cell(Life):
    """The local :class:`Ref`, and all the kernel keeps for an actor."""

    __slots__ = ("_settled", "dropped", "handled")

    def __init__(self, system: ActorSystem, path: str, make: Callable[[], Actor]) -> None:
        super().__init__(system, path, make)
        self.handled = self.dropped = 0
        # Asks in the queue that need no handling any more.
        self._settled = 0
        self._wake()

    def tell(self, message: Any) -> None:
        queue = self._queue
        # One test for all that is unusual: stopping sets the capacity to 0.
        if queue is None or len(queue) >= self._capacity:
            queue = self._make_room(message)
        queue.append(message)
        if not self._ready and self._held is None:
            self._wake()

    def ask(self, message: Any, timeout: float) -> Deferred[Any]:
        deadline = self._system.clock.seconds() + timeout
        ask = Ask(self, message, timeout, deadline)
        self.deadlines.add(deadline, ask)
        try:
            self.tell(ask)
        except GanetiError as error:
            ask.waiting = False
            ask.fail(error)
        return ask

    def put_sure(self, build: Callable[[Any], Any], value: Any, owner: object = None) -> None:
        if self._phase < Phase.STOPPING:
            if self._queue is None:
                self._queue = deque()
            self._queue.append(Sure(build, value, owner))
            if not self._ready and self._held is None:
                self._wake()

    def retire(self) -> bool:
        """End now, if nothing waits, is in progress, owed an answer or to come by itself; whether that was so."""
        busy = self._ready or self._queue or self._held or self._open or self._asides
        if busy or self._phase is not _RUNNING:
            return False
        self._capacity = 0
        self._finish()
        return True

    @property
    def depth(self) -> int:
        """Messages that wait."""
        return len(self._queue) - self._settled if self._queue else 0

    def in_progress(self) -> tuple[str, float]:
        """Name of the message in progress and since when; empty when the actor is idle.

        That is the one that holds the mailbox, else the one unanswered for longest.
        """
        if self._message is not None:
            return type(self._message).__name__, self._since
        for entry in self._open or ():
            return type(entry.message).__name__, entry.since
        return "", 0.0

    def settled_in_queue(self) -> None:
        self._settled += 1

    def released(self, held: Held, result: Any) -> None:
        self._held = None
        if held.timed:
            held.timed = False
            self.deadlines.done()
        if isinstance(result, Failure) and (held.starting or not isinstance(result.value, GanetiError)):
            self._crash(result, held.message)
        else:
            self._ask = self._message = None
            if not held.starting:
                self._conclude(held.ask, held.message, result)
        if not self._ready and (self._queue or self._phase is not _RUNNING):
            self._wake()

    def answered(self, entry: Open, result: Any) -> None:
        if isinstance(result, Failure) and not isinstance(result.value, GanetiError):
            # The entry stays among the open ones: the crash answers it with the others.
            self._crash(result, entry.message)
        else:
            if self._open is not None:
                self._open.pop(entry, None)
            self._conclude(entry.ask, entry.message, result)

    def visit(self, now: float, end: float) -> float:
        current_actor.set(self.path)
        if self._phase is not _RUNNING:
            self._change()
        # An incarnation ends only in the line above, so these hold for the whole visit.
        actor, handler_of, queue = self._actor, self._handlers.get, self._queue
        seconds = self._system.clock.seconds
        left = VISIT if self._held is None else 0
        while queue and left and self._phase is _RUNNING:
            left -= 1
            message = queue.popleft()
            kind = message.__class__
            ask: Ask | None = None
            if kind is Ask:
                ask = message
                if ask.called:
                    self._settled -= 1
                    continue
                ask.waiting = False
                if ask.deadline <= now:
                    ask.due()
                    continue
                message = ask.message
                self._ask = ask
            elif kind is Sure:
                if message.owner is not None and message.owner is not actor:
                    continue
            self._message, self._since = message, now
            try:
                if kind is Sure:
                    message = self._message = message.build(message.value)
                result = handler_of(message.__class__, _not_understood)(actor, message)
            except GanetiError as error:
                result = failed(error.with_traceback(None))
            except Exception:
                result = failed()
            if result.__class__ in _PLAIN:
                self.handled += 1
                self._message = None
                if ask is not None:
                    self._ask = None
                    ask.answer(result)
            else:
                self._take(ask, message, result)
                if self._held is not None:
                    break
            now = seconds()
            if now >= end:
                break
        self._ready = False
        if self._phase is _RUNNING:
            if self._queue and self._held is None:
                self._wake()
        elif self._phase is not Phase.GONE and self._phase is not Phase.ENDING:
            self._wake()
        return now

    def _take(self, ask: Ask | None, message: Any, result: Any) -> None:
        """See to a result that may be an error or come later."""
        if result.__class__ is CoroutineType:
            self._hold(Held(self, ask, message, Deferred.fromCoroutine(result)))
            return
        if isinstance(result, Failure) and not isinstance(result.value, GanetiError):
            self._crash(result, message)
            return
        self._ask = self._message = None
        if isinstance(result, Deferred):
            if self._open is None:
                self._open = {}
            entry = Open(self, ask, message, self._since)
            self._open[entry] = None
            result.addBoth(entry.fired, result, self)
        else:
            self._conclude(ask, message, result)

    def _conclude(self, ask: Ask | None, message: Any, result: Any) -> None:
        """Count and answer a message that did not crash the actor."""
        if not isinstance(result, Failure):
            self.handled += 1
            if ask is not None:
                ask.answer(result)
            return
        self.failed += 1
        if ask is not None:
            ask.fail(result.value)
        else:
            self.log.warn(
                "{path} could not do {message}: {error}",
                path=self.path,
                message=type(message).__name__,
                error=result.value,
            )

    def _make_room(self, message: Any) -> deque[Any]:
        if self._phase >= Phase.STOPPING:
            raise ActorStopped(f"{self.path} has stopped")
        queue = self._queue
        if queue is None:
            queue = self._queue = deque()
            return queue
        removed = make_room(queue, self._overflow, message)
        if not removed:
            raise MailboxFull(f"{self.path} has {self.depth} messages waiting: try again later")
        for item in removed:
            if item.__class__ is Ask:
                self._settled -= 1
                item.waiting = False
            else:
                self.dropped += 1
        return queue


def _not_understood(actor: Any, message: Any) -> Any:
    raise BadRequest(f"{actor.me.path} does not understand {type(message).__name__}")
