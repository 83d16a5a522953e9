"""Opcodes that return further jobs."""

from __future__ import annotations

from typing import Any

from ganeti_tw.jobs.queue import Queue
from ganeti_tw.protocol.jobs import ListJobs, SubmitJob
from job_case import JobCase

MULTI = "OP_INSTANCE_MULTI_ALLOC"


class Small(Queue):
    largest = 1


def creation(name: str, **more: Any) -> dict[str, Any]:
    return {
        "OP_ID": "OP_INSTANCE_CREATE",
        "instance_name": name,
        "mode": "create",
        "disks": [],
        "nics": [],
        "disk_template": "diskless",
        "pnode": "n1",
        "no_install": True,
        "start": False,
        **more,
    }


class ReturnedTests(JobCase):
    def submit(self, *names: str, **common: Any) -> int:
        op = {"OP_ID": MULTI, "instances": [creation(name) for name in names], **common}
        number: int = self.result(self.queue_ref.ask(SubmitJob([op]), 70))
        self.turn(1)
        return number

    def result_of(self, number: int) -> Any:
        return self.ledger.job(number).ops[0].result

    def test_each_is_a_job_and_the_result_has_their_numbers(self) -> None:
        self.open_queue(0, [])
        number = self.submit("a.example", "b.example")
        self.assertEqual(
            self.result_of(number),
            {"jobs": [[True, 2], [True, 3]], "allocatable": ["a.example", "b.example"], "failed": []},
        )
        found = self.result(self.queue_ref.ask(ListJobs(), 10))
        self.assertEqual([r.ops[0].input["OP_ID"] for r in found], [MULTI] + ["OP_INSTANCE_CREATE"] * 2)

    def test_what_they_inherit(self) -> None:
        self.open_queue(0, [])
        self.submit("a.example", priority=-10, debug_level=1, reason=[["gnt:user", "because", 1]])
        opcode = self.ledger.job(2).ops[0].input
        self.assertEqual((opcode["priority"], opcode["debug_level"]), (-10, 1))
        self.assertEqual(opcode["comment"], f"Submitted by {MULTI}")
        self.assertEqual(
            [entry[:2] for entry in opcode["reason"]],
            [
                ["gnt:user", "because"],
                ["gnt:opcode:instance_multi_alloc", "job=1;index=0"],
                ["gnt:opcode:instance_create", "job=2;index=0"],
            ],
        )

    def test_those_that_are_not_accepted_say_why(self) -> None:
        self.open_queue(0, [], kind=Small)
        jobs = self.result_of(self.submit("a.example", "b.example"))["jobs"]
        self.assertEqual([accepted for accepted, _ in jobs], [False, False])
        self.assertIn("full", jobs[1][1])
