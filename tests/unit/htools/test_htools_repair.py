"""harep: what is allowed, what was tried, what is broken, and what is done about it."""

from __future__ import annotations

import json
from typing import Any
from unittest import TestCase

import ganeti_tw
from ganeti_tw.errors import NotMaster, WrongState
from ganeti_tw.htools.cluster import BadData
from ganeti_tw.htools.repair import Repair, limit_of, remedy, remembered, state_of
from masters import NOW, FakeMaster, World
from runs import DATA, InFolder, Outcome

P = "ganeti:watcher:autorepair:"
UUID = "00000000-0000-4000-8000-000000000001"
OTHER = "11111111-0000-4000-8000-000000000001"


class TagTests(TestCase):
    def test_the_words_are_ganetis(self) -> None:
        constants = json.loads((DATA.parent / "reference" / "constants.json").read_text())["auto_repair"]
        self.assertEqual(
            sorted(constants["AUTO_REPAIR_ALL_TYPES"]), ["failover", "fix-storage", "migrate", "reinstall"]
        )
        for kind in constants["AUTO_REPAIR_ALL_TYPES"]:
            self.assertEqual(limit_of([[P + kind]], NOW), kind)
        for result in constants["AUTO_REPAIR_ALL_RESULTS"]:
            self.assertIsNotNone(remembered(f"{P}result:failover:{UUID}:1:{result}:3"))

    def test_tags_read_back(self) -> None:
        for repair, tag in (
            (Repair("failover", UUID, 1700000000, (3, 4)), f"pending:failover:{UUID}:1700000000:3+4"),
            (Repair("reinstall", UUID, 5, (7,), "success"), f"result:reinstall:{UUID}:5:success:7"),
            (Repair("fix-storage", UUID, 5, (), "failure"), f"result:fix-storage:{UUID}:5:failure:"),
        ):
            self.assertEqual((repair.tag, remembered(P + tag)), (P + tag, repair))

    def test_tags_that_cannot_be_read(self) -> None:
        for tag in (
            "pending:odd:u:1:2",
            "pending:failover:u:x:2",
            "pending:failover:u:1:a+b",
            "pending:failover:u:1",
            "result:failover:u:1:odd:2",
            "result:failover:u:1:success",
            "failover",
            "suspend:5",
        ):
            self.assertIsNone(remembered(P + tag), tag)

    def test_the_nearest_object_that_says_anything_counts(self) -> None:
        fix, failover, reinstall = [P + "fix-storage"], [P + "failover"], [P + "reinstall"]
        for tags, limit in (
            ([[], [], []], None),
            ([["other"], [], reinstall], "reinstall"),
            ([[], failover, reinstall], "failover"),
            ([fix, failover, reinstall], "fix-storage"),
            ([reinstall + fix, [], []], "fix-storage"),
            ([[P + "suspend"], [], reinstall], None),
            ([[P + "suspend:"], [], reinstall], None),
            ([[*reinstall, P + "suspend"], [], []], None),
            ([[P + f"suspend:{int(NOW) + 1}"], [], reinstall], None),
            ([[P + f"suspend:{int(NOW) - 1}"], [], reinstall], "reinstall"),
            ([[P + f"suspend:{int(NOW) - 1}", P + f"suspend:{int(NOW) + 9}"], [], reinstall], None),
            ([[P + "suspend:tomorrow"], [], reinstall], "reinstall"),
        ):
            self.assertEqual(limit_of(tags, NOW), limit, tags)

    def state(self, *tags: str) -> tuple[str, str | None]:
        state = state_of("web1", [P + tag for tag in tags])
        return state.name, state.repair.tag.removeprefix(P) if state.repair else None

    def test_states(self) -> None:
        pending, done = f"pending:failover:{UUID}:10:3", f"result:failover:{UUID}:20:success:3"
        failed, later = f"result:failover:{UUID}:20:failure:3", f"result:failover:{OTHER}:30:failure:4"
        refused = f"result:failover:{OTHER}:40:enoperm:"
        for tags, state in (
            ([], ("Healthy", None)),
            ([pending], ("Pending repair", pending)),
            ([pending, done], ("Healthy", done)),
            ([failed], ("Failure", failed)),
            ([later, failed], ("Failure", failed)),
            ([failed, refused], ("Failure", failed)),
            ([refused], ("Healthy", refused)),
            ([refused, done], ("Healthy", refused)),
        ):
            self.assertEqual(self.state(*tags), state)

    def test_two_unfinished_repairs_are_an_error(self) -> None:
        with self.assertRaisesRegex(
            BadData, "instance web1 has the tag .*pending:failover:1.* although .*pending:failover:0"
        ):
            self.state(f"pending:failover:{UUID}:10:3", f"pending:failover:{OTHER}:20:4")

    def test_remedies(self) -> None:
        for template, primary, secondary, kind, ops in (
            ("drbd", False, False, None, []),
            ("drbd", True, False, "failover", ["FAILOVER"]),
            ("drbd", False, True, "fix-storage", ["REPLACE_DISKS"]),
            ("drbd", True, True, "reinstall", ["RECREATE_DISKS", "REINSTALL"]),
            ("plain", True, False, "reinstall", ["RECREATE_DISKS", "REINSTALL"]),
            ("plain", False, False, None, []),
            ("sharedfile", True, False, None, []),
        ):
            found = remedy("web1", template, primary_offline=primary, secondary_offline=secondary)
            self.assertEqual(found.kind if found else None, kind)
            names = [op["OP_ID"].removeprefix("OP_INSTANCE_") for op in found.ops] if found else []
            self.assertEqual(names, ops)

    def test_operations_have_parameters_that_exist(self) -> None:
        known = json.loads((DATA.parent / "reference" / "opcodes.json").read_text())["opcodes"]
        for states in ((True, False), (False, True), (True, True)):
            found = remedy("web1", "drbd", primary_offline=states[0], secondary_offline=states[1])
            assert found is not None
            for op in found.ops:
                parameters = {each["name"]: each for each in known[op["OP_ID"]]["params"]}
                self.assertEqual([name for name in op if name != "OP_ID" and name not in parameters], [])
                required = [name for name, each in parameters.items() if each["required"]]
                self.assertEqual([name for name in required if name not in op], [])


