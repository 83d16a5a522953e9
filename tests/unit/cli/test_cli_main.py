from __future__ import annotations

import subprocess
import sys
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cli_world import World
from ganeti_tw import errors
from ganeti_tw.cli.failures import OpcodeFailed, decode, describe


class CommandLineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()

    def test_without_a_command_the_commands_are_listed_and_it_fails(self) -> None:
        self.assertEqual(self.world.run("gnt-instance"), 1)
        self.assertIn("Usage: gnt-instance {command}", self.world.out)
        self.assertRegex(self.world.out, r"\n add +- Create an instance")
        self.assertNotIn("device-info", self.world.out)

    def test_an_unknown_command_does_the_same(self) -> None:
        for name in ("frobnicate", "", "../main", "list_fields", "_device_info", "__init__", "-x"):
            self.assertEqual(self.world.run("gnt-instance", name), 1, name)
            self.assertIn("\nCommands:\n", self.world.out)

    def test_help_of_the_program(self) -> None:
        for program in ("gnt-cluster", "gnt-node", "gnt-instance", "gnt-job", "gnt-os", "gnt-debug"):
            self.assertEqual(self.world.run(program, "--help"), 0)
            self.assertIn("\nCommands:\n", self.world.out)

    def test_version(self) -> None:
        self.assertEqual(self.world.run("gnt-node", "--version"), 0)
        self.assertRegex(self.world.out, r"^gnt-node \(ganeti ganeti_tw\) \d+\.\d+\.\d+\n$")

    def test_help_of_a_command(self) -> None:
        self.assertEqual(self.world.run("gnt-instance", "stop", "--help"), 0)
        lines = self.world.out.splitlines()
        self.assertEqual(
            lines[:7], ["Usage", "=====", "  gnt-instance stop <instance>", "", "Stop instances", "", "Options"]
        )
        self.assertIn("--force, -f ", self.world.out)
        self.assertTrue(lines[-1].startswith("--help, -h"))
        self.assertEqual([line[:8] for line in lines[-3:-1]], ["--debug,", "--reason"])

    def test_refused_options_are_not_in_the_help(self) -> None:
        self.world.run("gnt-instance", "add", "--help")
        self.assertNotIn("--forthcoming", self.world.out)

    def test_an_unknown_option_is_a_usage_error(self) -> None:
        self.assertEqual(self.world.run("gnt-instance", "list", "--frob"), 2)
        self.assertEqual(self.world.out, "")
        self.assertTrue(self.world.err.startswith("Usage\n=====\n  gnt-instance list"))
        self.assertTrue(self.world.err.endswith("\ngnt-instance: error: no such option: --frob\n"))

    def test_bad_values_are_usage_errors(self) -> None:
        cases = {
            ("gnt-instance", "add", "-s", "12q", "x"): "option -s: '12q' is not a size",
            ("gnt-instance", "add", "-t", "floppy", "x"): "option -t: invalid choice: 'floppy'",
            ("gnt-instance", "add", "-B", "a=1,a=2", "x"): "option -B: key 'a' is given twice",
            ("gnt-instance", "add", "--disk", "no_0:size=1", "x"): "option --disk: '0' is taken away",
            ("gnt-instance", "shutdown", "--timeout", "soon", "x"): "option --timeout: invalid integer value: 'soon'",
            ("gnt-instance", "shutdown", "--priority", "urgent", "x"): "option --priority: invalid choice",
            ("gnt-node", "add", "--vm-capable", "maybe", "x"): "option --vm-capable: 'maybe' is neither yes nor no",
            ("gnt-instance", "list", "--units", "q"): "option --units: invalid choice",
            ("gnt-instance", "list", "-o"): "-o option requires 1 argument",
        }
        for argv, text in cases.items():
            self.assertEqual(self.world.run(*argv), 2, argv)
            self.assertIn(text, self.world.err)

    def test_options_not_working_yet_are_refused_by_name(self) -> None:
        for option, *value in (["--commit"], ["--forthcoming"], ["--helper-startup-timeout=5"]):
            self.assertEqual(self.world.run("gnt-instance", "add", option, *value, "x"), 2, option)
            self.assertIn(f"option {option.partition('=')[0]} is one of Ganeti's", self.world.err)
        self.assertEqual(self.world.client.calls, [])

    def test_long_options_may_be_abbreviated(self) -> None:
        self.world.answer_query([])
        self.assertEqual(self.world.run("gnt-instance", "list", "--no-h", "--sep=:", "--out", "name"), 0)
        self.assertEqual(self.world.run("gnt-instance", "add", "--no-n", "x"), 2)
        self.assertIn("ambiguous option: --no-n (--no-name-check, --no-nics?)", self.world.err)

    def test_the_number_of_arguments(self) -> None:
        cases = {
            ("gnt-instance", "remove"): "Error: Command remove expects 1 argument(s)\n",
            ("gnt-instance", "remove", "a", "b"): "Error: Command remove expects 1 argument(s)\n",
            ("gnt-job", "info"): "Error: Command info expects at least 1 argument(s)\n",
            ("gnt-node", "add-tags"): "Error: Command add-tags expects at least 1 argument(s)\n",
            ("gnt-cluster", "getmaster", "x"): "Error: Command getmaster expects no arguments\n",
        }
        for argv, text in cases.items():
            self.assertEqual(self.world.run(*argv), 1, argv)
            self.assertEqual(self.world.err, text)

    def test_default_arguments_come_from_the_environment(self) -> None:
        self.world.answer_query([])
        self.world.environ["GNT_INSTANCE_LIST"] = "--separator '|' -o name"
        self.assertEqual(self.world.run("gnt-instance", "list", "-o", "+status"), 0)
        self.assertEqual(self.world.client.asked("query")[0]["fields"][-1], "status")
        self.assertEqual(self.world.out.count("|"), 6)

    def test_options_of_one_run_do_not_leak_into_the_next(self) -> None:
        self.world.jobs_end()
        for _ in range(2):
            self.world.run("gnt-instance", "add", "-t", "file", "--disk", "0:size=4", "x")
        self.assertEqual([len(op["disks"]) for op in self.world.submitted()], [1, 1])


