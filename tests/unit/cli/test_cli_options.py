"""The options of each command against the table of Ganeti's."""

from __future__ import annotations

import json
from configparser import ConfigParser
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.cli import main
from ganeti_tw.cli.command import Command
from ganeti_tw.cli.main import find, not_yet, subcommands
from ganeti_tw.cli.names import ALIASES, SUBCOMMANDS
from ganeti_tw.cli.options import OPTIONS
from ganeti_tw.cli.parser import flags, options_of

PROGRAMS = tuple(SUBCOMMANDS)
OURS = {("gnt-cluster", "import"), ("gnt-node", "token"), ("gnt-debug", "actors"), ("gnt-debug", "ledger")}
OUR_PROGRAM = "ganeti-ledger"
LEDGER_OPTIONS = {"--config-data", "--json#2", "-o/--output#3", "--salvage", "--epoch"}
OUR_OPTIONS = {"--json", "--token", "--ttl", "--interval#2", "--dry-run", "--leave", *LEDGER_OPTIONS}
OUR_CHOICES = {"-I/--ignore-errors": {"ENODELEDGER"}}
REFERENCE: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "data" / "reference" / "cli.json").read_text(encoding="utf-8")
)


def commands() -> dict[tuple[str, str], Command]:
    found = {(program, name): find(program, name) for program in PROGRAMS for name in subcommands(program)}
    return {key: command for key, command in found.items() if command is not None}


COMMANDS = commands()
THEIRS = {key: command for key, command in COMMANDS.items() if key not in OURS}


def reference(key: tuple[str, str]) -> dict[str, Any]:
    program, subcommand = key
    described: dict[str, Any] = REFERENCE["programs"][program]["subcommands"][subcommand]
    return described


class CommandTests(SynchronousTestCase):
    def test_every_command_is_one_of_ganetis_or_declared_ours(self) -> None:
        known = {(p, s) for p in PROGRAMS for s in REFERENCE["programs"][p]["subcommands"]}
        self.assertEqual(set(COMMANDS) - known, OURS)

    def test_every_command_of_ganetis_works_or_is_refused_by_name(self) -> None:
        self.assertEqual(
            {program: sorted(names) for program, names in SUBCOMMANDS.items()},
            {program: sorted(described["subcommands"]) for program, described in REFERENCE["programs"].items()},
        )
        for program in PROGRAMS:
            built = {name for p, name in THEIRS if p == program}
            self.assertEqual(built | set(not_yet(program)), set(SUBCOMMANDS[program]), program)
            self.assertEqual(built & set(not_yet(program)), set(), program)

    def test_aliases_are_ganetis(self) -> None:
        theirs = {program: described["aliases"] for program, described in REFERENCE["programs"].items()}
        self.assertEqual(ALIASES, {program: names for program, names in theirs.items() if names})

    def test_every_program_has_a_script(self) -> None:
        parser = ConfigParser()
        parser.read(Path(__file__).parents[3] / "setup.cfg")
        scripts = parser["options.entry_points"]["console_scripts"]
        for program in PROGRAMS:
            function = program.replace("-", "_")
            self.assertIn(f"\n{program} = ganeti_tw.cli.main:{function}", scripts)
            self.assertTrue(hasattr(main, function), program)

    def test_supported_and_refused_options_are_exactly_ganetis(self) -> None:
        for key, command in THEIRS.items():
            listed = [*command.options, *command.not_yet]
            self.assertEqual(sorted(listed), sorted(reference(key)["options"]), key)

    def test_our_additions_are_known_ones(self) -> None:
        for key, command in THEIRS.items():
            self.assertLessEqual(set(command.additions), OUR_OPTIONS, key)

    def test_arguments_are_ganetis(self) -> None:
        for key, command in THEIRS.items():
            ours = [{"kind": a.kind, "min": a.least, "max": a.most} for a in command.arguments]
            theirs = [{name: a[name] for name in ("kind", "min", "max")} for a in reference(key)["arguments"]]
            self.assertEqual(ours, theirs, key)

    def test_aliases_and_default_arguments_are_ganetis(self) -> None:
        for program in PROGRAMS:
            described = REFERENCE["programs"][program]
            for alias, name in described.get("aliases", {}).items():
                if (program, name) in COMMANDS:
                    self.assertEqual(find(program, alias), COMMANDS[program, name])
            variables = described.get("env_default_args", {})
            for name in variables.get("subcommands", ()):
                self.assertEqual([COMMANDS[program, name].default_arguments], variables["env_variables"])

    def test_no_flag_is_used_twice_in_a_command(self) -> None:
        for key, command in COMMANDS.items():
            used = [flag for option in options_of(command) for flag in [*option._short_opts, *option._long_opts]]
            self.assertEqual(len(used), len(set(used)), key)

    def test_every_option_is_explained(self) -> None:
        self.assertEqual([key for key, entry in OPTIONS.items() if not entry.help], [])


class OptionTests(SynchronousTestCase):
    def test_every_option_is_as_in_the_table(self) -> None:
        for key, entry in OPTIONS.items():
            if key in OUR_OPTIONS:
                continue
            theirs = REFERENCE["options"][key]
            self.assertEqual(flags(key), theirs["flags"], key)
            for name in ("dest", "action", "type", "default", "metavar", "const"):
                self.assertEqual(getattr(entry, name), theirs.get(name), f"{key} {name}")
            choices = set(entry.choices or ()) - OUR_CHOICES.get(key, set())
            self.assertEqual(choices, set(theirs.get("choices", ())), key)

    def test_no_option_is_left_over(self) -> None:
        ours = [find(OUR_PROGRAM, name) for name in subcommands(OUR_PROGRAM)]
        everything = [*COMMANDS.values(), *(c for c in ours if c is not None)]
        used = {key for c in everything for key in (*c.options, *c.additions, *c.not_yet)}
        self.assertEqual(set(OPTIONS) - used, {"-d/--debug", "--reason"})

    def test_the_common_options_are_ganetis(self) -> None:
        self.assertEqual(REFERENCE["common_options"]["keys"], ["-d/--debug", "--reason"])
