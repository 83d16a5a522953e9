"""The same answers as Ganeti's own tools, to the last character."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from ganeti_tw.cli.htools.entry import TOOLS
from runs import DATA, InFolder, without_policy_dump


def sections(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in re.split(r"(?m)^== ", text)[1:]:
        title, _, body = part.partition("\n")
        lines = [line[2:] for line in body.splitlines()]
        end = "" if title.endswith("(no newline at the end)") or not lines else "\n"
        found[title.removesuffix(" (no newline at the end)")] = "\n".join(lines) + end
    return found


class GoldenTests(InFolder):
    maxDiff = None

    def check(self, golden: Path) -> None:
        want = sections(golden.read_text())
        words = shlex.split(want["command"].removeprefix("$ "))
        before = {path.name for path in self.folder.iterdir()}
        got = self.run_tool(*words)
        self.assertEqual(without_policy_dump(got.stdout), want["stdout"])
        self.assertEqual(got.stderr, want["stderr"])
        self.assertEqual(f"{got.status}\n", want["status"])
        written = {f"file {p.name}": p.read_text() for p in self.folder.iterdir() if p.name not in before}
        self.assertEqual(written, {name: body for name, body in want.items() if name.startswith("file ")})


def _add_tests() -> int:
    number = 0
    for path in sorted((DATA / "golden").iterdir()):
        if path.stem.split("_")[0] not in TOOLS:
            continue

        def test(self: GoldenTests, golden: Path = path) -> None:
            self.check(golden)

        setattr(GoldenTests, f"test_{re.sub(r'[^A-Za-z0-9]+', '_', path.stem)}", test)
        number += 1
    return number


ADDED = _add_tests()


class CompletenessTests(InFolder):
    def test_the_examples_were_found(self) -> None:
        self.assertGreaterEqual(ADDED, 120)
