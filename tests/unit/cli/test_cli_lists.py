from __future__ import annotations

import json
import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cli_samples import expected
from cli_world import World, answer
from ganeti_tw.cli import table
from ganeti_tw.cli.filters import from_arguments
from ganeti_tw.errors import BadRequest

KINDS = {
    "name": "text",
    "oper_ram": "unit",
    "pinst_cnt": "number",
    "admin_up": "bool",
    "ctime": "timestamp",
    "tags": "other",
}
ROWS = [
    {"name": "web1", "status": "running", "oper_ram": 16, "admin_up": True, "tags": ["a", "b"], "ctime": 86400.9},
    {"name": "web10", "status": "ADMIN_down", "oper_ram": (3, None), "admin_up": False, "tags": [], "ctime": 0},
    {"name": "db", "status": (2, None), "oper_ram": 131072, "admin_up": (4, None), "tags": ["x"], "ctime": (3, None)},
]


class ListTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.world.answer_query(ROWS, KINDS)

    def listed(self, *argv: str) -> str:
        self.code = self.world.run("gnt-instance", "list", *argv)
        return self.world.out

    def test_columns_are_as_wide_as_needed_and_numbers_stand_right(self) -> None:
        self.assertEqual(
            self.listed("-o", "name,oper_ram,status"),
            "Name  Oper_ram Status\nweb1       16M running\nweb10        - ADMIN_down\ndb      128.0G ?\n",
        )
        self.assertEqual(self.code, 0)

    def test_a_last_column_of_numbers_stands_right_too(self) -> None:
        self.assertEqual(
            self.listed("-o", "name,oper_ram"), "Name  Oper_ram\nweb1       16M\nweb10        -\ndb      128.0G\n"
        )

    def test_no_headers(self) -> None:
        self.assertEqual(
            self.listed("--no-headers", "-o", "name,oper_ram"), "web1     16M\nweb10      -\ndb    128.0G\n"
        )

    def test_a_separator_means_bare_values_in_mib(self) -> None:
        self.assertEqual(
            self.listed("--separator=|", "-o", "name,oper_ram"), "Name|Oper_ram\nweb1|16\nweb10|-\ndb|131072\n"
        )
        self.assertEqual(
            self.listed("--separator", "", "--no-headers", "-o", "name,oper_ram"), "web116\nweb10-\ndb131072\n"
        )

    def test_units(self) -> None:
        for unit, text in {"h": "128.0G", "m": "131072", "g": "128.0", "t": "0.1"}.items():
            self.assertTrue(
                self.listed("--units", unit, "-o", "oper_ram").endswith(f" {text}\n" if unit != "m" else text + "\n")
            )
        self.assertIn("|128.0G\n", self.listed("--separator=|", "--units=h", "-o", "name,oper_ram"))

    def test_words_for_missing_values(self) -> None:
        fields = "status,admin_up,ctime"
        self.assertTrue(self.listed("-o", fields, "--separator=:").endswith("\n?:*:-\n"))
        self.assertTrue(self.listed("-o", fields, "--separator=:", "-v").endswith("\n(nodata):(offline):(unavail)\n"))

    def test_kinds(self) -> None:
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(86400))
        self.assertIn(f"\nY|{at}|a,b\n", self.listed("--separator=|", "-o", "admin_up,ctime,tags"))

    def test_default_fields_and_additions(self) -> None:
        self.listed()
        self.listed("-o", "+tags,admin_up")
        default = ["name", "hypervisor", "os", "pnode", "status", "oper_ram"]
        self.assertEqual(
            [call["fields"] for call in self.world.client.asked("query")], [default, [*default, "tags", "admin_up"]]
        )

    def test_unknown_fields_are_told_and_give_14(self) -> None:
        self.assertEqual(self.listed("-o", "name,foo,bar"), "Name  Foo Bar\nweb1  ??  ??\nweb10 ??  ??\ndb    ??  ??\n")
        self.assertEqual(self.code, 14)
        self.assertEqual(self.world.err, "Warning: there are no fields called foo, bar\n")
        self.assertIn("(unknown)", self.listed("-v", "-o", "foo"))

    def test_json(self) -> None:
        found = json.loads(self.listed("--json", "-o", "name,oper_ram,tags"))
        self.assertEqual(found[1], {"name": "web10", "oper_ram": None, "tags": []})
        self.assertEqual(self.code, 0)
        self.assertEqual(json.loads(self.listed("--json", "-o", "foo")), [{"foo": None}] * 3)
        self.assertEqual(self.code, 14)

    def test_an_empty_list_is_the_header(self) -> None:
        self.world.answer_query([], KINDS)
        self.assertEqual(self.listed("-o", "name,oper_ram"), "Name Oper_ram\n")
        self.assertEqual(self.listed("--no-headers", "-o", "name"), "")

    def test_names_become_a_filter(self) -> None:
        self.listed("web1", "db")
        self.assertEqual(
            self.world.client.asked("query")[0]["filter"], ["|", ["=", "name", "web1"], ["=", "name", "db"]]
        )

    def test_a_forced_filter_is_one_argument(self) -> None:
        for argv in ((), ("a", "b")):
            self.listed("-F", *argv)
            self.assertEqual(self.code, 1)
            self.assertIn("error type: wrong_input", self.world.err)

    def test_a_filter_that_cannot_be_read(self) -> None:
        self.listed("name ==")
        self.assertEqual(self.code, 1)
        self.assertIn("Failure:", self.world.err)
        self.assertEqual(self.world.client.calls, [])

    def test_nodes(self) -> None:
        self.world.answer_query([{"name": "n1", "pinst_list": ["web1", "db"], "pinst_cnt": 2}], KINDS)
        self.assertEqual(self.world.run("gnt-node", "list", "--no-headers", "-o", "name,pinst_list,pinst_cnt"), 0)
        self.assertEqual(self.world.out, "n1 web1,db 2\n")
        self.world.run("gnt-node", "list")
        self.assertEqual(
            self.world.client.asked("query")[1],
            {
                "what": "node",
                "fields": ["name", "dtotal", "dfree", "mtotal", "mnode", "mfree", "pinst_cnt", "sinst_cnt"],
                "filter": None,
            },
        )


class JobListTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.world.answer_query(
            [
                {"id": 9, "status": "success", "summary": ["A", "B(x)"], "archived": True, "opstart": [[86400, 5]]},
                {"id": 10, "status": "queued", "summary": ["C"], "archived": False, "opstart": [None]},
            ],
            {"id": "number", "archived": "bool", "summary": "other", "opstart": "other"},
        )

    def filter_of(self, *argv: str) -> Any:
        self.code = self.world.run("gnt-job", "list", *argv)
        return self.world.client.asked("query")[-1]["filter"]

    def test_default(self) -> None:
        self.assertIsNone(self.filter_of())
        self.assertEqual(self.world.out, "Id Status  Summary\n 9 success A,B(x)\n10 queued  C\n")

    def test_archived_adds_a_column_and_a_mark(self) -> None:
        self.filter_of("--archived", "--no-headers")
        self.assertEqual(self.world.out, " 9 success (archived) A,B(x) Y\n10 queued             C      N\n")

    def test_times_of_opcodes(self) -> None:
        self.filter_of("-o", "opstart", "--no-headers")
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(86400))
        self.assertEqual(self.world.out, f"['{at}.000005']\n['?']\n")

    def test_numbers_and_statuses(self) -> None:
        ids = ["|", ["=", "id", 3], ["=", "id", 4]]
        error = ["|", ["=", "status", "error"]]
        self.assertEqual(self.filter_of("3", "4"), ids)
        self.assertEqual(self.filter_of("--error"), error)
        self.assertEqual(self.filter_of("--error", "3", "4"), ["&", ids, error])

    def test_a_name_is_no_number(self) -> None:
        self.world.run("gnt-job", "list", "web1")
        self.assertIn("'web1' is not the number of a job", self.world.err)

    def test_json(self) -> None:
        self.filter_of("--archived", "--json", "-o", "id,status")
        self.assertEqual(json.loads(self.world.out)[0], {"id": 9, "status": "success", "archived": True})


class ListFieldsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.world.client.answers["query_fields"] = {
            "fields": [
                {"name": "name", "title": "Instance", "kind": "text", "doc": "Its name"},
                {"name": "be/maxmem", "title": "ConfigMaxMem", "kind": "unit", "doc": "Most memory"},
            ]
        }

    def test_table(self) -> None:
        self.assertEqual(self.world.run("gnt-instance", "list-fields"), 0)
        self.assertEqual(
            self.world.out,
            "Name      Type         Title        Description\n"
            "name      Text         Instance     Its name\n"
            "be/maxmem Storage size ConfigMaxMem Most memory\n",
        )
        self.assertEqual(self.world.client.calls, [("query_fields", {"what": "instance", "fields": None})])

    def test_some_fields(self) -> None:
        self.world.run("gnt-job", "list-fields", "--no-headers", "--separator", ";", "id", "status")
        self.assertEqual(self.world.client.calls, [("query_fields", {"what": "job", "fields": ["id", "status"]})])
        self.assertIn("be/maxmem;Storage size;ConfigMaxMem;Most memory\n", self.world.out)

    def test_unknown_fields(self) -> None:
        self.world.client.answers["query_fields"] = {
            "fields": [{"name": "foo", "title": "foo", "kind": "unknown", "doc": "Unknown"}]
        }
        self.assertEqual(self.world.run("gnt-node", "list-fields", "foo"), 14)
        self.assertIn("foo", self.world.err)

    def test_json(self) -> None:
        self.world.run("gnt-node", "list-fields", "--json")
        self.assertEqual(json.loads(self.world.out)[0]["title"], "Instance")


