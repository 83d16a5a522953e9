"""Programs and files of administrators on a node."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.agent.commands import FILE_LIMIT, LOCK_TIMEOUT, REFUSAL_DELAY, Commands, Owner, put
from ganeti_tw.errors import BadRequest, DriverError, TryLater
from ganeti_tw.kernel import InlineBlocking
from ganeti_tw.model.paths import Paths
from ganeti_tw.protocol.node import ProgramEnd, PutFile, RunCommand, RunOob, RunRestricted


class FakeRunner:
    def __init__(self) -> None:
        self.calls: list[tuple[list[str], dict[str, str], float]] = []
        self.end = ProgramEnd(0, "", "out", "out and err")

    def run(self, argv: Sequence[str], env: Mapping[str, str], deadline: float) -> Deferred[ProgramEnd]:
        self.calls.append((list(argv), dict(env), deadline))
        return succeed(self.end)


class CommandsCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = os.path.abspath(self.mktemp())
        self.directory = os.path.join(self.root, "etc/ganeti/restricted-commands")
        os.makedirs(self.directory, 0o755)
        os.chmod(self.directory, 0o755)
        self.runner, self.clock = FakeRunner(), Clock()
        owner = Owner(os.getuid(), os.getgid())
        found = os.stat(self.directory)
        owner = Owner(found.st_uid, found.st_gid)
        self.commands = Commands(
            self.runner, Paths(self.root), InlineBlocking(), self.clock, {"GANETI_HOSTNAME": "n1"}, owner
        )

    def program(self, path: str, mode: int = 0o755) -> str:
        place = os.path.join(self.root, path.lstrip("/"))
        with open(place, "w") as file:
            file.write("#!/bin/sh\n")
        os.chmod(place, mode)
        return place

    def start(self, work: Any) -> Deferred[Any]:
        return Deferred.fromCoroutine(work)


class RestrictedTests(CommandsCase):
    def run_one(self, name: str) -> Deferred[Any]:
        return self.start(self.commands.run_restricted(RunRestricted(name)))

    def refused(self, name: str) -> None:
        asked = self.run_one(name)
        self.assertNoResult(asked)
        self.clock.advance(REFUSAL_DELAY)
        error = self.failureResultOf(asked, DriverError).value
        self.assertEqual(error.text, f"running restricted command {name!r} failed; the log on that node tells why")
        self.assertEqual(self.runner.calls, [])

    def test_it_runs_without_arguments_and_environment(self) -> None:
        place = self.program("etc/ganeti/restricted-commands/date")
        self.assertEqual(self.successResultOf(self.run_one("date")), "out and err")
        self.assertEqual([(argv, env) for argv, env, _ in self.runner.calls], [([place], {})])

    def test_a_failure_is_told_with_the_output(self) -> None:
        self.program("etc/ganeti/restricted-commands/date")
        self.runner.end = ProgramEnd(3, "", "", "broken")
        error = self.failureResultOf(self.run_one("date"), DriverError).value
        self.assertIn("exit status 3; output: broken", error.text)

    def test_names(self) -> None:
        for name in ("a.b", "../date", "/bin/ls", "", "a b", "nothing"):
            self.refused(name)

    def test_modes_and_kinds(self) -> None:
        for mode in (0o775, 0o757, 0o4755, 0o644):
            self.program("etc/ganeti/restricted-commands/date", mode)
            self.refused("date")
        os.symlink("/bin/true", os.path.join(self.directory, "link"))
        self.refused("link")
        os.mkdir(os.path.join(self.directory, "folder"))
        self.refused("folder")

    def test_the_directory_is_looked_at_too(self) -> None:
        self.program("etc/ganeti/restricted-commands/date")
        os.chmod(self.directory, 0o777)
        self.refused("date")

    def test_programs_of_others(self) -> None:
        self.program("etc/ganeti/restricted-commands/date")
        owner = Owner(os.stat(self.directory).st_uid + 1, os.stat(self.directory).st_gid)
        self.commands = Commands(self.runner, Paths(self.root), InlineBlocking(), self.clock, {}, owner)
        self.refused("date")

    def test_a_refusal_holds_up_the_next(self) -> None:
        self.program("etc/ganeti/restricted-commands/date")
        first, second = self.run_one("nothing"), self.run_one("date")
        self.clock.advance(LOCK_TIMEOUT)
        self.failureResultOf(second, TryLater)
        self.clock.advance(REFUSAL_DELAY)
        self.failureResultOf(first, DriverError)
        self.assertEqual(self.successResultOf(self.run_one("date")), "out and err")


class HelperTests(CommandsCase):
    def test_the_helper_is_below_the_root(self) -> None:
        place = self.program("oob")
        self.successResultOf(self.start(self.commands.run_oob(RunOob("/oob", "power-on", "n2", 60.0))))
        ((argv, env, deadline),) = self.runner.calls
        self.assertEqual((argv, deadline), ([place, "power-on", "n2"], 60.0))
        self.assertEqual(env["GANETI_HOSTNAME"], "n1")

    def test_a_helper_that_is_not_there(self) -> None:
        self.failureResultOf(self.start(self.commands.run_oob(RunOob("/oob", "health", "n2", 60.0))), DriverError)

    def test_a_line_of_the_shell(self) -> None:
        self.successResultOf(self.start(self.commands.run_command(RunCommand("ls | wc", 5.0))))
        self.assertEqual(self.runner.calls[0][0], ["/bin/sh", "-c", "ls | wc"])


class FileTests(CommandsCase):
    def put(self, path: str, content: bytes = b"x", mode: int = 0o640) -> Deferred[Any]:
        return self.start(self.commands.put_file(PutFile(path, content, mode, 1000.0)))

    def test_content_mode_and_time_below_the_root(self) -> None:
        self.successResultOf(self.put("/etc/ganeti/notice", b"to all"))
        place = os.path.join(self.root, "etc/ganeti/notice")
        with open(place, "rb") as file:
            self.assertEqual(file.read(), b"to all")
        found = os.stat(place)
        self.assertEqual((found.st_mode & 0o7777, found.st_mtime), (0o640, 1000.0))
        self.assertEqual(sorted(os.listdir(os.path.dirname(place))), ["notice", "restricted-commands"])

    def test_refusals(self) -> None:
        for path in ("relative", "/a/../b", "/etc/ganeti/", ""):
            self.failureResultOf(self.put(path), BadRequest)
        self.failureResultOf(self.put("/etc/ganeti/large", bytes(FILE_LIMIT + 1)), BadRequest)
        self.failureResultOf(self.put("/nowhere/file"), DriverError)


class PutTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = os.path.abspath(self.mktemp())
        os.makedirs(self.directory)
        self.path = os.path.join(self.directory, "secret")

    def test_a_file_that_somebody_laid_out_for_it_is_not_written_to(self) -> None:
        with open(f"{self.path}.new", "w+") as bait:
            put(self.path, b"content", 0o600, 1.0)
            self.assertEqual(bait.read(), "")
            self.assertNotEqual(os.stat(self.path).st_ino, os.fstat(bait.fileno()).st_ino)
        with open(self.path, "rb") as file:
            self.assertEqual(file.read(), b"content")
        self.assertEqual((os.stat(self.path).st_mode & 0o777, os.stat(self.path).st_mtime), (0o600, 1.0))

    def test_nothing_is_left_when_it_cannot_be_replaced(self) -> None:
        os.makedirs(self.path)
        self.assertRaises(DriverError, put, self.path, b"content", 0o600, 1.0)
        self.assertEqual(os.listdir(self.directory), ["secret"])
