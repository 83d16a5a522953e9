"""The documents of --json: their shape is the one the reference lists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ganeti_tw.cli.htools.getopt import UsageError, parse
from ganeti_tw.cli.htools.options import options_of
from runs import InFolder

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "htools.rst"
TOOLS = ("hbal", "hcheck", "hinfo", "hroller", "hspace", "hsqueeze")
# Runs that between them fill every list of a tool's document.
RUNS = {
    "hbal": (("three-nodes",), ("three-nodes", "-e", "100"), ("n1-trouble",), ("bare",)),
    "hcheck": (("evacuate",), ("evacuate", "--no-simulation")),
    "hinfo": (("three-nodes",), ("exclusion-location",), ("squeeze",)),
    "hroller": (("mixed-templates",),),
    "hspace": (("three-nodes", "--disk-template", "drbd"), ("two-groups",)),
    "hsqueeze": (("squeeze",),),
}


def listed(tool: str) -> set[str]:
    """The keys under the tool's heading."""
    section = re.split(r"(?m)^(\w+)\n~{4,}$", PAGE.read_text())
    body = dict(zip(section[1::2], section[2::2], strict=True))[tool]
    terms = [line for line in body.splitlines() if line.startswith("``")]
    return {key for line in terms for key in re.findall(r"``([^`]+)``", line)}


def keys(value: Any, path: str = "") -> Iterator[str]:
    """``a.b[].c`` for every leaf; operations are Ganeti's own."""
    if isinstance(value, dict) and not path.endswith("opcodes[]"):
        for key, inner in value.items():
            yield from keys(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner, f"{path}[]")
    else:
        yield path


class DocumentTests(InFolder):
    def setUp(self) -> None:
        super().setUp()
        self.write("bare.data", "main|uuid-1|preferred||\n\nnode1|1000|0|1000|1000|1000|4|M|uuid-1|1\n\n\n\n")

    def document(self, tool: str, name: str, *words: str) -> Any:
        got = self.run_tool(tool, "-t", f"{name}.data", *words, "--json")
        return json.loads(got.stdout, parse_constant=lambda text: self.fail(f"{text} is no JSON"))

    def test_the_reference_lists_each_key_and_no_other(self) -> None:
        for tool in TOOLS:
            found = {key for words in RUNS[tool] for key in keys(self.document(tool, *words))}
            # A list that was empty in every example still has a place in the reference.
            empty = {"policy_violating_nodes[]", "split_instances[]"}
            self.assertEqual(found - listed(tool), set(), tool)
            self.assertLessEqual(listed(tool) - found, empty, tool)

    def test_status_and_standard_error_are_those_of_the_text(self) -> None:
        for tool in TOOLS:
            for name, *words in RUNS[tool]:
                plain = self.run_tool(tool, "-t", f"{name}.data", *words)
                other = self.run_tool(tool, "-t", f"{name}.data", *words, "--json")
                self.assertEqual((plain.status, plain.stderr), (other.status, other.stderr))

    def test_hbal_says_what_its_text_says(self) -> None:
        text = self.run_tool("hbal", "-t", "three-nodes.data", "-C").stdout
        found = self.document("hbal", "three-nodes")
        self.assertEqual(found["status"], "improved")
        for move in found["moves"]:
            for command in move["commands"]:
                self.assertIn(command.removesuffix(".lab.example"), text)
            self.assertIn(f"{move['score']:.8f}", text)
        gains = sum(move["gain"] for move in found["moves"])
        self.assertAlmostEqual(found["initial"]["score"] - gains, found["final"]["score"])
        parts = sum(each["weight"] * each["value"] for each in found["final"]["components"])
        self.assertAlmostEqual(parts, found["final"]["score"])

    def test_first_job_group_lists_only_its_moves(self) -> None:
        every = self.document("hbal", "mixed-templates")["moves"]
        first = self.document("hbal", "mixed-templates", "--first-job-group")["moves"]
        self.assertEqual(first, [move for move in every if move["job_set"] == 1])
        self.assertLess(len(first), len(every))

    def test_states_without_a_plan(self) -> None:
        self.assertEqual(self.document("hbal", "three-nodes", "-e", "100")["status"], "balanced")
        self.assertEqual(self.document("hbal", "bare")["status"], "empty")
        self.assertEqual(self.document("hinfo", "bare")["instances"], [])

    def test_errors_leave_standard_output_empty(self) -> None:
        for tool in TOOLS:
            got = self.run_tool(tool, "-t", "nosuch.data", "--json")
            self.assertEqual((got.status, got.stdout), (1, ""))
            self.assertTrue(got.stderr.startswith("Error: "), got.stderr)

    def test_one_kind_of_output_at_a_time(self) -> None:
        for tool in ("hspace", "hcheck"):
            got = self.run_tool(tool, "-t", "three-nodes.data", "--json", "--machine-readable")
            self.assertEqual(
                (got.status, got.stderr), (1, "Error: Only one of --json and --machine-readable can be given\n")
            )


class AbbreviationTests(InFolder):
    def test_our_options_spoil_no_abbreviation_of_ganetis(self) -> None:
        for tool in (*TOOLS, "hail"):
            options = options_of(tool)
            old = [option for option in options if not option.ours]
            for option in old:
                for length in range(1, len(option.long) + 1):
                    words = [f"--{option.long[:length]}", "1"]
                    try:
                        want = parse(old, words)
                    except UsageError:
                        continue
                    self.assertEqual(parse(options, words), want)

    def test_ours_can_be_abbreviated_too(self) -> None:
        self.assertEqual(json.loads(self.run_tool("hinfo", "--js", "-t", "squeeze.data").stdout)["tool"], "hinfo")
