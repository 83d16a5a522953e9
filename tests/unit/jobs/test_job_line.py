"""The line of jobs: urgency, age, dependencies."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.jobs.filters import rules_of
from ganeti_tw.jobs.line import Line
from ganeti_tw.model.filter import Filter


class LineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.line = Line()

    def order(self) -> list[int]:
        found = []
        while (job := self.line.next()) is not None:
            found.append(job)
        return found

    def test_urgent_first_then_old(self) -> None:
        for number, priority in enumerate((0, 10, -10, 0, -10)):
            self.line.add(number, priority, ())
        self.assertEqual(self.order(), [2, 4, 0, 3, 1])

    def test_a_change_of_priority_moves_a_job_once(self) -> None:
        for number in range(4):
            self.line.add(number, 0, ())
        for priority in (5, 0, -5, 7, -5):
            self.line.change_priority(2, priority)
        self.line.change_priority(0, 7)
        self.line.change_priority(99, 7)
        self.assertEqual(self.order(), [2, 1, 3, 0])

    def test_behind_others(self) -> None:
        self.line.add(1, 0, ())
        self.line.add(2, -10, (1,))
        self.line.add(3, -20, (1, 2))
        self.line.change_priority(3, -19)
        self.assertEqual((self.line.before(3), self.line.before(1)), ([1, 2], []))
        self.assertEqual(self.order(), [1])
        self.line.ended(1)
        self.assertEqual(self.order(), [2])
        self.line.ended(2)
        self.assertEqual(self.order(), [3])

    def test_one_that_ends_in_the_line_is_not_given_out(self) -> None:
        self.line.add(1, 0, ())
        self.line.add(2, 0, (1,))
        self.line.ended(1)
        self.line.ended(2)
        self.assertEqual(self.order(), [])

    def test_judged_in_pieces(self) -> None:
        for number in range(10):
            self.line.add(number, 0, (), [{"OP_ID": "OP_A" if number % 2 else "OP_B"}])
        rule = Filter(
            uuid="a", watermark=0, priority=0, action="REJECT", reason_trail=(),
            predicates=(["opcode", ["=", "OP_ID", "OP_A"]],),
        )  # fmt: skip
        self.line.set_rules(rules_of([rule]))
        self.assertTrue(self.line.judge_some(4))
        self.assertEqual((self.line.rejected(), self.order()), ([1, 3], []))
        self.line.change_priority(8, -5)
        self.line.ended(9)
        self.line.add(10, -1, (), [{"OP_ID": "OP_B"}])
        self.assertTrue(self.line.judge_some(5))
        self.assertFalse(self.line.judge_some(5))
        self.assertEqual((self.line.rejected(), self.order()), ([5, 7], [8, 10, 0, 2, 4, 6]))
