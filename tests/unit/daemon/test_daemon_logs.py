"""The log of a host's process."""

from __future__ import annotations

import io
import os
from pathlib import Path

from twisted.internet.task import Clock
from twisted.logger import Logger, LogPublisher
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.daemon.logs import observer_to, reopen
from ganeti_tw.kernel import Actor, ActorSystem, receive


class LogTests(SynchronousTestCase):
    def written(self, level: str, namespace: str = "ganeti_tw.x") -> tuple[io.StringIO, Logger]:
        file = io.StringIO()
        return file, Logger(namespace, observer=LogPublisher(observer_to(file, level)))

    def test_a_line_has_level_place_and_text(self) -> None:
        file, log = self.written("info")
        log.warn("{node} is slow", node="node1")
        self.assertRegex(file.getvalue(), r"^\S+ WARNING \[ganeti_tw\.x\] node1 is slow\n$")

    def test_what_is_below_the_level_is_left_out(self) -> None:
        file, log = self.written("warn")
        log.info("nothing")
        self.assertEqual(file.getvalue(), "")

    def test_of_twisted_only_warnings_are_kept(self) -> None:
        file, log = self.written("debug", "twisted.internet")
        log.info("starting factory")
        log.error("broken")
        self.assertIn("broken", file.getvalue())
        self.assertNotIn("factory", file.getvalue())

    def test_the_actor_at_work_is_named(self) -> None:
        file, log = self.written("info")

        class Speaker(Actor):
            @receive(str)
            def speak(self, m: str) -> None:
                log.info("{m}", m=m)

        clock = Clock()
        ActorSystem(clock).spawn("node/speaker", Speaker).tell("hello")
        clock.advance(0)
        self.assertIn("[ganeti_tw.x node/speaker] hello", file.getvalue())

    def test_further_lines_are_indented(self) -> None:
        file, log = self.written("info")
        log.info("one\ntwo")
        self.assertIn("one\n\ttwo\n", file.getvalue())


class RotationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = self.mktemp()
        self.file = self.enterContext(open(self.path, "a", encoding="utf-8", buffering=1))
        self.file.write("before\n")

    def test_after_a_rotation_it_goes_on_in_the_new_file(self) -> None:
        os.rename(self.path, f"{self.path}.1")
        reopen(self.file, self.path)
        self.file.write("after\n")
        self.assertEqual((Path(f"{self.path}.1").read_text(), Path(self.path).read_text()), ("before\n", "after\n"))

    def test_without_a_rotation_nothing_is_lost(self) -> None:
        reopen(self.file, self.path)
        self.file.write("after\n")
        self.assertEqual(Path(self.path).read_text(), "before\nafter\n")

    def test_where_no_new_one_can_be_made_the_old_one_goes_on(self) -> None:
        reopen(self.file, f"{self.path}/none")
        self.file.write("after\n")
        self.assertEqual(Path(self.path).read_text(), "before\nafter\n")
