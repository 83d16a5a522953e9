"""Jobs that hbal submits, and how it goes on from their ends."""

from __future__ import annotations

from typing import Any

import ganeti_tw
from ganeti_tw.errors import Expired
from ganeti_tw.htools.text import parse
from masters import NOW, FakeMaster, World, told
from runs import DATA, InFolder, Outcome


class RunningTests(InFolder):
    def setUp(self) -> None:
        super().setUp()
        self.master = FakeMaster(told(parse((DATA / "three-nodes.data").read_text())))
        self.world = World(self.master)

    def hbal(self, *words: str) -> Outcome:
        return self.run_tool("hbal", "-L", "-X", *words, outside=self.world.outside())

    def moves(self) -> list[list[tuple[Any, ...]]]:
        """Operation, instance and target of each job."""
        return [
            [(op["OP_ID"], op["instance_name"], op.get("remote_node", op.get("target_node"))) for op in ops]
            for _, ops in self.master.jobs.values()
        ]

    def test_moves_are_submitted_set_by_set(self) -> None:
        got = self.hbal()
        self.assertEqual((got.status, got.stderr), (0, ""))
        replace, migrate = "OP_INSTANCE_REPLACE_DISKS", "OP_INSTANCE_MIGRATE"
        db1, web1, gamma, beta = (f"{name}.lab.example" for name in ("db1", "web1", "gamma", "beta"))
        self.assertEqual(
            self.moves(),
            [[(replace, db1, gamma), (migrate, db1, None)], [(replace, web1, gamma)], [(replace, db1, beta)]],
        )
        self.assertEqual(self.master.batches, [[1], [2], [3]])
        self.assertTrue(
            got.stdout.endswith("Solution length=3\nGot job IDs 1\nGot job IDs 2\nGot job IDs 3\n"), got.stdout
        )

    def test_the_operations_say_who_and_why(self) -> None:
        self.hbal("-l", "1", "--reason", "a hot node", "--priority", "high")
        version = ganeti_tw.__version__
        op = self.master.jobs[1][1][1]
        self.assertEqual(
            op,
            {
                "OP_ID": "OP_INSTANCE_MIGRATE",
                "instance_name": "db1.lab.example",
                "allow_runtime_changes": False,
                "ignore_ipolicy": False,
                "cleanup": False,
                "allow_failover": True,
                "ignore_hvversions": True,
                "comment": f"rebalancing via hbal {version}",
                "reason": [["hbal", "a hot node", int(NOW * 10**9)]],
                "priority": -10,
            },
        )
        self.master.jobs.clear()
        self.hbal("-l", "1")
        op = self.master.jobs[1][1][0]
        self.assertEqual((op["reason"][0][1], op.get("priority")), (f"hbal {version} called", None))

    def test_the_first_set_alone(self) -> None:
        self.assertEqual(self.hbal("--first-job-group").status, 0)
        self.assertEqual(len(self.master.jobs), 1)

    def test_a_failed_job_stops_everything(self) -> None:
        self.master.perform = lambda ops: "error" if ops[0]["instance_name"].startswith("web1") else "success"
        got = self.hbal()
        self.assertEqual((got.status, len(self.master.jobs)), (1, 2))
        self.assertIn("Error: hbal: 1 of 1 jobs did not succeed, nothing more is done:\n  job 2 for web1: ", got.stderr)
        self.assertIn("it broke", got.stderr)

    def test_a_cancelled_job_stops_everything(self) -> None:
        self.master.perform = lambda ops: "canceled"
        got = self.hbal()
        self.assertEqual((got.status, len(self.master.jobs)), (1, 1))
        self.assertIn("it was canceled", got.stderr)

    def test_a_refused_job_stops_everything_after_its_set(self) -> None:
        self.master.refused = lambda ops: "no such operation" if ops[0]["instance_name"].startswith("web1") else None
        got = self.hbal()
        self.assertEqual((got.status, len(self.master.jobs)), (1, 1))
        self.assertIn("nothing more is done:\n  web1: no such operation\n", got.stderr)

    def test_a_job_that_is_gone(self) -> None:
        self.master.before_wait = lambda job: self.master.jobs.clear()
        got = self.hbal()
        self.assertEqual(got.status, 1)
        self.assertEqual(got.stderr, "Error: hbal: there is no job 1; jobs 1 may go on, see gnt-job list\n")

    def test_a_master_that_falls_silent(self) -> None:
        def fall_silent(job: int) -> None:
            raise Expired("no answer within 150 s")

        self.master.before_wait = fall_silent
        got = self.hbal()
        self.assertEqual(got.status, 1)
        self.assertEqual(got.stderr, "Error: hbal: no answer within 150 s; jobs 1 may go on, see gnt-job list\n")

    def test_an_interrupt_lets_the_set_end(self) -> None:
        asked: list[int] = []

        def interrupt(job: int) -> None:
            if not asked:
                asked.append(job)
                self.world.interrupt()

        self.master.before_wait = interrupt
        got = self.hbal()
        self.assertEqual((got.status, got.stderr), (0, ""))
        self.assertEqual([status for status, _ in self.master.jobs.values()], ["success"])
        self.assertTrue(
            got.stdout.endswith(
                "Got job IDs 1\n"
                "Cancel request registered, will exit at the end of the current job set...\n"
                "Exiting early due to user request, 2 jobset(s) remaining.\n"
            ),
            got.stdout,
        )

    def test_a_second_interrupt_ends_at_once(self) -> None:
        self.master.before_wait = lambda job: self.world.interrupt()
        got = self.hbal()
        self.assertEqual((got.status, got.stderr), (2, ""))
        self.assertEqual([status for status, _ in self.master.jobs.values()], ["queued"])
        self.assertIn("jobs 1 may go on", got.stdout.splitlines()[-1])

    def test_a_request_to_end_is_obeyed_at_once(self) -> None:
        self.master.before_wait = lambda job: self.world.terminate()
        got = self.hbal()
        self.assertEqual((got.status, len(self.master.jobs)), (2, 1))
        self.assertNotIn("Cancel request registered", got.stdout)

    def test_nothing_to_do_submits_nothing(self) -> None:
        self.assertEqual(self.hbal("-e", "100").status, 0)
        self.assertEqual(self.master.jobs, {})

    def test_only_a_master_can_be_told_to_run_them(self) -> None:
        got = self.run_tool("hbal", "-t", "three-nodes.data", "-X", outside=self.world.outside())
        self.assertEqual((got.status, self.master.jobs), (1, {}))
        self.assertIn("Error: hbal: Execution of commands possible only on LUXI", got.stderr)


