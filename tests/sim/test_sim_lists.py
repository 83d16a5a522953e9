"""Every field of every resource through the front door, in good and bad times; what all lists can do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.cli.main import find, subcommands
from ganeti_tw.cli.names import SUBCOMMANDS
from ganeti_tw.testing.cluster import Cluster, Command

REFERENCE = json.loads((Path(__file__).parents[1] / "data" / "reference" / "query_fields.json").read_text())
RESOURCES = ("filter", "group", "instance", "job", "lock", "network", "node")
STATUSES = {0, 1, 2, 3, 4}
ADD = ("-t", "file", "--disk", "0:size=1G", "-o", "noop", "--no-name-check", "--no-ip-check", "--no-start")
LISTS = {
    ("gnt-instance", "list"): "GNT_INSTANCE_LIST",
    ("gnt-node", "list"): "GNT_NODE_LIST",
    ("gnt-group", "list"): "GNT_GROUP_LIST",
    ("gnt-network", "list"): None,
    ("gnt-job", "list"): None,
    ("gnt-filter", "list"): None,
    ("gnt-debug", "locks"): None,
}
UNITS = ("gnt-instance", "gnt-node")  # lists with sizes


def names_of(resource: str) -> list[str]:
    """All names, one for each index of a family."""
    found = []
    for field in REFERENCE["resources"][resource]["fields"]:
        low, high = field.get("index_range", (0, 0))
        for index in range(low, high + 1):
            found.append(field["name"].replace("/N", f"/{index}") if "index_range" in field else field["name"])
    return found


def asked(op_id: str, /, **parameters: Any) -> dict[str, Any]:
    return {"OP_ID": op_id, **parameters}


class ListCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.cluster = Cluster()
        self.done("gnt-network", "add", "--network=198.51.100.0/28", "--gateway=198.51.100.1", "net1")
        self.done("gnt-network", "connect", "-N", "mode=bridged,link=br0", "net1", "default")
        self.done("gnt-instance", "add", *ADD, "-n", "node2", "--net", "0:network=net1,ip=pool", "web1.example")
        self.done("gnt-instance", "add", *ADD, "-n", "node3", "--tags", "a,b", "web2.example")
        self.done("gnt-instance", "startup", "web1")
        self.done("gnt-filter", "add", "--action=ACCEPT", "--reason=why")
        self.hold_locks()

    def hold_locks(self) -> None:
        """A job that runs for long."""
        delay = {"OP_ID": "OP_TEST_DELAY", "duration": 9999, "on_nodes": ["node2"], "no_locks": False}
        self.cluster.call("submit", {"ops": [delay]})

    def done(self, *argv: str, code: int = 0, environ: dict[str, str] | None = None) -> Command:
        done = self.cluster.run(*argv, environ=environ)
        self.assertEqual(done.code, code, (argv, done))
        return done

    def rows(self, *argv: str, **more: Any) -> list[str]:
        return self.done(*argv, **more).out.splitlines()


class FieldTests(ListCase):
    def check_all(self, wanted: dict[str, set[int]]) -> None:
        """Every field of every resource gives one of the statuses, and a value only with the first of them."""
        for resource in RESOURCES:
            fields = names_of(resource)
            answer = self.cluster.call("query", {"what": resource, "fields": fields})
            self.assertEqual([f["name"] for f in answer["fields"]], fields)
            self.assertTrue(answer["data"], resource)
            seen = set()
            for row in answer["data"]:
                for name, (status, value) in zip(fields, row, strict=True):
                    self.assertIn(status, STATUSES - {1}, (resource, name))
                    self.assertEqual(value is None, status != 0, (resource, name, status, value))
                    seen.add(status)
                json.dumps(row, allow_nan=False)
            self.assertEqual(seen, wanted.get(resource, {0}), resource)

    def test_when_all_is_well(self) -> None:
        self.check_all({"instance": {0, 3}, "node": {0, 2, 3}, "network": {0, 3}, "lock": {0, 3}, "job": {0, 3}})

    def test_when_a_node_does_not_answer(self) -> None:
        self.cluster.hosts["node2"].kill()
        self.check_all({"instance": {0, 2, 3}, "node": {0, 2, 3}, "network": {0, 3}, "lock": {0, 3}, "job": {0, 3}})
        self.assertEqual(
            self.rows("gnt-instance", "list", "--no-headers", "--separator=|", "-o", "name,status,oper_ram"),
            ["web1.example|ERROR_nodedown|?", "web2.example|ADMIN_down|-"],
        )

    def test_when_a_node_is_offline(self) -> None:
        self.done("gnt-node", "modify", "--offline=yes", "--auto-promote", "-f", "node3")  # once the locks are free
        self.hold_locks()
        self.check_all({"instance": {0, 3, 4}, "node": {0, 2, 3, 4}, "network": {0, 3}, "lock": {0, 3}, "job": {0, 3}})
        listed = self.rows("gnt-node", "list", "--no-headers", "--separator=|", "-v", "-o", "name,mfree,role", "node3")
        self.assertEqual(listed, ["node3|(offline)|O"])

    def test_fields_are_described_by_all_list_fields(self) -> None:
        for program in ("gnt-instance", "gnt-node", "gnt-group", "gnt-network", "gnt-job", "gnt-filter"):
            resource = program.removeprefix("gnt-")
            lines = self.rows(program, "list-fields", "--separator=|")
            self.assertEqual(lines[0], "Name|Type|Title|Description")
            self.assertEqual({line.split("|")[0] for line in lines[1:]}, set(names_of(resource)))
            lines = self.rows(program, "list-fields", "--separator=|", "--no-headers", "uuid", "nosuch", code=14)
            self.assertEqual(lines[1].split("|")[:3], ["nosuch", "Unknown", "nosuch"])


class CommonTests(ListCase):
    def test_default_fields_are_the_columns(self) -> None:
        for (program, command), _ in LISTS.items():
            fields = REFERENCE["cli_default_fields"][f"{program} {command}"]
            resource = "lock" if command == "locks" else program.removeprefix("gnt-")
            described = self.cluster.call("query_fields", {"what": resource, "fields": fields})["fields"]
            titles = [f["title"] for f in described]
            self.assertEqual(self.rows(program, command, "--separator=|")[0], "|".join(titles))
            self.assertEqual(self.rows(program, command)[0].split(), titles)
            bare = self.rows(program, command, "--no-headers", "--separator=|")
            self.assertEqual(bare, self.rows(program, command, "--separator=|")[1:])
            self.assertTrue(bare, program)

    def test_more_fields_and_fields_that_are_not_there(self) -> None:
        for program, command in LISTS:
            default = len(self.rows(program, command, "--separator=|")[0].split("|"))
            shown = self.cluster.run(program, command, "--separator=|", "-o", "+nosuch")
            self.assertEqual((shown.code, "nosuch" in shown.err), (14, True), shown)
            for line in shown.out.splitlines()[1:]:
                self.assertEqual((line.split("|")[-1], len(line.split("|"))), ("??", default + 1), line)
            verbose = self.rows(program, command, "--separator=|", "-v", "-o", "nosuch", code=14)
            self.assertEqual(set(verbose), {"nosuch", "(unknown)"})

    def test_json_is_rows_by_field(self) -> None:
        for program, command in LISTS:
            found = json.loads(self.done(program, command, "--json").out)
            fields = REFERENCE["cli_default_fields"][f"{program} {command}"]
            self.assertEqual({tuple(row) for row in found}, {tuple(fields)}, program)

    def test_infos_in_json(self) -> None:
        uuid = self.rows("gnt-filter", "list", "--no-headers", "-o", "uuid")[0]
        for argv in (
            ("gnt-instance", "info", "web1"), ("gnt-instance", "info", "--all"), ("gnt-node", "info"),
            ("gnt-group", "info"), ("gnt-network", "info"), ("gnt-job", "info", "1"), ("gnt-filter", "info", uuid),
            ("gnt-cluster", "info"), ("gnt-os", "info"), ("gnt-os", "diagnose"), ("gnt-os", "list"),
        ):  # fmt: skip
            self.assertTrue(json.loads(self.done(*argv, "--json").out), argv)

    def test_units(self) -> None:
        for unit, memory in {"h": "128M", "m": "128", "g": "0.1", "t": "0.0"}.items():
            argv = ("--units", unit, "--no-headers", "-o", "be/memory", "web1")
            self.assertEqual(self.rows("gnt-instance", "list", *argv), [memory])
        self.assertEqual(
            self.rows("gnt-instance", "list", "--no-headers", "--separator=,", "-o", "be/memory", "web1"), ["128"]
        )
        self.done("gnt-node", "list", "--units", "g")
        self.done("gnt-node", "list", "--units", "x", code=2)

    def test_default_arguments_of_the_environment(self) -> None:
        for (program, command), variable in LISTS.items():
            if variable is None:
                continue
            environ = {variable: "--no-headers --separator='|' -o name"}
            expected = self.rows(program, command, "--no-headers", "--separator=|", "-o", "name")
            self.assertEqual(self.rows(program, command, environ=environ), expected)
            first = expected[0]
            self.assertEqual(self.rows(program, command, first, environ=environ), [first])
            later = self.rows(program, command, "-o", "uuid", environ=environ)
            self.assertEqual(len(later), len(expected))
            self.assertNotEqual(later, expected)
            self.done(program, command, environ={variable: "--nonsense"}, code=2)

    def test_names(self) -> None:
        for program, good in (
            ("gnt-instance", "web1"), ("gnt-node", "node1"), ("gnt-group", "default"), ("gnt-network", "net1"),
        ):  # fmt: skip
            self.assertEqual(len(self.rows(program, "list", "--no-headers", good)), 1)
            refused = self.done(program, "list", good, "nosuch", code=1)
            self.assertIn("nosuch", refused.err)
            self.assertIn("unknown_entity", refused.err)


class FilterLanguageTests(ListCase):
    CASES = (
        ('name == "web1"', ["web1.example"]),
        ('name != "web1.example"', ["web2.example"]),
        ('name = "web1" or name == "web2.example"', ["web1.example", "web2.example"]),
        ('name =~ m/^WEB[12]/i and not (pnode == "node2")', ["web2.example"]),
        ("name !~ m/^web1/", ["web2.example"]),
        ('name =* "web?.ex*"', ["web1.example", "web2.example"]),
        ('name !* "*1*"', ["web2.example"]),
        ('"a" in tags', ["web2.example"]),
        ('"a" not in tags', ["web1.example"]),
        ("admin_up", ["web1.example"]),
        ("not admin_up", ["web2.example"]),
        ("be/memory >= 128 and be/vcpus < 2", ["web1.example", "web2.example"]),
        ("be/memory > 128 or be/vcpus <= 0", []),
        ('(status == "running")', ["web1.example"]),
        ("disk.sizes == 1024", []),
        ("1024 in disk.sizes", ["web1.example", "web2.example"]),
        ("oper_ram > 0", ["web1.example"]),
        ("ctime > 0 and mtime < 99999999999", ["web1.example", "web2.example"]),
        ('name == "nobody"', []),
    )

    def test_each(self) -> None:
        for text, names in self.CASES:
            for more in ((), ("-F",)):
                if not more and not set(text) & set("=!~<>()|&"):
                    continue  # one plain word is a name
                listed = self.rows("gnt-instance", "list", "--no-headers", "-o", "name", *more, text)
                self.assertEqual(listed, names, text)

    def test_patterns_are_names_with_holes(self) -> None:
        self.assertEqual(self.rows("gnt-instance", "list", "--no-headers", "-o", "name", "*2*"), ["web2.example"])
        self.assertEqual(len(self.rows("gnt-instance", "list", "--no-headers", "web?.*")), 2)

    def test_what_cannot_be(self) -> None:
        for text in ("name ==", "name == web1", '== "x"', '("x" in', "name =~ m/(/", "name =~ m/x/q", "nosuch == 1"):
            refused = self.done("gnt-instance", "list", "-F", text, code=1)
            self.assertIn("Failure:", refused.err)
        self.assertIn("nosuch", self.done("gnt-instance", "list", "-F", "nosuch == 1", code=1).err)

    def test_jobs(self) -> None:
        jobs = len(self.rows("gnt-job", "list", "--no-headers"))
        self.assertEqual(self.rows("gnt-job", "list", "--no-headers", "-o", "id", 'status == "running"'), [str(jobs)])
        self.assertEqual(len(self.rows("gnt-job", "list", "--no-headers", "id <= 2")), 2)
        self.assertEqual(len(self.rows("gnt-job", "list", "--no-headers", "--running")), 1)
        self.assertEqual(len(self.rows("gnt-job", "list", "--no-headers", "--finished")), jobs - 1)


SHOWING = ("list", "list-fields", "list-tags", "search-tags", "info", "diagnose", "health", "locks", "actors", "ledger")
ARGUMENTS = {
    "gnt-instance info": ["web1"],
    "gnt-instance list-tags": ["web2"],
    "gnt-node list-tags": ["node1"],
    "gnt-group list-tags": ["default"],
    "gnt-network list-tags": ["net1"],
    "gnt-job info": ["1"],
    "gnt-cluster search-tags": ["."],
}


class JsonTests(ListCase):
    """Whatever only shows something can show it to programs."""

    def commands(self) -> list[tuple[str, str]]:
        return [(program, name) for program in SUBCOMMANDS for name in subcommands(program) if name in SHOWING]

    def test_every_command_that_shows_something_has_json(self) -> None:
        self.assertGreater(len(self.commands()), 25)
        for program, name in self.commands():
            command = find(program, name)
            assert command is not None
            self.assertIn("--json", (*command.options, *command.additions), f"{program} {name}")

    def test_what_they_print_is_json_and_nothing_else(self) -> None:
        for program, name in self.commands():
            arguments = ARGUMENTS.get(f"{program} {name}", [])
            shown = self.cluster.run(program, name, "--json", *arguments)
            self.assertIsInstance(json.loads(shown.out), list | dict, (program, name))


class QueryJobTests(ListCase):
    """The same questions as operations of jobs."""

    def job(self, op: dict[str, Any]) -> tuple[str, Any]:
        """Status and result of a job that asks, submitted as clients do."""
        path = Path(self.mktemp())
        path.write_text(json.dumps([op]))
        self.cluster.run("gnt-debug", "submit-job", str(path))
        row = self.cluster.call("query", {"what": "job", "fields": ["status", "opresult"]})["data"][-1]
        return row[0][1], row[1][1][0]

    def test_the_answer_is_that_of_the_front_door(self) -> None:
        for what in RESOURCES:
            key = {"filter": "uuid", "job": "id"}.get(what, "name")
            status, result = self.job(asked("OP_QUERY", what=what, fields=[key, "nosuch"]))
            self.assertEqual(status, "success")
            if what in ("job", "lock"):  # which the job itself changes
                continue
            self.assertEqual(result, self.cluster.call("query", {"what": what, "fields": [key, "nosuch"]}), what)
            _, fields = self.job(asked("OP_QUERY_FIELDS", what=what))
            self.assertEqual(fields, self.cluster.call("query_fields", {"what": what}))

    def test_filters_and_locks(self) -> None:
        op = asked("OP_QUERY", what="instance", fields=["name"], qfilter=["=", "pnode", "node2"], use_locking=True)
        status, result = self.job(op)
        self.assertEqual((status, result["data"]), ("success", [[[0, "web1.example"]]]))

    def test_what_has_no_listings_is_told_by_name(self) -> None:
        status, result = self.job(asked("OP_QUERY", what="os", fields=["name"]))
        self.assertEqual(status, "error")
        self.assertIn("nothing is known of 'os'", str(result))

    def test_values_of_the_cluster(self) -> None:
        fields = ["master_node", "drain_flag", "watcher_pause", "cluster_name"]
        self.assertEqual(
            self.job(asked("OP_CLUSTER_CONFIG_QUERY", output_fields=fields)),
            ("success", ["node1", False, None, self.cluster.config.cluster.cluster_name]),
        )
        status, result = self.job(asked("OP_CLUSTER_CONFIG_QUERY", output_fields=["nosuch"]))
        self.assertEqual((status, "there is no field nosuch" in str(result)), ("error", True))
