"""The documentation names only commands and files that exist."""

from __future__ import annotations

import re
from configparser import ConfigParser
from pathlib import Path
from unittest import TestCase

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.rst"))]
OURS = re.compile(r"(?:docs|etc|scripts|ganeti_tw|tests|benchmarks|\.ci)/[\w./-]*\w")
ELSEWHERE = re.compile(r"\S*(?:/opt|/tmp|/share|/srv|/var|https?:)/\S*|/etc/\S*")  # places on a host
COMMAND = re.compile(r"\b(gnt-\w+) ([a-z][a-z-]+)")


def scripts() -> set[str]:
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg")
    lines = parser["options.entry_points"]["console_scripts"].split("\n")
    return {line.partition("=")[0].strip() for line in lines if line.strip()}


def shell_lines(page: Path) -> list[str]:
    """The commands a reader is told to type, continued lines joined."""
    text = page.read_text().replace("\\\n", " ")
    return [line.strip()[2:] for line in text.splitlines() if re.match(r" +[$#] ", line)]


class DocumentationTests(TestCase):
    def test_files_that_are_named_exist(self) -> None:
        missing = [
            f"{page.relative_to(ROOT)}: {name}"
            for page in PAGES
            for name in OURS.findall(ELSEWHERE.sub("", page.read_text()))
            if not (ROOT / name).exists()
        ]
        self.assertEqual(missing, [])

    def test_links_lead_somewhere(self) -> None:
        broken = [
            f"{page.relative_to(ROOT)}: {target}"
            for page in PAGES
            for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text())
            if not (page.parent / target).exists()
        ]
        self.assertEqual(broken, [])

    def test_commands_that_are_named_exist(self) -> None:
        unknown = []
        for page in PAGES:
            for line in shell_lines(page):
                for program, subcommand in COMMAND.findall(line):
                    place = ROOT / "ganeti_tw" / "cli" / program.removeprefix("gnt-")
                    if program not in scripts() or not (place / f"{subcommand.replace('-', '_')}.py").exists():
                        unknown.append(f"{page.relative_to(ROOT)}: {program} {subcommand}")
        self.assertEqual(unknown, [])

    def test_news_are_one_sentence_of_a_known_kind(self) -> None:
        wrong = []
        for path in sorted((ROOT / "docs/news").iterdir()):
            if path.name != "README.rst":
                lines = path.read_text().strip().split("\n")
                if path.suffix not in (".feature", ".bugfix", ".doc", ".removal", ".misc") or len(lines) != 1:
                    wrong.append(path.name)
        self.assertEqual(wrong, [])
