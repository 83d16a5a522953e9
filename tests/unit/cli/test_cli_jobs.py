from __future__ import annotations

import time
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cli_world import AT, World
from ganeti_tw.cli.jobs import log_line
from ganeti_tw.errors import BadRequest, NotFound

REMOVE = ("gnt-instance", "remove", "-f")
NS = int(AT * 1e9)


def entry(serial: int, text: Any, kind: str = "message") -> list[Any]:
    return [serial, [int(AT), 500000], kind, text]


class SubmitTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.world.jobs_end()

    def test_success_says_nothing(self) -> None:
        self.assertEqual(self.world.run(*REMOVE, "web1"), 0)
        self.assertEqual((self.world.out, self.world.err), ("", ""))

    def test_the_opcode(self) -> None:
        self.world.run(*REMOVE, "--shutdown-timeout=5", "--ignore-failures", "web1")
        self.assertEqual(
            self.world.submitted(),
            [
                {
                    "OP_ID": "OP_INSTANCE_REMOVE",
                    "instance_name": "web1",
                    "ignore_failures": True,
                    "shutdown_timeout": 5,
                    "debug_level": 0,
                    "dry_run": False,
                    "reason": [["gnt:client:gnt-instance", "remove", NS]],
                }
            ],
        )

    def test_generic_options(self) -> None:
        self.world.run(*REMOVE, "-d", "-d", "--dry-run", "--priority", "high", "--reason", "too old", "web1")
        op = self.world.submitted()[0]
        self.assertEqual((op["debug_level"], op["dry_run"], op["priority"]), (2, True, -10))
        self.assertEqual(op["reason"], [["gnt:user", "too old", NS], ["gnt:client:gnt-instance", "remove", NS]])

    def test_submit_does_not_wait(self) -> None:
        self.assertEqual(self.world.run(*REMOVE, "--submit", "web1"), 0)
        self.assertEqual((self.world.out, self.world.err), ("", "JobID: 7\n"))
        self.assertEqual(self.world.client.asked("wait"), [])

    def test_print_jobid(self) -> None:
        self.assertEqual(self.world.run(*REMOVE, "--print-jobid", "web1"), 0)
        self.assertEqual((self.world.out, self.world.err), ("7\n", ""))
        self.assertEqual(self.world.run(*REMOVE, "--submit", "--print-jobid", "web1"), 0)
        self.assertEqual((self.world.out, self.world.err), ("8\n", "JobID: 8\n"))

    def test_a_refused_submission(self) -> None:
        self.world.client.answers["submit"] = BadRequest("no such parameter")
        self.assertEqual(self.world.run(*REMOVE, "--submit", "web1"), 1)
        self.assertIn("wrong_input", self.world.err)

    def test_no_is_the_default_answer(self) -> None:
        self.assertEqual(self.world.run("gnt-instance", "remove", "web1"), 1)
        self.assertEqual(self.world.submitted(), [])
        terminal = self.world.typing("y\n")
        self.assertEqual(self.world.run("gnt-instance", "remove", "web1"), 0)
        self.assertIn("web1", terminal.shown)


