"""Loads by what monitoring daemons report.  The figures are those of Ganeti's own hbal on the same files."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ganeti_tw.cli.htools.outside import Outside
from ganeti_tw.htools.cluster import BadData
from runs import InFolder, Outcome

NODES = ("alpha.lab.example", "beta.lab.example", "gamma.lab.example")
LOADS = (3.0, 0.5, 1.0)
DOMAINS: tuple[dict[str, Any], ...] = (
    {"web1.lab.example": 0.5, "db1.lab.example": 1.5, "web2.lab.example": 2.0, "stranger": 9.0},
    {"test.lab.example": 0.25, "mail.lab.example": 0.1},
    {},
)


def report(name: str, data: Any) -> dict[str, Any]:
    return {
        "name": name,
        "version": "B",
        "format_version": 1,
        "timestamp": 1,
        "category": None,
        "kind": 0,
        "data": data,
    }


def of_nodes(loads: tuple[float, ...] = LOADS) -> list[dict[str, Any]]:
    return [report("cpu-avg-load", {"cpu_number": 4, "cpus": [load / 4] * 4, "cpu_total": load}) for load in loads]


class Case(InFolder):
    def file(self, reports: list[dict[str, Any]]) -> str:
        pairs = zip(NODES, reports, strict=False)
        return self.write("mond.json", json.dumps([{"node": node, "reports": [each]} for node, each in pairs]))

    def hbal(self, *words: str, outside: Outside | None = None, data: str = "three-nodes.data") -> Outcome:
        return self.run_tool("hbal", "-t", data, "-l0", "-p", *words, outside=outside)

    def assert_loads(self, done: Outcome, score: str, *loads: str) -> None:
        self.assertEqual(done.status, 0, done)
        self.assertIn(f"Initial score: {score}\n", done.stdout)
        lines = [line.split() for line in done.stderr.splitlines()]
        shown = [line[-4] for line in lines if line and line[0] in ("alpha", "beta", "gamma")]
        self.assertEqual(shown[-3:], list(loads))


class FileTests(Case):
    def test_nodes(self) -> None:
        done = self.hbal("--mond", "--mond-data", self.file(of_nodes()))
        self.assert_loads(done, "6.31363960", "3.000", "0.500", "1.000")

    def test_what_a_node_uses_itself_stays_when_instances_move(self) -> None:
        done = self.run_tool("hbal", "-t", "three-nodes.data", "-p", "--mond", "--mond-data", self.file(of_nodes()))
        self.assertIn("1. db1  alpha:beta  => gamma:alpha   3.11449628 a=r:gamma f", done.stdout)
        self.assertIn("improved from 6.31363960 to 2.49060915", done.stdout)
        self.assertIn(" 1.667 2.000 3.000 2.000", done.stderr)

    def test_domains(self) -> None:
        name = self.file([report("xen-cpu-avg-load", data) for data in DOMAINS])
        done = self.hbal("--mond", "--mond-xen", "--mond-data", name)
        self.assert_loads(done, "7.04229106", "4.000", "0.350", "0.000")

    def test_a_domain_in_two_answers_counts_in_the_first(self) -> None:
        first, second, third = DOMAINS
        loads = ({**first, "mail.lab.example": 0.1}, {**second, "mail.lab.example": 0.5}, third)
        name = self.file([report("xen-cpu-avg-load", data) for data in loads])
        self.assert_loads(
            self.hbal("--mond", "--mond-xen", "--mond-data", name), "7.04229106", "4.000", "0.350", "0.000"
        )

    def test_hinfo_knows_it_too(self) -> None:
        done = self.run_tool("hinfo", "-t", "three-nodes.data", "--mond", "--mond-data", self.file(of_nodes()))
        self.assertIn("Cluster score: 6.31363960", done.stdout)

    def test_a_file_alone_changes_nothing_nor_does_it_when_loads_are_ignored(self) -> None:
        name = self.file(of_nodes())
        self.assert_loads(self.hbal("--mond-data", name), "6.48073528", "3.000", "2.000", "0.000")
        done = self.hbal("--mond", "--ignore-dynu", "--mond-data", name)
        self.assertIn("0.000 0.000 0.000 0.000", done.stderr)

    def test_other_weights_come_from_a_utilisation_file(self) -> None:
        done = self.hbal("--mond", "-U", "dynu.txt", "--mond-data", self.file(of_nodes()))
        self.assert_loads(done, "9.98548941", "3.000", "0.500", "1.000")

    def test_a_missing_answer_makes_all_of_them_useless(self) -> None:
        wrong: list[Any] = [
            {"error": "x"},
            {"cpu_total": 3},
            {"cpu_number": 1, "cpus": "x", "cpu_total": 1},
            None,
            [],
            1,
        ]
        wrong.append({"cpu_number": 1, "cpus": [], "cpu_total": float("nan")})
        for data in wrong:
            name = self.file([*of_nodes()[:2], report("cpu-avg-load", data)])
            done = self.hbal("--mond", "--mond-data", name)
            self.assert_loads(done, "6.48073528", "3.000", "2.000", "0.000")
            self.assertIn("Warning: the monitoring data is ignored: no usable cpu-avg-load of gamma", done.stderr)
            done = self.hbal("--mond", "--exit-on-missing-mond-data", "--mond-data", name)
            self.assertEqual(done.status, 1)
            self.assertIn("Error: Not all required data available\n", done.stderr)

    def test_a_missing_domain_too(self) -> None:
        name = self.file([report("xen-cpu-avg-load", data) for data in (DOMAINS[0], {}, {})])
        done = self.hbal("--mond", "--mond-xen", "--mond-data", name)
        self.assert_loads(done, "6.48073528", "3.000", "2.000", "0.000")
        self.assertIn("says nothing of mail.lab.example, test.lab.example", done.stderr)

    def test_a_node_that_is_offline_need_not_answer(self) -> None:
        name = self.file(of_nodes()[:2])
        done = self.hbal("--mond", "-O", "gamma.lab.example", "--mond-data", name)
        self.assertEqual(done.status, 0)
        self.assertNotIn("ignored", done.stderr)

    def test_files_that_are_none(self) -> None:
        for content in ("{nope", '{"a": 1}', '[{"node": "x"}]', "[1]", '[{"node": [], "reports": []}]', "[" * 100_000):
            done = self.hbal("--mond", "--mond-data", self.write("bad.json", content))
            if content.endswith('"reports": []}]'):  # no report: nobody was asked for anything
                self.assertEqual(done.status, 0)
                continue
            self.assertEqual((done.status, done.stdout), (1, ""), content[:40])
            self.assertIn("Error: can't parse MonD data: ", done.stderr)
        self.assertEqual(self.hbal("--mond", "--mond-data", "nowhere.json").status, 1)


class AskedTests(Case):
    def outside(self, fetch: Callable[[str], Any]) -> Outside:
        def heed(*_: Any) -> AbstractContextManager[None]:
            return nullcontext()

        def connect(path: str) -> Any:
            raise AssertionError(f"nobody should connect to {path!r}")

        return Outside(connect, fetch, lambda: 0.0, lambda: "", heed)

    def test_each_node_is_asked(self) -> None:
        answers = dict(zip(NODES, of_nodes(), strict=True))
        asked = []

        def fetch(url: str) -> Any:
            asked.append(url)
            return answers[url.split("/")[2].split(":")[0]]

        done = self.hbal("--mond", outside=self.outside(fetch))
        self.assert_loads(done, "6.31363960", "3.000", "0.500", "1.000")
        self.assertEqual(sorted(asked), [f"http://{node}:1815/1/report/default/cpu-avg-load" for node in NODES])

    def test_hail_asks_too(self) -> None:
        asked = []

        def fetch(url: str) -> Any:
            asked.append(url)
            raise BadData("nobody is there")

        done = self.run_tool("hail", "--mond", "hail/hail-allocate-drbd.json", outside=self.outside(fetch))
        self.assertEqual(done.status, 0)
        self.assertTrue(json.loads(done.stdout)["success"])
        self.assertTrue(asked)
        self.assertIn("the monitoring data is ignored", done.stderr)
