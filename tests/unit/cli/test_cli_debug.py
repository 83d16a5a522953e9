from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cli_world import World
from ganeti_tw.cli.names import ALIASES, SUBCOMMANDS
from ganeti_tw.errors import BadRequest

DELAY = {"OP_ID": "OP_TEST_DELAY", "duration": 0.0}
FAILING = {"OP_ID": "OP_TEST_DELAY", "duration": 1.0, "dry_run": True, "priority": 10}


class NotYetTests(SynchronousTestCase):
    def test_whole_programs_are_refused_by_the_names_of_their_commands(self) -> None:
        world = World()
        for program, name in (
            ("gnt-backup", "export"),
            ("gnt-storage", "diagnose"),
            ("gnt-debug", "wconfd"),
        ):
            if name in SUBCOMMANDS[program]:
                self.assertEqual(world.run(program, name, "-n", "x"), 1)
                self.assertEqual(
                    world.err, f"{program} {name} is one of Ganeti's commands that does not work here yet\n"
                )

    def test_the_help_names_them(self) -> None:
        world = World()
        self.assertEqual(world.run("gnt-storage", "--help"), 0)
        self.assertIn("\nNot working yet: diagnose, info\n", world.out)


class AllocatorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()

    def op(self, *argv: str, name: str = "iallocator") -> dict[str, Any]:
        self.world.jobs_end(result='{"success":true}\n')
        self.assertEqual(self.world.run("gnt-debug", name, *argv), 0, self.world.err)
        return self.world.submitted()[-1]

    def test_the_opcode_with_defaults(self) -> None:
        op = self.op("web1", "web2")
        del op["reason"]
        self.assertEqual(
            op,
            {
                "OP_ID": "OP_TEST_ALLOCATOR",
                "mode": "relocate",
                "direction": "in",
                "iallocator": None,
                "name": "web1",
                "instances": ["web1", "web2"],
                "memory": 128,
                "disks": [{"size": 4096, "mode": "rw"}, {"size": 4096, "mode": "rw"}],
                "disk_template": None,
                "nics": [{"mac": "00:11:22:33:44:55", "ip": None, "bridge": None}],
                "os": None,
                "vcpus": 1,
                "tags": [],
                "evac_mode": "all",
                "target_groups": [],
                "spindle_use": 1,
                "count": 2,
                "debug_level": 0,
                "dry_run": False,
            },
        )
        self.assertEqual(self.world.out, '{"success":true}\n')

    def test_an_alias(self) -> None:
        self.assertEqual(ALIASES["gnt-debug"], {"allocator": "iallocator"})
        self.assertEqual(self.op("web1", name="allocator")["OP_ID"], "OP_TEST_ALLOCATOR")

    def test_disks_nics_and_tags(self) -> None:
        op = self.op("--disks", "1g,512", "--nics", "a/192.0.2.1/br0,/b", "--tags", "x,y", "web1")
        self.assertEqual([disk["size"] for disk in op["disks"]], [1024, 512])
        self.assertEqual(
            op["nics"], [{"mac": "a", "ip": "192.0.2.1", "bridge": "br0"}, {"mac": None, "ip": "b", "bridge": None}]
        )
        self.assertEqual(op["tags"], ["x", "y"])

    def test_disks_that_are_none(self) -> None:
        self.assertEqual(self.world.run("gnt-debug", "iallocator", "--disks", "1g,q", "web1"), 1)
        self.assertIn("--disks 1g,q: 'q' is not a size", self.world.err)


class LocksTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.world.answer_query(
            [
                {"name": "cluster/BGL", "mode": "shared", "owner": ["job/5", "job/6"]},
                {
                    "name": "instance/web1",
                    "mode": "exclusive",
                    "owner": ["job/5"],
                    "pending": [["shared", ["job/6", "job/7"]], ["exclusive", ["job/8"]]],
                },
                {"name": "node/n1"},
            ],
            dict.fromkeys(("name", "mode", "owner", "pending"), "other"),
        )

    def test_the_table(self) -> None:
        self.assertEqual(self.world.run("gnt-debug", "locks"), 0)
        self.assertEqual(
            self.world.out,
            "Name          Mode      Owner       Pending\n"
            "cluster/BGL   shared    job/5,job/6 -\n"
            "instance/web1 exclusive job/5       shared:job/6,job/7, exclusive:job/8\n"
            "node/n1       -         -           -\n",
        )
        self.assertEqual(self.world.client.asked("query")[0]["what"], "lock")

    def test_again_and_again(self) -> None:
        def interrupt() -> None:
            if len(self.world.sleeps) == 2:
                raise KeyboardInterrupt

        self.world.on_sleep = interrupt
        argv = ("--interval=3", "--no-headers", "--separator=|", "-o", "name,mode")
        self.assertEqual(self.world.run("gnt-debug", "locks", *argv), 1)
        self.assertEqual(self.world.sleeps, [3, 3])
        once = "cluster/BGL|shared\ninstance/web1|exclusive\nnode/n1|-\n"
        self.assertEqual(self.world.out, f"{once}\n{once}\n")

    def test_unknown_fields_end_it(self) -> None:
        self.assertEqual(self.world.run("gnt-debug", "locks", "--interval=3", "-o", "name,frob"), 14)
        self.assertEqual(self.world.sleeps, [])

    def test_an_interval_without_length(self) -> None:
        self.assertEqual(self.world.run("gnt-debug", "locks", "--interval=0"), 1)
        self.assertIn("at least 1 second", self.world.err)

    def test_json(self) -> None:
        self.assertEqual(self.world.run("gnt-debug", "locks", "--json"), 0)
        self.assertEqual(
            json.loads(self.world.out)[2], {"name": "node/n1", "mode": None, "owner": None, "pending": None}
        )


class SubmitJobTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.world.jobs_end()
        self.world.answer_query([{"id": 7, "status": "success"}], {})
        self.one = self.file([DELAY])
        self.two = self.file([DELAY, FAILING])

    def file(self, content: Any) -> str:
        path = Path(self.mktemp())
        path.write_text(json.dumps(content), encoding="utf-8")
        return str(path)

    def jobs(self) -> list[int]:
        """How many opcodes each submitted job has."""
        together = [len(job) for call in self.world.client.asked("submit_many") for job in call["jobs"]]
        return together + [len(call["ops"]) for call in self.world.client.asked("submit")]

    def test_a_job_for_each_file(self) -> None:
        self.assertEqual(self.world.run("gnt-debug", "submit-job", self.one, self.two), 0)
        self.assertEqual(self.jobs(), [1, 2])
        self.assertEqual(len(self.world.client.asked("submit_many")), 1)
        self.assertEqual(self.world.out, "")
        op = self.world.submitted()[0]
        self.assertEqual(op["reason"][-1][:2], ["gnt:client:gnt-debug", "submit-job"])

    def test_repeated(self) -> None:
        self.world.run("gnt-debug", "submit-job", "--op-repeat=3", "--job-repeat=2", self.one, self.two)
        self.assertEqual(self.jobs(), [3, 6, 3, 6])

    def test_each_opcode_a_job(self) -> None:
        self.assertEqual(self.world.run("gnt-debug", "submit-job", "--each", "--op-repeat=2", self.two), 0)
        self.assertEqual(self.jobs(), [1, 1, 1, 1])
        self.assertEqual(len(self.world.client.asked("submit")), 4)

    def test_one_of_each_that_is_refused_does_not_stop_the_others(self) -> None:
        def submit(ops: list[dict[str, Any]]) -> int:
            if ops[0]["duration"]:
                raise BadRequest("too long")
            return 7

        self.world.client.answers["submit"] = submit
        self.assertEqual(self.world.run("gnt-debug", "submit-job", "--each", "--op-repeat=2", self.two), 1)
        self.assertEqual(self.world.err, "Failed to submit job: too long\n" * 2)
        self.assertEqual(len(self.world.client.asked("wait")), 2)

    def test_options_count_more_than_the_file_when_given(self) -> None:
        self.world.run("gnt-debug", "submit-job", self.two)
        given = self.world.submitted()
        self.assertEqual([op.get("priority") for op in given], [None, 10])
        self.assertEqual([op.get("dry_run") for op in given], [None, True])
        self.world.client.calls.clear()
        self.world.run("gnt-debug", "submit-job", "--dry-run", "--priority=normal", self.two)
        self.assertEqual([(op["priority"], op["dry_run"]) for op in self.world.submitted()], [(0, True)] * 2)

    def test_failed_jobs(self) -> None:
        self.world.jobs_end("error", "no")
        self.assertEqual(self.world.run("gnt-debug", "submit-job", "-v", self.one), 1)
        self.assertEqual(self.world.out, "Submitted jobs 7\nWaiting for job 7 ...\n")
        self.assertIn("Job 7 has failed: ", self.world.err)

    def test_timing(self) -> None:
        self.world.run("gnt-debug", "submit-job", "--timing-stats", self.one, self.two)
        self.assertEqual(
            self.world.out,
            "Loading...\nSubmitting...\nExecuting...\n"
            "C:op        3\nC:job       2\nT:submit 0.0000\nT:exec   0.0000\nT:total  0.0000\n",
        )

    def test_files_that_are_no_opcodes(self) -> None:
        bad = Path(self.mktemp())
        bad.write_text("[", encoding="utf-8")
        for path in ("/nowhere", str(bad), self.file({}), self.file([]), self.file([1])):
            self.assertEqual(self.world.run("gnt-debug", "submit-job", self.one, path), 1, path)
            self.assertIn(path, self.world.err)
        self.assertEqual(self.world.submitted(), [])

    def test_no_repetition_at_all(self) -> None:
        for option in ("--op-repeat", "--job-repeat"):
            self.assertEqual(self.world.run("gnt-debug", "submit-job", f"{option}=0", self.one), 1)
            self.assertIn(f"{option} must be at least 1", self.world.err)