class FailureTests(SynchronousTestCase):
    def fail(self, error: BaseException) -> tuple[int, str]:  # type: ignore[override]
        world = World()
        world.client.answers["cluster_info"] = error
        return world.run("gnt-cluster", "version"), world.err

    def test_prerequisites_show_the_code(self) -> None:
        self.assertEqual(
            self.fail(errors.NotFound("no node n9")),
            (1, "Failure: the operation was refused:\nerror type: unknown_entity, error details:\nno node n9\n"),
        )

    def test_not_master_names_the_master(self) -> None:
        self.assertEqual(self.fail(errors.NotMaster("n2 is the master")), (1, "n2 is the master\n"))

    def test_no_cluster(self) -> None:
        self.assertEqual(self.fail(errors.NoCluster("this host has no cluster")), (1, "this host has no cluster\n"))

    def test_a_dead_process_is_no_prerequisite(self) -> None:
        self.assertEqual(self.fail(errors.NotSent("nobody listens")), (1, "Failure: nobody listens\n"))

    def test_bugs(self) -> None:
        self.assertEqual(self.fail(errors.ActorCrashed("it crashed")), (1, "Failure: it crashed\n"))
        self.assertEqual(self.fail(errors.ActorCrashed("")), (1, "Failure: ActorCrashed\n"))

    def test_interrupted(self) -> None:
        code, text = self.fail(KeyboardInterrupt())
        self.assertEqual(code, 1)
        self.assertIn("go on", text)

    def test_the_reader_has_gone(self) -> None:
        self.assertEqual(self.fail(BrokenPipeError()), (1, ""))

    def test_encoded_errors(self) -> None:
        cases: dict[str, tuple[Any, list[str]]] = {
            "prerequisite": (
                ["OpPrereqError", ["gone", "unknown_entity"]],
                ["Failure: the operation was refused:", "error type: unknown_entity, error details:", "gone"],
            ),
            "without code": (["OpPrereqError", ["gone"]], ["Failure: the operation was refused:", "gone"]),
            "execution": (["OpExecError", ["a\nb"]], ["Failure: the command could not be carried out:", "a", "b"]),
            "other": (["DriverError", ["lvcreate"]], ["Failure: the job ended with DriverError:", "lvcreate"]),
            "no arguments": (["OpExecError", []], ["Failure: the command could not be carried out:", "OpExecError"]),
            "hooks": (
                ["HooksAbort", [[["n1", "10-check", "too hot"], ["n2", "x", ""]]]],
                [
                    "Failure: hooks refused the operation:",
                    "  node: n1, script: 10-check, output: too hot",
                    "  node: n2, script: x, output: (none)",
                ],
            ),
        }
        for name, (encoded, lines) in cases.items():
            error = decode(encoded)
            self.assertIsInstance(error, OpcodeFailed, name)
            assert error is not None
            self.assertEqual(describe(error), lines, name)

    def test_what_is_no_encoded_error(self) -> None:
        for value in (
            None,
            True,
            [],
            ["OpExecError"],
            ["OpExecError", "text"],
            ["lower", []],
            "text",
            {"a": 1},
            [1, []],
        ):
            self.assertIsNone(decode(value), value)


class StartTests(SynchronousTestCase):
    def test_only_what_is_needed_is_imported(self) -> None:
        heavy = ("attr", "attrs", "twisted", "msgspec", "subprocess", "socket", "dataclasses", "asyncio", "inspect")
        script = (
            "import sys, io\n"
            "from ganeti_tw.cli.main import main\n"
            "s = io.StringIO\n"
            "for argv in (['--help'], ['list', '--help'], ['add', '--help']):\n"
            "    main('gnt-instance', argv, environ={}, stdin=s(), stdout=s(), stderr=s(), now=lambda: 0.0)\n"
            f"print([name for name in {heavy!r} if name in sys.modules])\n"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        self.assertEqual((done.stdout, done.stderr), ("[]\n", ""))

    def test_a_command_does_not_import_its_neighbours(self) -> None:
        script = (
            "import sys, io\n"
            "from ganeti_tw.cli.main import find\n"
            "find('gnt-instance', 'stop')\n"
            "print(sorted(n for n in sys.modules if n.startswith('ganeti_tw.cli.instance.')))\n"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        self.assertEqual((done.stdout, done.stderr), ("['ganeti_tw.cli.instance.shutdown']\n", ""))
