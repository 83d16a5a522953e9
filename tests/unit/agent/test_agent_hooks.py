"""Which scripts of a hook run, in what order, and what is said of them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.agent.hooks import OUTPUT_KEPT, HookScripts
from ganeti_tw.errors import BadRequest, DriverError
from ganeti_tw.kernel import InlineBlocking
from ganeti_tw.model.paths import Paths
from ganeti_tw.protocol.node import MASTER_ONLY, HookEnd, ProgramEnd, RunHooks

GOOD = ProgramEnd(0, "", "", "")


class FakeRunner:
    """Programs end as ``ends`` says by their name, after ``takes`` seconds."""

    def __init__(self, clock: Clock) -> None:
        self.calls: list[tuple[str, dict[str, str], float]] = []
        self.ends: dict[str, ProgramEnd] = {}
        self.takes = 0.0
        self._clock = clock

    def run(self, argv: Sequence[str], env: Mapping[str, str], deadline: float) -> Deferred[ProgramEnd]:
        self._clock.rightNow += self.takes
        name = os.path.basename(argv[0])
        self.calls.append((name, dict(env), deadline))
        return succeed(self.ends.get(name, GOOD))


class HookScriptsTests(SynchronousTestCase):
    def setUp(self) -> None:
        root = os.path.abspath(self.mktemp())
        self.directory = os.path.join(root, "etc/ganeti/hooks/instance-start-pre.d")
        self.clock = Clock()
        self.runner = FakeRunner(self.clock)
        self.hooks = HookScripts(self.runner, Paths(root), InlineBlocking(), self.clock, {"GANETI_HOSTNAME": "n1"})

    def script(self, name: str, mode: int = 0o755) -> None:
        os.makedirs(self.directory, exist_ok=True)
        with open(os.path.join(self.directory, name), "w") as file:
            file.write("#!/bin/sh\n")
        os.chmod(os.path.join(self.directory, name), mode)

    def start(self, name: str = "instance-start", phase: str = "pre") -> Deferred[Any]:
        return Deferred.fromCoroutine(self.hooks.run(RunHooks(name, phase, {"A": "1"}, 100.0)))

    def ends(self) -> Any:
        return self.successResultOf(self.start())

    def test_without_a_directory_nothing_runs(self) -> None:
        self.assertEqual(self.ends(), ())

    def test_by_name_and_with_nothing_but_the_environment(self) -> None:
        for name in ("20-b", "10-a"):
            self.script(name)
        self.assertEqual(self.ends(), (HookEnd("10-a", "success", ""), HookEnd("20-b", "success", "")))
        wanted = {"A": "1", "GANETI_HOSTNAME": "n1"}
        self.assertEqual(self.runner.calls, [("10-a", wanted, 100.0), ("20-b", wanted, 100.0)])

    def test_what_is_skipped(self) -> None:
        self.script("a.sh")
        self.script("b", 0o644)
        self.script("c")
        os.mkdir(os.path.join(self.directory, "d"))
        self.script("e~")
        skipped = [HookEnd(name, "skip", "") for name in ("a.sh", "b", "d", "e~")]
        self.assertEqual([end for end in self.ends() if end.status == "skip"], skipped)
        self.assertEqual([name for name, _, _ in self.runner.calls], ["c"])

    def test_a_failing_script_does_not_hold_up_the_next(self) -> None:
        for name in ("a", "b", "c"):
            self.script(name)
        self.runner.ends = {"a": ProgramEnd(1, "", "", "no"), "b": ProgramEnd(3, "", "", " \n")}
        wanted = (HookEnd("a", "fail", "no"), HookEnd("b", "fail", "exit status 3"), HookEnd("c", "success", ""))
        self.assertEqual(self.ends(), wanted)

    def test_all_share_the_time_there_is(self) -> None:
        for name in ("a", "b", "c"):
            self.script(name)
        self.runner.takes = 60.0
        found = self.ends()
        self.assertEqual([deadline for _, _, deadline in self.runner.calls], [100.0, 40.0])
        self.assertEqual((found[2].script, found[2].status), ("c", "fail"))
        self.assertIn("time", found[2].output)

    def test_output_is_cut(self) -> None:
        self.script("a")
        self.runner.ends = {"a": ProgramEnd(0, "", "", "x" * (OUTPUT_KEPT + 5))}
        self.assertEqual(len(self.ends()[0].output), OUTPUT_KEPT)

    def test_what_is_no_hook(self) -> None:
        for name, phase in (("../x", "pre"), ("", "pre"), ("instance-start", "while")):
            self.failureResultOf(self.start(name, phase), BadRequest)

    def test_a_directory_that_cannot_be_read(self) -> None:
        os.makedirs(os.path.dirname(self.directory))
        os.symlink(self.directory, self.directory)
        self.failureResultOf(self.start(), DriverError)

    def test_only_the_master_may_ask(self) -> None:
        self.assertIn("node.run_hooks/1", MASTER_ONLY)
