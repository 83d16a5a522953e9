"""The options of each command against the table of Ganeti's."""

from __future__ import annotations

import json
import re
from configparser import ConfigParser
from io import StringIO
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cli_world import World
from ganeti_tw.cli import main
from ganeti_tw.cli.command import Command
from ganeti_tw.cli.main import find, not_yet, subcommands
from ganeti_tw.cli.names import ALIASES, SUBCOMMANDS
from ganeti_tw.cli.options import OPTIONS
from ganeti_tw.cli.parser import COMMON, Parser, Stop, flags, options_of

PROGRAMS = tuple(SUBCOMMANDS)
OURS = {("gnt-cluster", "import"), ("gnt-node", "token"), ("gnt-debug", "actors"), ("gnt-debug", "ledger")}
OUR_PROGRAM = "ganeti-ledger"
LEDGER_OPTIONS = {"--config-data", "--json#2", "-o/--output#3", "--salvage", "--epoch"}
OUR_OPTIONS = {"--json", "--token", "--ttl", "--interval#2", "--dry-run", "--leave", *LEDGER_OPTIONS}
OUR_ADDITIONS = {*OUR_OPTIONS, "-n/--target-node"}
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
            self.assertLessEqual(set(command.additions), OUR_ADDITIONS, key)

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


class BuiltParserTests(SynchronousTestCase):
    """The parsers as they are built, option by option."""

    def parser(self, key: tuple[str, str], command: Command) -> tuple[Parser, StringIO]:
        errors = StringIO()
        return Parser(*key, command, StringIO(), errors), errors

    def test_flags_and_defaults(self) -> None:
        for key, command in THEIRS.items():
            parser, _ = self.parser(key, command)
            built = {flag: option for o in parser.option_list for flag, option in self.by_flag(o)}
            wanted = [*reference(key)["options"], *COMMON]
            flags_wanted = {flag for name in wanted for flag in flags(name)}
            ours = {flag for name in command.additions for flag in flags(name)}
            self.assertEqual(set(built), flags_wanted | ours | {"-h", "--help"}, key)
            for name in wanted:
                theirs = REFERENCE["options"].get(name) or REFERENCE["common_options"][name]
                for flag in flags(name):
                    self.assertEqual(built[flag].dest, theirs["dest"], (key, flag))
                    self.assertEqual(built[flag].default, theirs.get("default"), (key, flag))

    def by_flag(self, option: Any) -> list[tuple[str, Any]]:
        return [(flag, option) for flag in [*option._short_opts, *option._long_opts]]

    def test_each_refused_option_is_refused_by_name(self) -> None:
        for key, command in THEIRS.items():
            for name in command.not_yet:
                for flag in flags(name):
                    parser, errors = self.parser(key, command)
                    value = [] if OPTIONS[name].type is None else ["1"]
                    stop = self.assertRaises(Stop, parser.parse, [flag, *value])
                    self.assertEqual(stop.code, 2, (key, flag))
                    self.assertIn(f"{flag} ", errors.getvalue())
                    self.assertIn("does not work here yet", errors.getvalue())

    def test_each_refused_command_is_refused_by_name_and_listed(self) -> None:
        for program in PROGRAMS:
            world = World()
            self.assertEqual(world.run(program, "--help"), 0)
            listed = re.search(r"^Not working yet: ([^.]*)$", world.out, re.MULTILINE | re.DOTALL)
            names = [] if listed is None else listed[1].replace("\n", " ").strip().split(", ")
            self.assertEqual([n.strip() for n in names], list(not_yet(program)))
            for name in not_yet(program):
                self.assertEqual(world.run(program, name), 1)
                self.assertIn(f"{program} {name} ", world.err)
                self.assertEqual(world.client.calls, [])

    def test_abbreviations_that_are_clear_are_understood_and_others_refused(self) -> None:
        parser, errors = self.parser(("gnt-instance", "list"), COMMANDS["gnt-instance", "list"])
        self.assertTrue(parser.parse(["--no-h"])[0].no_headers)
        self.assertEqual(self.assertRaises(Stop, parser.parse, ["--nonsense"]).code, 2)
        self.assertIn("--nonsense", errors.getvalue())
