"""What the tests of the kernel share: a system on a Clock, and its log as a list of lines."""

from __future__ import annotations

import attrs
from twisted.internet.task import Clock
from twisted.logger import Logger, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.kernel import Actor, ActorSystem, Gone, receive


@attrs.frozen
class Note:
    """Written down.  Answer: how many there are."""

    text: str


@attrs.frozen
class Notes:
    """Answer: all that was written down."""


@attrs.frozen
class Foreseen:
    """Raises the error it brings."""

    error: Exception


@attrs.frozen
class Crash:
    """Is a bug."""

    text: str = "bug"


class Notebook(Actor):
    """Writes down what it is told; ``book`` outlives its incarnations."""

    rank = 20

    def __init__(self, book=None):
        self.book = book if book is not None else []

    @receive(Note)
    def note(self, m):
        self.book.append(m.text)
        return len(self.book)

    @receive(Notes)
    def notes(self, m):
        return list(self.book)

    @receive(Foreseen)
    def foreseen(self, m):
        raise m.error

    @receive(Crash)
    def crash(self, m):
        raise ZeroDivisionError(m.text)

    @receive(Gone)
    def gone(self, m):
        self.book.append(m)


class KernelCase(SynchronousTestCase):
    """No test leaves a timer behind."""

    def setUp(self):
        self.clock = Clock()
        self.events = []
        self.system = ActorSystem(self.clock, log=Logger(observer=self.events.append))
        self.addCleanup(self.end)

    def end(self):
        self.system.stop()
        self.clock.advance(0)
        self.clock.advance(5)
        self.clock.advance(0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def turn(self, seconds=0):
        self.clock.advance(seconds)

    def log(self, level=None):
        return [formatEvent(e) for e in self.events if level is None or e["log_level"].name == level]

    def state(self, path):
        return next(state for state in self.system.list() if state.path == path)

    def failure(self, deferred, kind):
        """The error of exactly this class that ``deferred`` ended with."""
        error = self.failureResultOf(deferred).value
        self.assertIs(type(error), kind, error)
        return error
