"""The line of jobs: urgency, age, dependencies."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.jobs.line import Line


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
