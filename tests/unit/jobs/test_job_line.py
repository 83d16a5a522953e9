"""The line of jobs: urgency, age, dependencies."""

from __future__ import annotations

from random import Random

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

    def test_how_many_are_ahead(self) -> None:
        for number, priority in enumerate((0, 10, -10, 0)):
            self.line.add(number, priority, ())
        self.line.add(4, -10, (1,))  # it may not begin
        self.assertEqual(self.line.ahead([0, 1, 2, 3, 99]), {0: 1, 1: 3, 2: 0, 3: 2})

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


def limited(*buckets: str) -> list[dict[str, object]]:
    """An opcode that counts in these rate limits, like ``2:name``."""
    return [{"OP_ID": "OP_A", "reason": [["user", f"rate-limit:{bucket}", 0] for bucket in buckets]}]


class LimitTests(SynchronousTestCase):
    def test_the_end_of_one_of_thousands_behind_a_limit_costs_little(self) -> None:
        line = Line()
        for number in range(2000):
            line.add(number, 0, (), limited("1:all"))
        found = []
        while (job := line.next()) is not None:
            self.assertIsNone(line.next())
            found.append(job)
            line.ended(job)
            self.assertLessEqual(len(line._ready), 1)
        self.assertEqual(found, list(range(2000)))

    def test_whatever_happens_the_most_urgent_that_has_room_is_next(self) -> None:
        for seed in range(30):
            random = Random(seed)
            line = Line()
            waiting: dict[int, tuple[int, tuple[str, ...]]] = {}
            begun: dict[int, tuple[str, ...]] = {}

            def has_room(buckets: tuple[str, ...]) -> bool:
                return all(sum(b in other for other in begun.values()) < int(b[0]) for b in buckets)

            for step in range(300):
                event = random.random()
                if event < 0.4:
                    buckets = tuple(random.sample(("1:a", "2:b", "3:c"), random.randint(0, 3)))
                    waiting[step] = (random.randint(-3, 3), buckets)
                    line.add(step, waiting[step][0], (), limited(*buckets))
                elif event < 0.55 and waiting:
                    job = random.choice(list(waiting))
                    waiting[job] = (random.randint(-3, 3), waiting[job][1])
                    line.change_priority(job, waiting[job][0])
                elif event < 0.65 and waiting:
                    job = random.choice(list(waiting))
                    del waiting[job]
                    line.ended(job)
                elif event < 0.8 and begun:
                    job = random.choice(list(begun))
                    del begun[job]
                    line.ended(job)
                else:
                    able = [(w[0], j) for j, w in waiting.items() if has_room(w[1])]
                    expected = min(able)[1] if able else None
                    self.assertEqual(line.next(), expected, f"seed {seed}, step {step}")
                    if expected is not None:
                        begun[expected] = waiting.pop(expected)[1]
