from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cli_world import World

INSTANCES = ("web1.example.com", "web2.example.com", "db.example.com")
NODES = {
    "n1.example.com": {"pinst_list": ["web1.example.com"], "sinst_list": ["db.example.com"], "tags": ["rack1"]},
    "n2.example.com": {"pinst_list": ["db.example.com"], "sinst_list": ["web1.example.com"], "tags": []},
}


class SelectionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.world.jobs_end()
        self.world.client.answers["query"] = self.query
        self.instances = list(INSTANCES)
        self.statuses: dict[int, str] = {}

    def query(self, what: str, fields: list[str], filter: Any) -> dict[str, Any]:
        if what == "job":
            rows = [[[0, id], [0, self.statuses.get(id, "queued")]] for _, _, id in filter[1:]]
            return {"fields": [], "data": rows}
        if what == "node":
            names = [n for n in NODES if self.wanted(n, NODES[n]["tags"], filter)]
            values: list[dict[str, Any]] = [{"name": n, **NODES[n]} for n in names]
        else:
            values = [{"name": n} for n in self.instances if self.wanted(n, ["blue"] if n[0] == "w" else [], filter)]
        return {"fields": [], "data": [[[0, row[field]] for field in fields] for row in values]}

    @staticmethod
    def wanted(name: str, tags: list[str], chosen: Any) -> bool:
        if chosen is None:
            return True
        tests = {"name": lambda v: v.lower() in (name, name.split(".")[0]), "tags": lambda v: v in tags}
        return any(tests[field](value) for _, field, value in chosen[1:])

    def started(self, *argv: str) -> list[str]:
        self.code = self.world.run("gnt-instance", "startup", *argv)
        return [op["instance_name"] for op in self.world.submitted()]

    def test_one_instance_is_not_asked_about_nor_spoken_of(self) -> None:
        self.assertEqual(self.started("web1"), ["web1.example.com"])
        self.assertEqual((self.code, self.world.out, self.world.err), (0, "", ""))

    def test_several_are(self) -> None:
        terminal = self.world.typing("y\n")
        self.assertEqual(self.started("web1", "db"), ["web1.example.com", "db.example.com"])
        self.assertIn("  db.example.com\n", terminal.shown)
        self.assertEqual(
            self.world.out,
            "Submitted jobs 7, 8\n"
            "Waiting for job 7 for web1.example.com ...\n"
            "Waiting for job 8 for db.example.com ...\n",
        )

    def test_refusal_does_nothing(self) -> None:
        self.world.typing("n\n")
        self.assertEqual(self.started("web1", "db"), [])
        self.assertEqual(self.code, 1)

    def test_force_multiple_does_not_ask(self) -> None:
        self.assertEqual(self.started("--force-multiple", "web1", "web2"), list(INSTANCES[:2]))

    def test_the_modes(self) -> None:
        cases: dict[tuple[str, ...], list[str]] = {
            ("--instance", "db"): ["db.example.com"],
            ("--all",): list(INSTANCES),
            ("--tags", "blue"): ["web1.example.com", "web2.example.com"],
            ("--primary", "n1"): ["web1.example.com"],
            ("--secondary", "n1"): ["db.example.com"],
            ("--node", "n1"): ["web1.example.com", "db.example.com"],
            ("--node", "n1", "n2"): ["web1.example.com", "db.example.com"],
            ("--pri-node-tags", "rack1"): ["web1.example.com"],
            ("--sec-node-tags", "rack1", "rack9"): ["db.example.com"],
            ("--node-tags", "rack1"): ["web1.example.com", "db.example.com"],
        }
        for argv, names in cases.items():
            self.world.client.calls.clear()
            self.assertEqual(self.started("--force-multiple", *argv), names, argv)
            self.assertEqual(self.code, 0)

    def test_modes_ask_even_for_one_instance(self) -> None:
        terminal = self.world.typing("n\n")
        self.assertEqual(self.started("--primary", "n1"), [])
        self.assertIn("operate on 1 instances", terminal.shown)

    def test_nothing_named_is_wrong_input(self) -> None:
        for argv in ((), ("--node",), ("--tags",), ("--node-tags",)):
            self.assertEqual(self.started(*argv), [])
            self.assertEqual(self.code, 1)
            self.assertIn("error type: wrong_input", self.world.err)

    def test_nothing_found_is_wrong_input(self) -> None:
        self.assertEqual(self.started("--tags", "green"), [])
        self.assertIn("error type: wrong_input", self.world.err)

    def test_all_takes_no_names(self) -> None:
        self.assertEqual(self.started("--all", "web1"), [])
        self.assertIn("error type: wrong_input", self.world.err)

    def test_all_of_an_empty_cluster_is_fine(self) -> None:
        self.instances.clear()
        self.assertEqual(self.started("--all"), [])
        self.assertEqual(self.code, 0)
        self.assertIn("no instances", self.world.out)

    def test_an_unknown_name(self) -> None:
        for argv in (("web1", "web7"), ("--node", "n7"), ("web",)):
            self.assertEqual(self.started(*argv), [])
            self.assertEqual(self.code, 1)
            self.assertIn("error type: unknown_entity", self.world.err)
            self.assertIn(argv[-1], self.world.err)

    def test_submit_prints_a_line_for_each_job(self) -> None:
        self.assertEqual(self.started("--force-multiple", "--submit", "web1", "web2"), list(INSTANCES[:2]))
        self.assertEqual((self.code, self.world.out), (0, "7: web1.example.com\n8: web2.example.com\n"))
        self.assertEqual(self.world.client.asked("wait"), [])

    def test_print_jobid(self) -> None:
        self.started("--print-jobid", "web1")
        self.assertEqual(self.world.out, "7\n")

    def test_jobs_that_were_refused(self) -> None:
        self.world.client.answers["submit_many"] = [[True, 7], [False, "queue is full"]]
        self.started("--force-multiple", "web1", "web2")
        self.assertEqual(self.code, 1)
        self.assertIn("Submitted jobs 7\n", self.world.out)
        self.assertEqual(self.world.err, "Failed to submit job for web2.example.com: queue is full\n")
        self.started("--force-multiple", "--submit", "web1", "web2")
        self.assertEqual((self.code, self.world.out), (1, "7: web1.example.com\n"))
        self.assertEqual(self.world.err, "Failure for web2.example.com: queue is full\n")

    def test_a_failed_job_fails_the_command(self) -> None:
        def wait(id: int, **rest: Any) -> Any:
            return [
                ["success", ["success"], [None]] if id == 8 else ["error", ["error"], [["OpExecError", ["no"]]]],
                [],
            ]

        self.world.client.answers["wait"] = wait
        self.started("--force-multiple", "web1", "web2")
        self.assertEqual(self.code, 1)
        self.assertEqual(
            self.world.err,
            "Job 7 for web1.example.com has failed: Failure: the command could not be carried out:\nno\n",
        )

    def test_a_job_that_has_begun_is_followed_first(self) -> None:
        self.statuses = {8: "running"}
        self.started("--force-multiple", "web1", "web2", "db")
        self.assertEqual([a["id"] for a in self.world.client.asked("wait")], [8, 7, 9])

    def test_opcodes(self) -> None:
        self.world.run(
            "gnt-instance",
            "start",
            "-f",
            "--paused",
            "--no-remember",
            "--ignore-offline",
            "-H",
            "acpi=no",
            "-B",
            "memory=1g",
            "db",
        )
        self.world.run("gnt-instance", "start", "db")
        self.world.run("gnt-instance", "stop", "--timeout", "5", "db")
        self.world.run("gnt-instance", "reboot", "-t", "soft", "--ignore-secondaries", "db")
        once, plain, stop, reboot = [
            {k: v for k, v in op.items() if k not in ("reason", "debug_level", "dry_run")}
            for op in self.world.submitted()
        ]
        name = {"instance_name": "db.example.com"}
        off = dict.fromkeys(("force", "ignore_offline_nodes", "no_remember"), False)
        start = {"OP_ID": "OP_INSTANCE_STARTUP", **name}
        on = dict.fromkeys(off, True)
        self.assertEqual(
            once, {**start, **on, "startup_paused": True, "hvparams": {"acpi": False}, "beparams": {"memory": 1024}}
        )
        self.assertEqual(plain, {**start, **off, "startup_paused": False})
        self.assertEqual(stop, {"OP_ID": "OP_INSTANCE_SHUTDOWN", **name, **off, "timeout": 5})
        self.assertEqual(
            reboot,
            {
                "OP_ID": "OP_INSTANCE_REBOOT",
                **name,
                "reboot_type": "soft",
                "ignore_secondaries": True,
                "shutdown_timeout": 120,
            },
        )

    def test_the_reason_holds_the_command_as_typed(self) -> None:
        self.world.run("gnt-instance", "stop", "db")
        self.assertEqual(self.world.submitted()[0]["reason"][0][:2], ["gnt:client:gnt-instance", "stop"])
