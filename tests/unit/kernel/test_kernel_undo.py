"""Taking back."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import DriverError
from ganeti_tw.kernel import Undo


class UndoTests(SynchronousTestCase):
    def setUp(self):
        self.done, self.said = [], []
        self.undo = Undo()

    def run_undo(self):
        return Deferred.fromCoroutine(self.undo.run(self.said.append))

    def test_last_first(self):
        self.undo.push("one", self.done.append, 1)
        self.undo.push("two", self.done.append, 2)
        self.assertEqual(self.successResultOf(self.run_undo()), [])
        self.assertEqual(self.done, [2, 1])
        self.assertEqual(self.said, ["undoing: two", "undoing: one"])
        self.assertEqual(len(self.undo), 0)

    def test_steps_may_take_their_time(self):
        gate = Deferred()

        async def slow():
            self.done.append(await gate)

        self.undo.push("first", self.done.append, "first")
        self.undo.push("slow", slow)
        self.undo.push("deferred", lambda: succeed(None))
        running = self.run_undo()
        self.assertNoResult(running)
        gate.callback("slow")
        self.successResultOf(running)
        self.assertEqual(self.done, ["slow", "first"])

    def test_a_failure_does_not_keep_the_others_from_running(self):
        self.undo.push("fine", self.done.append, 1)
        self.undo.push("remove lv", lambda: fail(DriverError("lvremove failed")))
        self.undo.push("bug", lambda: 1 / 0)
        self.undo.push("asked to hurry", lambda: fail(CancelledError()))
        self.assertEqual(self.successResultOf(self.run_undo()), ["asked to hurry", "bug", "remove lv"])
        self.assertEqual(self.done, [1])
        self.assertIn("could not undo: remove lv: lvremove failed", self.said)
        self.assertIn("interrupted while undoing: asked to hurry", self.said)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_what_is_forgotten_is_not_run(self):
        self.undo.push("one", self.done.append, 1)
        self.undo.forget()
        self.successResultOf(self.run_undo())
        self.assertEqual(self.done, [])
