"""The log of a host's process."""

from __future__ import annotations

import io

from twisted.internet.task import Clock
from twisted.logger import Logger, LogPublisher
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.daemon.logs import observer_to
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