def instance(name: str, template: str, pnode: str, *snodes: str, tags: list[str] | None = None) -> dict[str, Any]:
    return {"name": name, "disk_template": template, "pnode": pnode, "snodes": list(snodes), "tags": tags or []}


class HarepTests(InFolder):
    def setUp(self) -> None:
        super().setUp()
        self.told: dict[str, Any] = {
            "group": [{"uuid": "g", "tags": []}],
            "node": [{"name": f"n{i}", "group.uuid": "g", "offline": i == 3} for i in (1, 2, 3)],
            "instance": [
                instance("web1", "drbd", "n1", "n2"),
                instance("web2", "drbd", "n3", "n1"),
                instance("web3", "drbd", "n1", "n3"),
            ],
            "info": {"tags": [P + "failover"]},
        }
        self.master = FakeMaster(self.told)
        self.master.perform = self.perform

    def perform(self, ops: list[dict[str, Any]]) -> str:
        for op in ops:
            if op["OP_ID"].startswith("OP_TAGS"):
                tags = self.tags(op["name"])
                for tag in op["tags"]:
                    (tags.append if op["OP_ID"] == "OP_TAGS_SET" else tags.remove)(tag)
        return "success"

    def tags(self, name: str) -> list[str]:
        found: list[str] = next(each["tags"] for each in self.told["instance"] if each["name"] == name)
        return found

    def harep(self, *words: str) -> Outcome:
        return self.run_tool("harep", "-L", *words, outside=World(self.master).outside())

    def names(self) -> list[list[str]]:
        return [[op["OP_ID"] for op in ops] for _, ops in self.master.jobs.values()]

    def test_broken_instances_are_repaired_and_that_is_remembered(self) -> None:
        got = self.harep()
        first, second = (
            f"{P}pending:{kind}:00000000-0000-4000-8000-00000000000{n}:1700000000:{job}"
            for n, kind, job in ((1, "failover", 1), (2, "fix-storage", 3))
        )
        self.assertEqual((got.status, got.stderr), (0, ""))
        self.assertEqual(
            got.stdout,
            "Executing failover repair on web2\n"
            f'>>> Adding the following tag to web2:\n"{first}"\n'
            "Executing fix-storage repair on web3\n"
            f'>>> Adding the following tag to web3:\n"{second}"\n'
            "---------------------\nInstance status count\n---------------------\nHealthy: 1\nPending repair: 2\n",
        )
        self.assertEqual(
            self.names(),
            [
                ["OP_TEST_DELAY", "OP_INSTANCE_FAILOVER"],
                ["OP_TAGS_SET"],
                ["OP_TEST_DELAY", "OP_INSTANCE_REPLACE_DISKS"],
                ["OP_TAGS_SET"],
            ],
        )
        self.assertEqual((self.tags("web2"), self.tags("web3")), ([first], [second]))
        version = ganeti_tw.__version__
        op = self.master.jobs[1][1][0]
        self.assertEqual(
            (op["duration"], op["comment"], op["reason"]),
            (10.0, f"automated repairs via harep {version}", [["harep", f"harep {version} called", int(NOW * 10**9)]]),
        )

        # They have not ended yet; then they have, one well and one not.
        self.assertEqual(self.harep().stdout, got.stdout[got.stdout.index("-----") :])
        self.master.jobs[1] = ("success", [])
        self.master.jobs[3] = ("error", [])
        self.told["node"][2]["offline"] = False
        got = self.harep()
        self.assertIn('Moving web2 from "Pending repair" to "Healthy"\n', got.stdout)
        self.assertIn('Moving web3 from "Pending repair" to "Failure"\n', got.stdout)
        self.assertIn(f'>>> Removing the following tags from web2:\n"{first}"\n', got.stdout)
        self.assertTrue(got.stdout.endswith("-\nFailure: 1\nHealthy: 2\n"), got.stdout)
        self.assertEqual(
            self.tags("web2"), [first.replace("pending", "result").replace(":1700000000:1", ":1700000000:success:1")]
        )

        # A failure blocks until somebody looks; an old success does not.
        self.told["node"][2]["offline"] = True
        got = self.harep()
        self.assertIn("Executing failover repair on web2\n", got.stdout)
        self.assertNotIn("web3", got.stdout)
        self.assertTrue(got.stdout.endswith("-\nFailure: 1\nHealthy: 1\nPending repair: 1\n"), got.stdout)
        self.assertEqual(len(self.tags("web2")), 1)

    def test_what_is_not_allowed_is_not_done(self) -> None:
        self.told["info"]["tags"] = []
        got = self.harep()
        self.assertEqual((got.status, self.master.jobs), (0, {}))
        self.assertTrue(got.stdout.endswith("-\nHealthy: 3\n"))
        self.tags("web2").append(P + "fix-storage")
        got = self.harep()
        self.assertIn(
            "Not performing a repair of type failover on web2 because only repairs up to fix-storage are allowed\n",
            got.stdout,
        )
        self.assertTrue(got.stdout.endswith("-\nHealthy: 2\nNeeds repair: 1\n"))
        self.assertEqual(self.names(), [["OP_TAGS_SET"]])
        self.assertEqual(self.tags("web2")[1], f"{P}result:failover:{UUID}:1700000000:enoperm:")

    def test_groups_and_instances_override_the_cluster(self) -> None:
        self.told["group"][0]["tags"] = [P + "suspend"]
        self.tags("web3").append(P + "fix-storage")
        got = self.harep("--job-delay=0", "--reason=rack down")
        self.assertEqual(self.names(), [["OP_INSTANCE_REPLACE_DISKS"], ["OP_TAGS_SET"]])
        self.assertEqual(self.master.jobs[1][1][0]["reason"][0][1], "rack down")
        self.assertTrue(got.stdout.endswith("-\nHealthy: 2\nPending repair: 1\n"))

    def test_a_dry_run_submits_nothing(self) -> None:
        got = self.harep("--dry-run", "--job-delay=0")
        self.assertEqual((got.status, self.master.jobs), (0, {}))
        jobs = [json.loads(line) for line in got.stdout.splitlines() if line.startswith("[")]
        self.assertEqual(
            [[op["OP_ID"] for op in job] for job in jobs],
            [
                ["OP_INSTANCE_FAILOVER"],
                ["OP_TAGS_SET"],
                ["OP_INSTANCE_REPLACE_DISKS"],
                ["OP_TAGS_SET"],
            ],
        )

    def test_a_refused_repair_is_a_failed_one(self) -> None:
        self.master.refused = lambda ops: (
            "there is no OP_INSTANCE_REPLACE_DISKS" if "REPLACE" in ops[-1]["OP_ID"] else None
        )
        got = self.harep()
        self.assertEqual(got.status, 0)
        self.assertIn("The repair of web3 was refused: there is no OP_INSTANCE_REPLACE_DISKS\n", got.stdout)
        self.assertEqual(
            self.tags("web3"), [f"{P}result:fix-storage:00000000-0000-4000-8000-000000000002:1700000000:failure:"]
        )
        self.assertTrue(got.stdout.endswith("-\nFailure: 1\nHealthy: 1\nPending repair: 1\n"))

    def test_a_closed_queue_records_nothing(self) -> None:
        call = self.master.call

        def closed(method: str, arguments: Any, /, *, timeout: float) -> Any:
            if method == "submit":
                raise WrongState("the job queue is drained")
            return call(method, arguments, timeout=timeout)

        self.master.call = closed  # type: ignore[method-assign]
        got = self.harep()
        self.assertEqual((got.status, got.stderr), (1, "Error: the job queue is drained\n"))
        self.assertEqual(self.tags("web2"), [])

    def test_a_tag_that_cannot_be_set_is_told_with_the_job(self) -> None:
        self.master.perform = lambda ops: "error"
        got = self.harep()
        self.assertEqual(got.status, 1)
        self.assertIn(
            "Error: job 1 repairs web2, but that could not be recorded: job 2 did not change the tags of web2: ",
            got.stderr,
        )

    def test_jobs_that_are_gone_are_no_success(self) -> None:
        self.tags("web1").append(f"{P}pending:failover:{OTHER}:5:99")
        got = self.harep()
        self.assertIn('Moving web1 from "Pending repair" to "Failure"\n', got.stdout)
        self.assertEqual(self.tags("web1"), [f"{P}result:failover:{OTHER}:1700000000:failure:99"])

    def test_tags_that_cannot_be_read_are_warned_of(self) -> None:
        self.tags("web1").append(f"{P}pending:odd")
        got = self.harep("--dry-run")
        self.assertEqual(
            got.stderr, f"Warning: the tag {P}pending:odd of web1 cannot be understood and is left alone\n"
        )

    def test_no_master(self) -> None:
        self.master.fail = NotMaster("n2 is not the master, n1 is: run the command there")
        got = self.harep()
        self.assertEqual((got.status, got.stdout), (1, ""))
        self.assertEqual(got.stderr, f"Error: failed to load data, aborting: {self.master.fail}\n")

    def test_answers_that_do_not_fit_together(self) -> None:
        self.told["instance"][0]["pnode"] = "nowhere"
        got = self.harep()
        self.assertEqual((got.status, got.stdout), (1, ""))
        self.assertIn("the master's answers do not fit together ('nowhere')", got.stderr)

    def test_arguments_are_refused(self) -> None:
        got = self.harep("web1")
        self.assertEqual((got.status, got.stderr), (1, "Error: this program doesn't take any arguments.\n"))
