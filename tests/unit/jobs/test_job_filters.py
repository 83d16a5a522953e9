"""Rules about which jobs may start."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.jobs.filters import Verdict, judge, rules_of
from ganeti_tw.model.filter import Filter

JOB = [
    {"OP_ID": "OP_INSTANCE_CREATE", "beparams": {"vcpus": 4}, "reason": [["gnt:user", "a rate-limit:1:x", 5]]},
    {"OP_ID": "OP_TEST_DELAY", "reason": [["gnt:client:gnt-debug", "rate-limit:3:y:z", 7]]},
]
BUCKET = ("reason", "3:y:z", 3)


def rule(action: Any, *predicates: Any, priority: int = 0, watermark: int = 10, uuid: str = "a") -> Filter:
    return Filter(uuid=uuid, watermark=watermark, priority=priority, predicates=predicates, action=action)


class FilterTests(SynchronousTestCase):
    def verdict(self, *filters: Filter, job_id: int = 12) -> Verdict:
        return judge(rules_of(filters), job_id, JOB)

    def matches(self, *predicates: Any) -> bool:
        return self.verdict(rule("REJECT", *predicates)).action == "REJECT"

    def test_without_rules_only_the_limits_of_reasons(self) -> None:
        self.assertEqual(self.verdict(), Verdict("ACCEPT", (BUCKET,)))

    def test_predicates(self) -> None:
        for good in (
            ["jobid", [">", "id", "watermark"]],
            ["jobid", ["&", ["=", "id", 12], ["!", ["<", "id", "watermark"]]]],
            ["opcode", ["=", "OP_ID", "OP_TEST_DELAY"]],
            ["opcode", [">", "beparams.vcpus", 3]],
            ["opcode", ["=~", "OP_ID", "^OP_INSTANCE_"]],
            ["reason", ["&", ["=", "source", "gnt:user"], ["=", "timestamp", 5]]],
        ):
            self.assertTrue(self.matches(good), good)
        for bad in (
            ["jobid", ["<", "id", "watermark"]],
            ["opcode", ["=", "beparams.vcpus.more", 4]],
            ["reason", ["&", ["=", "source", "gnt:user"], ["=", "timestamp", 7]]],
        ):
            self.assertFalse(self.matches(bad), bad)
        self.assertFalse(self.matches(["jobid", ["=", "id", 12]], ["jobid", ["=", "id", 13]]))

    def test_the_first_that_does_not_pass_on_decides(self) -> None:
        other = ["jobid", ["=", "id", 1]]
        self.assertEqual(
            self.verdict(
                rule("ACCEPT", priority=3, uuid="e"),
                rule("PAUSE", priority=2, watermark=11, uuid="a"),
                rule("REJECT", priority=2, watermark=10, uuid="c"),
                rule("CONTINUE", priority=1, uuid="d"),
                rule("PAUSE", other, priority=0, uuid="b"),
            ).action,
            "REJECT",
        )

    def test_a_limit(self) -> None:
        found = self.verdict(rule(["RATE_LIMIT", 2], uuid="u"), rule("REJECT", priority=1))
        self.assertEqual(found, Verdict("ACCEPT", (BUCKET, ("rule", "u", 2))))
