"""Malformed input of every kind for every tool: a message and an exit status, never a traceback.

Mutations of the example clusters and questions are drawn from seeds, so that a run
that fails can be had again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from runs import DATA, InFolder, Outcome

TEXT_TOOLS = ("hbal", "hcheck", "hinfo", "hroller", "hspace", "hsqueeze")
MORE = {
    "hbal": (
        ["-l", "3"],
        ["--json", "-l", "3"],
        ["--explain", "-l", "2"],
        ["--plan-cost", "-l", "3"],
        ["--lookahead=2", "-l", "2"],
    ),
    "hcheck": (["-l", "3"], ["--json", "-l", "2"]),
    "hinfo": ([], ["--json"], ["-p", "--print-instances"]),
    "hroller": ([], ["--json"], ["-f", "--print-moves"]),
    "hspace": (["-l", "3"], ["--json", "-l", "2"], ["--machine-readable", "-l", "2"], ["--explain", "-l", "2"]),
    "hsqueeze": ([], ["--json"]),
    "hail": ([], ["--explain"], ["-v", "-v"]),
}  # fmt: skip
WORDS = (
    "", "?", "0", "-1", "1e308", "1e-300", "99999999999999999999", "Y", "N", "M", "x|y", "\n", "\n\n", "|", "nan",
    "inf", ",", ";", "drbd", "\x00", "é", "nosuch",
)  # fmt: skip
VALUES = (None, -1, 1e300, 10**400, "x", "", [], {}, True, [1], {"a": None}, 0, 1e-9, 10**15, -(10**15), [[]], 3.5)


class Malformed(InFolder):
    def check(self, got: Outcome, tool: str, what: str) -> None:
        self.assertIn(got.status, (0, 1), what)
        failed = "Error: " in got.stderr
        if tool != "hcheck":
            self.assertEqual(got.status == 1, failed, (what, got.stderr[:300]))
        if failed:
            # Of hbal and hspace the trouble may show only after the first lines.
            last = got.stderr.rstrip("\n").splitlines()
            self.assertTrue(any(line.startswith("Error: ") for line in last), what)
            self.assertLess(len(got.stderr), 3000, what)

    def run_all(self, path: str, what: str, random: Random | None = None) -> None:
        for tool in TEXT_TOOLS:
            words = random.choice(MORE[tool]) if random else MORE[tool][0]
            self.check(self.run_tool(tool, "-t", path, *words), tool, f"{tool} {words} {what}")


class FileTests(Malformed):
    def refused(self, path: str, text: str) -> None:
        for tool in TEXT_TOOLS:
            got = self.run_tool(tool, "-t", path)
            self.assertEqual((got.status, got.stdout), (1, ""), tool)
            self.assertTrue(got.stderr.startswith("Error: failed to load data, aborting: "), got.stderr[:200])
            self.assertIn(text, got.stderr)
            self.assertLess(len(got.stderr), 1000)
        got = self.run_tool("hail", path)
        self.assertEqual((got.status, got.stdout), (1, ""))
        self.assertTrue(got.stderr.startswith("Error: "), got.stderr[:200])
        self.assertLess(len(got.stderr), 1000)

    def test_empty(self) -> None:
        self.refused(self.write("bad", ""), "0 sections instead of 4 or more")

    def test_binary(self) -> None:
        self.refused(self.write("bad", Random(1).randbytes(100_000)), "cannot decode byte sequence")

    def test_ten_megabytes_of_noise(self) -> None:
        self.refused(self.write("bad", "x" * (10 << 20)), "1 sections instead of 4 or more")
        self.refused(self.write("bad", Random(2).randbytes(10 << 20)), "cannot decode byte sequence")

    def test_a_directory(self) -> None:
        os.mkdir("bad")
        self.refused("bad", "is a directory")

    def test_missing_and_unreadable(self) -> None:
        self.refused("nosuch", "does not exist (No such file or directory)")
        path = Path(self.write("bad", "x"))
        path.chmod(0)
        if not os.access(path, os.R_OK):  # root reads everything
            self.refused("bad", "permission denied")
        self.refused("three-nodes.data/x", "failed (Not a directory)")

    def test_other_files_that_are_read(self) -> None:
        noise = self.write("noise", Random(3).randbytes(1000))
        for words in (("-U", noise), ("-U", "nosuch"), ("-U", ".")):
            got = self.run_tool("hbal", "-t", "three-nodes.data", *words)
            self.assertEqual(got.status, 1, got)
            self.assertIn("Error: ", got.stderr)
        for tool in ("hbal", "hspace", "hinfo", "hcheck", "hroller"):
            got = self.run_tool(tool, "-I", noise)
            self.assertEqual(got.status, 1, got)
            self.assertTrue(got.stderr.startswith("Error: failed to load data, aborting: "), got.stderr)

    def test_files_that_cannot_be_written(self) -> None:
        for words in (("hbal", "-S", "nosuch/x"), ("hbal", "-Cnosuch/x"), ("hspace", "-S", "nosuch/x", "-l", "1"),
                      ("hroller", "-S", "nosuch/x"), ("hsqueeze", "-S", "nosuch/x")):  # fmt: skip
            got = self.run_tool(*words, "-t", "three-nodes.data")
            self.assertEqual(got.status, 1, words)
            self.assertIn("Error: nosuch/x", got.stderr)


class MutatedTextTests(Malformed):
    """Each example cluster, changed in some fields or cut."""

    def mutations(self, text: str, random: Random) -> Iterator[str]:
        yield text[: random.randrange(len(text))]
        fields = text.replace("\n", "\n|").split("|")
        for _ in range(3):
            changed = list(fields)
            for _ in range(random.randrange(1, 4)):
                changed[random.randrange(len(changed))] = random.choice([random.choice(WORDS), random.choice(fields)])
            yield "|".join(changed).replace("\n|", "\n")


def _add_text_tests() -> int:
    for number, path in enumerate(sorted(DATA.glob("*.data"))):

        def test(self: MutatedTextTests, path: Path = path, seed: int = number) -> None:
            random = Random(seed)
            for text in self.mutations(path.read_text(), random):
                self.run_all(self.write("odd.data", text), f"on {path.name}, seed {seed}:\n{text[:2000]}", random)

        setattr(MutatedTextTests, f"test_{path.stem.replace('-', '_')}", test)
    return number


class NamedMistakeTests(Malformed):
    """The mistakes people make, with the message for each."""

    text = (DATA / "three-nodes.data").read_text()

    def message(self, old: str, new: str) -> str:
        self.assertIn(old, self.text)
        found = set()
        for tool in TEXT_TOOLS:
            got = self.run_tool(tool, "-t", self.write("bad.data", self.text.replace(old, new, 1)))
            self.assertEqual((got.status, got.stdout), (1, ""), tool)
            found.add(got.stderr)
        self.assertEqual(len(found), 1)
        return found.pop().removeprefix("Error: failed to load data, aborting: ").rstrip("\n")

    def test_negative_size(self) -> None:
        self.assertEqual(
            self.message("web1.lab.example|2048", "web1.lab.example|-2048"),
            "web1.lab.example: cannot parse string '-2048'",
        )

    def test_size_beyond_all_measure(self) -> None:
        self.assertEqual(
            self.message("alpha.lab.example|16384", "alpha.lab.example|1e308"),
            "alpha.lab.example: cannot parse string '1e308'",
        )

    def test_unknown_node(self) -> None:
        self.assertEqual(
            self.message("|Y|beta.lab.example|alpha", "|Y|omega|alpha"),
            "Unknown node 'omega' for instance mail.lab.example",
        )

    def test_truncated(self) -> None:
        end = self.text.index("web1") + 9
        self.assertEqual(
            self.message(self.text[end:], ""), "Invalid format of the input file: 3 sections instead of 4 or more"
        )


class MutatedQuestionTests(Malformed):
    """Each example question to hail, with values replaced or left out."""

    def mutate(self, question: Any, random: Random) -> None:
        here = question
        while isinstance(here, (dict, list)) and here:
            key = random.choice(list(here) if isinstance(here, dict) else list(range(len(here))))
            if not isinstance(here[key], (dict, list)) or random.random() < 0.2:
                if isinstance(here, dict) and random.random() < 0.3:
                    del here[key]
                else:
                    here[key] = random.choice(VALUES)
                return
            here = here[key]


def _add_question_tests() -> int:
    for number, path in enumerate(sorted((DATA / "hail").glob("*.json"))):

        def test(self: MutatedQuestionTests, path: Path = path, seed: int = number) -> None:
            random = Random(seed)
            for _ in range(12):
                question = json.loads(path.read_text())
                for _ in range(random.randrange(1, 3)):
                    self.mutate(question, random)
                words = random.choice(MORE["hail"])
                got = self.run_tool("hail", self.write("odd.json", json.dumps(question)), *words)
                what = f"{words} on {path.name}, seed {seed}: {json.dumps(question)[:3000]}"
                self.check(got, "hail", what)
                if got.status == 0:
                    self.assertEqual(list(json.loads(got.stdout)), ["success", "info", "result"], what)
                else:
                    self.assertEqual(got.stdout, "", what)
            cut = path.read_text()
            got = self.run_tool("hail", self.write("odd.json", cut[: random.randrange(len(cut) - 1)]))
            self.assertEqual((got.status, got.stdout), (1, ""))

        setattr(MutatedQuestionTests, f"test_{path.stem.replace('-', '_')}", test)
    return number


if _add_text_tests() < 5 or _add_question_tests() < 10:
    raise AssertionError("example files are missing")