class SqueezeTests(InFolder):
    def squeeze(self, *words: str) -> tuple[Outcome, FakeMaster]:
        master = FakeMaster(told(parse((DATA / "squeeze.data").read_text())))
        return self.run_tool("hsqueeze", "-L", "-X", *words, outside=World(master).outside()), master

    def test_nodes_are_emptied_tagged_and_switched_off(self) -> None:
        got, master = self.squeeze()
        self.assertEqual((got.status, got.stderr), (0, ""))
        self.assertEqual(master.batches, [[1], [2], [3, 4, 5], [6]])
        jobs = [ops for _, ops in master.jobs.values()]
        self.assertEqual(
            [(o[0]["OP_ID"], o[0]["instance_name"], o[0]["target_node"]) for o in jobs[:2]],
            [
                ("OP_INSTANCE_MIGRATE", "k3", "p1"),
                ("OP_INSTANCE_MIGRATE", "k4", "p1"),
            ],
        )
        version = ganeti_tw.__version__
        why = {
            "comment": f"squeezing via hsqueeze {version}",
            "reason": [["hsqueeze", f"hsqueeze {version} called", int(NOW * 10**9)]],
        }
        self.assertEqual(
            list(jobs[2:5]),
            [
                [{"OP_ID": "OP_TAGS_SET", "kind": "node", "tags": ["htools:standby:auto"], "name": name, **why}]
                for name in ("p2", "p3", "p4")
            ],
        )
        self.assertEqual([op["OP_ID"] for op in jobs[5]], ["OP_NODE_SET_PARAMS"] * 3 + ["OP_OOB_COMMAND"])
        self.assertEqual(
            [(op["node_name"], op["offline"]) for op in jobs[5][:3]], [("p2", True), ("p3", True), ("p4", True)]
        )
        power = jobs[5][3]
        self.assertEqual(
            (power["node_names"], power["command"], power["timeout"], power["power_delay"]),
            (["p2", "p3", "p4"], "power-off", 60, 2.0),
        )

    def test_nodes_are_switched_on_before_anything_moves(self) -> None:
        got, master = self.squeeze("--minimal-resources=7", "--target-resources=7.5")
        self.assertEqual((got.status, got.stderr), (0, ""))
        power, mark = master.jobs[1][1]
        self.assertEqual(
            (power["OP_ID"], power["command"], power["node_names"]), ("OP_OOB_COMMAND", "power-on", ["p5"])
        )
        self.assertEqual((mark["OP_ID"], mark["node_name"], mark["offline"]), ("OP_NODE_SET_PARAMS", "p5", False))

    def test_a_move_that_fails_leaves_the_nodes_on(self) -> None:
        master = FakeMaster(told(parse((DATA / "squeeze.data").read_text())))
        master.perform = lambda ops: "error"
        got = self.run_tool("hsqueeze", "-L", "-X", outside=World(master).outside())
        self.assertEqual((got.status, len(master.jobs)), (1, 1))
        self.assertIn("Error: hsqueeze: 1 of 1 jobs did not succeed", got.stderr)
