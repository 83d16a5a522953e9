"""``gnt-cluster verify`` and ``verify-disks``."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cli_world import World


class VerifyTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.results: dict[int, list[Any]] = {}
        numbers = iter((1, 100, 101))
        self.world.client.answers["submit"] = lambda ops: next(numbers)
        self.world.client.answers["wait"] = self.wait

    def wait(self, id: int, **_: Any) -> list[Any]:
        status, result = self.results[id]
        entries = [[1, [0, 0], "message", f"line of {id}"]] if id != 1 else []
        return [[status, [status], [result]], entries]

    def end(self, *jobs: Any, status: str = "success") -> None:
        """The first job submits as many others as there are results here."""
        numbers = list(range(2, 2 + len(jobs)))
        self.results[1] = ["success", {"jobs": [[True, n] for n in numbers]}]
        self.results |= {n: [status, result] for n, result in zip(numbers, jobs, strict=True)}

    def run_it(self, *argv: str) -> int:
        return self.world.run("gnt-cluster", *argv)


class VerifyTests(VerifyTestCase):
    def test_all_is_well(self) -> None:
        self.end(True, True)
        self.assertEqual(self.run_it("verify"), 0)
        self.assertIn("line of 2\n", self.world.out)
        self.assertIn("line of 3\n", self.world.out)

    def test_something_is_wrong(self) -> None:
        self.end(True, False, True)
        self.assertEqual(self.run_it("verify"), 1)
        self.assertIn("line of 4", self.world.out)

    def test_a_job_that_fails(self) -> None:
        self.end(["OpExecError", ["broken"]], status="error")
        self.assertEqual(self.run_it("verify"), 1)
        self.assertIn("Job 2 has failed", self.world.err)
        self.assertIn("broken", self.world.err)

    def test_a_job_that_was_refused(self) -> None:
        self.end(True)
        self.results[1][1]["jobs"].append([False, "queue full"])
        self.assertEqual(self.run_it("verify"), 1)
        self.assertIn("queue full", self.world.err)

    def test_options(self) -> None:
        self.end(True)
        argv = ("-v", "--error-codes", "--no-nplus1-mem", "--debug-simulate-errors", "-g", "g1")
        self.assertEqual(self.run_it("verify", *argv, "-I", "ENODEN1", "-I", "ENODELEDGER"), 0)
        (op,) = self.world.submitted()
        wanted = {
            "OP_ID": "OP_CLUSTER_VERIFY",
            "verbose": True,
            "error_codes": True,
            "skip_checks": ["nplusone_mem"],
            "debug_simulate_errors": True,
            "group_name": "g1",
            "ignore_errors": ["ENODEN1", "ENODELEDGER"],
        }
        self.assertEqual({k: op.get(k) for k in wanted}, wanted)

    def test_an_unknown_code_is_a_usage_error(self) -> None:
        self.assertEqual(self.run_it("verify", "-I", "ENONSENSE"), 2)

    def test_dry_run(self) -> None:
        self.results[1] = ["success", None]
        self.assertEqual(self.run_it("verify", "--dry-run"), 0)


class VerifyDisksTests(VerifyTestCase):
    def test_nothing_to_do(self) -> None:
        self.end([{}, [], {}])
        self.assertEqual(self.run_it("verify-disks", "-g", "g1"), 0)
        self.assertTrue(self.world.out.endswith("No disks need to be activated.\n"))
        self.assertEqual(self.world.submitted()[0]["group_name"], "g1")

    def test_disks_are_activated(self) -> None:
        self.end([{}, ["web1", "web2"], {}])
        self.results[100] = ["success", None]
        self.results[101] = ["error", ["OpExecError", ["no"]]]
        self.assertEqual(self.run_it("verify-disks"), 1)
        ops = [op for op in self.world.submitted() if op["OP_ID"] == "OP_INSTANCE_ACTIVATE_DISKS"]
        self.assertEqual([op["instance_name"] for op in ops], ["web1", "web2"])
        self.assertIn("Cannot activate the disks of web2", self.world.err)

    def test_missing_volumes_and_bad_nodes(self) -> None:
        self.end([{"n2": "no answer"}, ["web1"], {"web1": [["n1", "xenvg/a"], ["n2", "xenvg/b"]]}])
        self.assertEqual(self.run_it("verify-disks"), 1)
        self.assertIn("no answer", self.world.out)
        self.assertIn("\tn1 /dev/xenvg/a\n\tbroken node n2", self.world.out)
        self.assertEqual(len(self.world.submitted()), 1)
