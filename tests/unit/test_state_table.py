"""What is made from the code is as the code makes it now."""

from __future__ import annotations

import subprocess
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType
from unittest import TestCase

ROOT = Path(__file__).resolve().parents[2]


def script(name: str) -> ModuleType:
    loader = SourceFileLoader(name.replace("-", "_"), str(ROOT / "scripts" / name))
    module = ModuleType(loader.name)
    module.__file__ = loader.path
    exec(compile(loader.get_data(loader.path), loader.path, "exec"), module.__dict__)
    return module


STATES = script("state-table")
COMPLETION = script("bash-completion")


class StateTests(TestCase):
    maxDiff = None

    def test_the_page_is_as_the_code(self) -> None:
        written = STATES.PAGE.read_text(encoding="utf-8")
        self.assertEqual(written, STATES.page(), "run .venv/bin/python scripts/state-table --write")

    def test_everything_of_ganetis_is_there(self) -> None:
        commands, operations = list(STATES.commands()), list(STATES.operations())
        self.assertEqual(sum(state != "ours" for _, state, _ in commands), 131)
        self.assertEqual(sum(state != "ours" for _, state, _ in operations), 75)

    def test_states(self) -> None:
        commands = {name: (state, refused) for name, state, refused in STATES.commands()}
        self.assertEqual(commands["gnt-instance startup"], ("works", ""))
        self.assertEqual(commands["gnt-debug actors"], ("ours", ""))
        self.assertEqual(commands["gnt-debug wconfd"], ("planned", ""))
        for state, refused in commands.values():
            self.assertEqual(state == "in part", bool(refused))


class CompletionTests(TestCase):
    """The functions of the script, called as bash would."""

    CALL = """
        . etc/bash-completion/ganeti_tw || exit 1
        gnt-instance() { case $* in
            "list --no-headers -o name") printf '%s\\n' web1 web2 db1 ;;
            "list --no-headers -o name w*") printf '%s\\n' web1 web2 ;;
        esac; }
        gnt-group() { echo default; }
        gnt-node() { echo n1.example n2.example; }
        gnt-network() { echo no master >&2; return 1; }
        timeout() { shift; "$@"; }
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _ganeti_tw
        printf '%s\\n' "${COMPREPLY[@]}"
    """

    def complete(self, *words: str) -> list[str]:
        argv = ["bash", "-u", "-c", self.CALL, "bash", *words]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.split()

    def test_the_script_is_as_the_code(self) -> None:
        written = COMPLETION.SCRIPT.read_text(encoding="utf-8")
        self.assertTrue(
            written == COMPLETION.text(), "etc is not as the code: run .venv/bin/python scripts/bash-completion --write"
        )

    def test_subcommands(self) -> None:
        self.assertEqual(self.complete("gnt-instance", "st"), ["startup"])
        self.assertEqual(self.complete("/usr/sbin/gnt-job", "canc"), ["cancel"])
        self.assertEqual(self.complete("gnt-filter", "--h"), ["--help"])

    def test_options_also_of_an_alias(self) -> None:
        for name in ("shutdown", "stop"):
            self.assertEqual(self.complete("gnt-instance", name, "web1", "--time"), ["--timeout"])

    def test_values_of_options(self) -> None:
        self.assertEqual(self.complete("gnt-instance", "stop", "--priority", "h"), ["high"])
        self.assertEqual(self.complete("gnt-instance", "stop", "--priority", "=", "h"), ["high"])
        self.assertEqual(self.complete("gnt-instance", "stop", "--priority", "="), ["low", "normal", "high"])
        self.assertEqual(self.complete("gnt-node", "add", "-g", ""), ["default"])
        self.assertEqual(self.complete("gnt-instance", "stop", "--timeout", ""), [])

    def test_names_are_asked_for(self) -> None:
        self.assertEqual(self.complete("gnt-instance", "stop", "web1", "w"), ["web1", "web2"])
        self.assertEqual(self.complete("gnt-instance", "stop", ""), ["web1", "web2", "db1"])
        self.assertEqual(self.complete("gnt-instance", "stop", "w'"), ["web1", "web2"])
        self.assertEqual(self.complete("gnt-network", "info", ""), [])

    def test_each_argument_is_of_its_kind(self) -> None:
        self.assertEqual(self.complete("gnt-group", "assign-nodes", ""), ["default"])
        nodes = ["n1.example", "n2.example"]
        for before in (("default",), ("-f", "default"), ("--priority", "low", "default", "n1.example")):
            self.assertEqual(self.complete("gnt-group", "assign-nodes", *before, ""), nodes)
        self.assertEqual(self.complete("gnt-group", "assign-nodes", "--priority", "=", "low", "default", ""), nodes)
        self.assertEqual(self.complete("gnt-node", "powercycle", "n1.example", ""), [])
        self.assertEqual(self.complete("gnt-instance", "add-tags", "web1", ""), [])
        self.assertEqual(self.complete("gnt-instance", "rename", "-f", "w"), ["web1", "web2"])

    def test_words_to_choose_from(self) -> None:
        self.assertEqual(self.complete("gnt-cluster", "queue", "d"), ["drain"])
        self.assertEqual(self.complete("gnt-node", "power", "o"), ["off", "on"])
        self.assertEqual(self.complete("gnt-node", "power", "on", "n2"), ["n2.example"])
        self.assertEqual(self.complete("gnt-cluster", "watcher", "pause", ""), ["1h", "30m", "4h"])

    def test_several_values_with_commas(self) -> None:
        found = self.complete("gnt-cluster", "modify", "--enabled-hypervisors", "fake,xen-h")
        self.assertEqual(found, ["fake,xen-hvm"])
        self.assertEqual(self.complete("gnt-cluster", "init", "--enabled-disk-templates", "dr"), ["drbd"])

    def test_pairs_of_nodes(self) -> None:
        self.assertEqual(self.complete("gnt-instance", "add", "-n", "n1.example", ":", "n2"), ["n2.example"])
        self.assertEqual(self.complete("gnt-instance", "add", "-n", "n1.example", ":"), ["n1.example", "n2.example"])

    def test_files(self) -> None:
        self.assertEqual(self.complete("gnt-debug", "submit-job", "setup."), ["setup.cfg"])
