"""Blocking calls; the threads are real, the reactor is a Clock that can be called from threads."""

from __future__ import annotations

import queue
import threading

from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import ActorStopped, Expired, NotFound
from ganeti_tw.kernel import InlineBlocking, ThreadBlocking


class ThreadedClock(Clock):
    def __init__(self):
        super().__init__()
        self.calls_from_threads = queue.Queue()

    def callFromThread(self, f, *args, **kw):
        self.calls_from_threads.put((f, args, kw))

    def pump(self):
        """Run the next call from a thread; waits for it."""
        f, args, kw = self.calls_from_threads.get(timeout=10)
        f(*args, **kw)


def broken(error):
    raise error


class InlineTests(SynchronousTestCase):
    def test_value_and_error(self):
        blocking = InlineBlocking()
        self.assertEqual(self.successResultOf(blocking.run(int, "ff", deadline=1, base=16)), 255)
        self.failureResultOf(blocking.run(broken, NotFound("none"), deadline=1), NotFound)


class ThreadTests(SynchronousTestCase):
    def setUp(self):
        self.reactor = ThreadedClock()
        self.blocking = ThreadBlocking(self.reactor, "test", 1)
        self.gate = threading.Event()
        self.addCleanup(self.end)

    def end(self):
        self.gate.set()
        closed = self.blocking.close()
        while not closed.called:
            self.reactor.pump()
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def block(self):
        """Occupy the only thread."""
        begun = threading.Event()

        def wait():
            begun.set()
            self.gate.wait(10)
            return "late"

        answer = self.blocking.run(wait, deadline=5)
        begun.wait(10)
        return answer

    def test_runs_in_another_thread(self):
        answer = self.blocking.run(threading.get_ident, deadline=1)
        self.reactor.pump()
        self.assertNotEqual(self.successResultOf(answer), threading.get_ident())

    def test_errors_come_back(self):
        answer = self.blocking.run(broken, NotFound("none"), deadline=1)
        self.reactor.pump()
        self.failureResultOf(answer, NotFound)

    def test_expired_at_the_deadline_and_the_late_result_is_dropped(self):
        answer = self.block()
        self.reactor.advance(5)
        error = self.failureResultOf(answer, Expired).value
        self.assertIn("did not end within 5 s", str(error))
        self.gate.set()
        self.reactor.pump()
        self.assertEqual(self.blocking.waiting, 0)

    def test_a_call_that_has_not_begun_by_its_deadline_never_begins(self):
        first, ran = self.block(), []
        second = self.blocking.run(ran.append, 1, deadline=1)
        self.reactor.advance(1)
        self.failureResultOf(second, Expired)
        self.gate.set()
        self.reactor.pump()
        self.successResultOf(first)
        third = self.blocking.run(ran.append, 3, deadline=1)
        self.reactor.pump()
        self.successResultOf(third)
        self.assertEqual(ran, [3])

    def test_cancelled_calls_never_begin(self):
        self.block()
        ran = []
        second = self.blocking.run(ran.append, 1, deadline=1)
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.gate.set()
        self.reactor.pump()
        self.assertEqual(ran, [])

    def test_closing_answers_all_and_takes_no_more(self):
        first = self.block()
        closed = self.blocking.close()
        self.failureResultOf(first, ActorStopped)
        self.failureResultOf(self.blocking.run(int, deadline=1), ActorStopped)
        self.assertNoResult(closed)
        self.gate.set()
        self.reactor.pump()
        self.reactor.pump()
        self.successResultOf(closed)

    def test_a_bug_after_the_deadline_is_logged(self):
        begun = threading.Event()

        def wait():
            begun.set()
            self.gate.wait(10)
            raise ZeroDivisionError

        answer = self.blocking.run(wait, deadline=1)
        begun.wait(10)
        self.reactor.advance(1)
        self.failureResultOf(answer, Expired)
        self.gate.set()
        self.reactor.pump()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