class FollowTests(SynchronousTestCase):
    def follow(self, *answers: Any) -> int:
        world = self.world = World()
        world.jobs_end()
        left = list(answers)

        def wait(**arguments: Any) -> Any:
            answer = left.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        world.client.answers["wait"] = wait
        code = world.run(*REMOVE, "web1")
        self.assertEqual(left, [])
        return code

    def test_log_entries_appear_as_they_come(self) -> None:
        code = self.follow(
            [["running", ["running"], [None]], [entry(1, "one"), entry(2, {"a": 1}, "remote-import")]],
            [["success", ["success"], [None]], [entry(3, "two")]],
        )
        self.assertEqual(code, 0)
        at = time.ctime(AT)
        self.assertEqual(self.world.out, f"{at} one\n{at} {{'a': 1}}\n{at} two\n")

    def test_each_question_carries_what_is_known(self) -> None:
        running = ["running", ["running"], [None]]
        self.follow([running, [entry(4, "x")]], "nochange", [["success", ["success"], [None]], []])
        asked = self.world.client.asked("wait")
        self.assertEqual([a["previous"] for a in asked], [None, running, running])
        self.assertEqual([a["log_serial"] for a in asked], [None, 4, 4])
        self.assertEqual({a["timeout"] for a in asked}, {60})
        self.assertEqual(asked[0]["id"], 7)
        self.assertGreater(self.world.client.timeouts[-1], 60)

    def test_notices_are_given_once_for_each_state(self) -> None:
        self.follow(
            [["queued", ["queued"], [None]], []],
            "nochange",
            "nochange",
            [["waiting", ["waiting"], [None]], []],
            "nochange",
            "nochange",
            [["running", ["running"], [None]], []],
            "nochange",
            [["success", ["success"], [None]], []],
        )
        self.assertEqual(self.world.err, "Job 7 is queued and has not started yet\nJob 7 waits for its locks\n")

    def test_a_prerequisite_error_is_raised_again_as_one(self) -> None:
        self.assertEqual(
            self.follow([["error", ["error"], [["OpPrereqError", ["there is none", "unknown_entity"]]]], []]), 1
        )
        self.assertIn("error type: unknown_entity, error details:\nthere is none\n", self.world.err)

    def test_an_execution_error(self) -> None:
        self.assertEqual(self.follow([["error", ["error"], [["OpExecError", ["disk full"]]]], []]), 1)
        self.assertEqual(self.world.err, "Failure: the command could not be carried out:\ndisk full\n")

    def test_the_first_failed_opcode_counts(self) -> None:
        results = [None, "burnt", ["OpExecError", ["not run"]]]
        self.assertEqual(self.follow([["error", ["success", "error", "error"], results], []]), 1)
        self.assertIn("opcode 1 failed after others succeeded: burnt", self.world.err)

    def test_a_result_that_is_no_error_is_shown(self) -> None:
        self.follow([["error", ["error"], ["burnt"]], []])
        self.assertEqual(self.world.err, "Failure: the command could not be carried out:\nburnt\n")

    def test_an_error_without_a_failed_opcode(self) -> None:
        self.assertEqual(self.follow([["error", [], []], []]), 1)
        self.assertIn("Failure:", self.world.err)

    def test_a_canceled_job(self) -> None:
        self.assertEqual(self.follow([["canceled", ["canceled"], ["by request"]], []]), 1)
        self.assertEqual(self.world.err, "Failure: the job was canceled\n")

    def test_a_lost_job(self) -> None:
        self.assertEqual(self.follow(NotFound("there is no job 7")), 1)
        self.assertIn("there is no job 7", self.world.err)

    def test_lines_of_the_log(self) -> None:
        self.assertEqual(log_line(entry(1, " - INFO: hello")), f"{time.ctime(AT)}  - INFO: hello")
        self.assertEqual(log_line(entry(1, ["a", "b"], "message-list")), f"{time.ctime(AT)} ['a', 'b']")


class JobCommandTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.world.jobs_end()

    def test_watch(self) -> None:
        self.world.client.answers["wait"] = [["success", ["success"], [None]], [entry(1, "hello")]]
        self.assertEqual(self.world.run("gnt-job", "watch", "12"), 0)
        title = "Output from job 12 follows"
        self.assertEqual(self.world.out, f"{title}\n{'-' * len(title)}\n{time.ctime(AT)} hello\n")

    def test_watch_of_a_failed_job(self) -> None:
        self.world.jobs_end("error", ["OpExecError", ["disk full"]])
        self.assertEqual(self.world.run("gnt-job", "watch", "12"), 1)
        self.assertIn("Job 12 failed: Failure: the command could not be carried out:\ndisk full\n", self.world.err)

    def test_wait_is_silent(self) -> None:
        self.world.client.answers["wait"] = [["success", ["success"], [None]], [entry(1, "hello")]]
        self.assertEqual(self.world.run("gnt-job", "wait", "12"), 0)
        self.assertEqual((self.world.out, self.world.err), ("", ""))

    def test_wait_for_canceled_and_lost_jobs(self) -> None:
        self.world.jobs_end("canceled")
        self.assertEqual(self.world.run("gnt-job", "wait", "12"), 1)
        self.assertIn("Job 12 failed", self.world.err)
        self.world.client.answers["wait"] = NotFound("there is no job 12")
        self.assertEqual(self.world.run("gnt-job", "wait", "12"), 1)

    def test_job_numbers_are_digits(self) -> None:
        for text in ("x", "-1", "1.0", "", "٣"):
            self.assertEqual(self.world.run("gnt-job", "wait", "--", text), 1)
            self.assertIn("is not the number of a job", self.world.err)
        self.assertEqual(self.world.client.calls, [])


class CancelTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.world.client.answers["cancel"] = lambda id, kill: [id != 3, f"job {id}{' killed' if kill else ''}"]

    def listed(self) -> None:
        self.world.answer_query(
            [{"id": 4, "status": "queued", "summary": ["A", "B(x)"]}, {"id": 5, "status": "waiting", "summary": ["C"]}],
            {"id": "number", "summary": "other"},
        )

    def test_by_number(self) -> None:
        self.assertEqual(self.world.run("gnt-job", "cancel", "1", "2"), 0)
        self.assertEqual(self.world.out, "job 1\njob 2\n")

    def test_one_that_cannot_be_canceled_fails_the_command_but_not_the_others(self) -> None:
        self.assertEqual(self.world.run("gnt-job", "cancel", "1", "3", "2"), 1)
        self.assertEqual(self.world.out, "job 1\njob 3\njob 2\n")

    def test_selected_jobs_are_shown_first(self) -> None:
        self.listed()
        self.world.typing("y\n")
        self.assertEqual(self.world.run("gnt-job", "cancel", "--pending"), 0)
        self.assertEqual(self.world.out, "Id Status  Summary\n 4 queued  A,B(x)\n 5 waiting C\njob 4\njob 5\n")
        self.assertEqual(
            self.world.client.asked("query")[0]["filter"],
            ["|", ["=", "status", "canceling"], ["=", "status", "queued"], ["=", "status", "waiting"]],
        )

    def test_refusal_is_13(self) -> None:
        self.listed()
        self.assertEqual(self.world.run("gnt-job", "cancel", "--waiting"), 13)
        self.assertEqual(self.world.client.asked("cancel"), [])

    def test_force_does_not_ask(self) -> None:
        self.listed()
        self.assertEqual(self.world.run("gnt-job", "cancel", "--force", "--queued"), 0)
        self.assertEqual(self.world.out, "job 4\njob 5\n")

    def test_a_selection_and_numbers_or_neither(self) -> None:
        for argv in ((), ("--queued", "1")):
            self.assertEqual(self.world.run("gnt-job", "cancel", *argv), 1)
            self.assertIn("error type: wrong_input", self.world.err)

    def test_no_job_with_the_status(self) -> None:
        self.world.answer_query([])
        self.assertEqual(self.world.run("gnt-job", "cancel", "--queued"), 1)
        self.assertIn("error type: wrong_state", self.world.err)

    def test_kill_needs_to_be_confirmed(self) -> None:
        self.assertEqual(self.world.run("gnt-job", "cancel", "--kill", "1"), 1)
        self.assertEqual(self.world.client.calls, [])
        self.assertEqual(self.world.run("gnt-job", "cancel", "--kill", "--yes-do-it", "1"), 0)
        self.assertEqual(self.world.out, "job 1 killed\n")
