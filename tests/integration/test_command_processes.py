"""The runner of administrators' programs with real processes."""

from __future__ import annotations

import time
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from ganeti_tw.agent.commands import OUTPUT_LIMIT, ReactorRunner
from ganeti_tw.protocol.node import ProgramEnd


class RunnerTests(TestCase):
    def sh(self, line: str, deadline: float = 30) -> Deferred[ProgramEnd]:
        shared: Any = reactor
        return ReactorRunner(shared).run(["/bin/sh", "-c", line], {"PATH": "/usr/bin:/bin", "WORD": "x"}, deadline)

    async def test_outputs_and_status(self) -> None:
        end = await self.sh("echo $WORD; echo err >&2; exit 3")
        self.assertEqual((end.status, end.reason, end.stdout), (3, "", "x\n"))
        self.assertEqual(sorted(end.output.split()), ["err", "x"])

    async def test_what_takes_too_long_is_killed_with_its_children(self) -> None:
        begin = time.monotonic()
        end = await self.sh("echo begun; sleep 60 & sleep 60", deadline=0.5)
        self.assertLess(time.monotonic() - begin, 5)
        self.assertEqual((end.stdout, end.reason), ("begun\n", "its time was up"))
        self.assertFalse(end.good)

    async def test_a_signal(self) -> None:
        end = await self.sh("kill -9 $$")
        self.assertEqual((end.status, end.reason), (None, "killed by signal 9"))

    async def test_too_much_output_is_cut(self) -> None:
        end = await self.sh(f"head -c {OUTPUT_LIMIT + 5000} /dev/zero | tr '\\0' a")
        self.assertEqual((end.status, len(end.output)), (0, OUTPUT_LIMIT))