class FilterTests(SynchronousTestCase):
    def made(self, *arguments: str, force: bool = False) -> Any:
        return from_arguments(arguments, force=force, name_field="name")

    def test_nothing(self) -> None:
        self.assertIsNone(self.made())

    def test_names_and_globs(self) -> None:
        op, name, glob = self.made("web1", "db*")
        self.assertEqual((op, name, glob[:2]), ("|", ["=", "name", "web1"], ["=~", "name"]))
        self.assertRegex("db7.example.com", glob[2])
        self.assertNotRegex("web7.example.com", glob[2])

    def test_one_argument_with_operators_is_a_filter(self) -> None:
        self.assertEqual(self.made('name == "web1"')[1:], ["name", "web1"])

    def test_several_arguments_are_names(self) -> None:
        self.assertEqual(self.made("a b", "c"), ["|", ["=", "name", "a b"], ["=", "name", "c"]])

    def test_a_plain_word_can_be_forced_to_be_a_filter(self) -> None:
        self.assertEqual(self.made("admin_up", force=True), ["?", "admin_up"])

    def test_force_needs_one_argument(self) -> None:
        self.assertRaises(BadRequest, self.made, force=True)


class FormatTests(SynchronousTestCase):
    def test_sizes(self) -> None:
        cases = {0: "0M", 16: "16M", 1023: "1023M", 1024: "1.0G", 1536: "1.5G", 1048575: "1024.0G", 1048576: "1.0T"}
        self.assertEqual({mib: table.size(mib, "h") for mib in cases}, cases)

    def test_times(self) -> None:
        self.assertEqual(table.timestamp(None), "N/A")
        self.assertRegex(table.split_timestamp([86400, 7]), r"^1970-01-0[12] \d\d:\d\d:\d\d\.000007$")
        for value in (None, [], [1], "12", [1, None]):
            self.assertEqual(table.split_timestamp(value), "?")

    def test_selected_fields(self) -> None:
        self.assertEqual(table.chosen_fields(None, ("a", "b")), ["a", "b"])
        self.assertEqual(table.chosen_fields("c", ("a", "b")), ["c"])
        self.assertEqual(table.chosen_fields("+c,d", ("a", "b")), ["a", "b", "c", "d"])

    @settings(max_examples=40)
    @given(st.lists(st.tuples(st.text("abc -", max_size=9), st.text("xyz", min_size=1, max_size=9)), max_size=9))
    def test_lines_never_end_in_padding(self, rows: list[tuple[str, str]]) -> None:
        for line in table.lines(rows, table.plain_columns(("T", "U")), headers=True, separator=None):
            self.assertFalse(line.endswith(" "))


class RealOutputTests(SynchronousTestCase):
    """The three instances of the samples."""

    COMMON = {"hypervisor": "fake", "pnode": "ref1.ref.example"}
    ROWS = [
        {"name": "inst1.ref.example", "os": "noop+default", "status": "running", "oper_ram": 16, **COMMON},
        {"name": "inst2.ref.example", "os": "noop+other", "status": "ADMIN_down", "oper_ram": (3, None), **COMMON},
        {"name": "inst3.ref.example", "os": "noop+default", "status": "running", "oper_ram": 128, **COMMON},
    ]
    TITLES = {
        "name": "Instance",
        "hypervisor": "Hypervisor",
        "os": "OS",
        "pnode": "Primary_node",
        "status": "Status",
        "oper_ram": "Memory",
        "foo": "foo",
    }

    def listed(self, *argv: str) -> str:
        world = World()

        def query(what: str, fields: list[str], filter: Any) -> dict[str, Any]:
            found = answer(fields, self.ROWS, {"oper_ram": "unit"})
            for field in found["fields"]:
                field["title"] = self.TITLES[field["name"]]
            return found

        world.client.answers["query"] = query
        world.run("gnt-instance", "list", *argv)
        return world.out

    def test_as_the_real_one(self) -> None:
        self.assertEqual(self.listed(), expected("gnt-instance list"))

    def test_with_an_unknown_field(self) -> None:
        self.assertEqual(self.listed("-o", "+foo"), expected("gnt-instance list -o +foo"))
