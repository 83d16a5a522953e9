"""What an administrator reads when a node cannot be reached, or does not answer."""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module

from twisted.internet.error import ConnectionRefusedError, NoRouteError, TCPTimedOutError
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw import protocol
from ganeti_tw.errors import GanetiError, NotSent, OutcomeUnknown
from ganeti_tw.protocol.registry import asked_of, names, what
from ganeti_tw.wire.calls import reason_of
from ganeti_tw.wire.memory import MemoryNetwork
from ganeti_tw.wire.outbound import Outbound
from ganeti_tw.wire.request import Request
from wire_world import Echo, Wait, World

for module in pkgutil.iter_modules(protocol.__path__):
    import_module(f"{protocol.__name__}.{module.name}")

NAME = re.compile(r"[a-z_]+\.[a-z_]+/\d")  # of a message, as it travels


class EveryMessageTests(SynchronousTestCase):
    def test_each_is_told_in_the_words_of_administrators(self) -> None:
        self.assertGreater(len(names()), 40)
        for name in names():
            words = what(name)
            self.assertRegex(words, r"^[a-z].*[a-zA-Z]$", name)
            self.assertNotRegex(words, r"[._/]|answer\b.*:", name)
            self.assertLess(len(words), 70, name)

    def test_none_shows_its_name_in_an_error(self) -> None:
        network = MemoryNetwork(Clock())
        for name in names():
            link = network.links("master", lambda: 1).link("node1")
            asked = link.ask("follower/part", name, b"", 10)
            network.clock.advance(0)  # type: ignore[attr-defined]
            text = str(self.failureResultOf(asked, NotSent).value)
            self.assertEqual(
                text, f"node1 could not be asked to {what(name)}: connection refused (does ganeti run there?)"
            )
            self.assertNotRegex(text, NAME)
            self.assertNotIn("follower/part", text)

    def test_deadlines_are_told_likewise(self) -> None:
        for sent, words in (
            (True, "node1 was asked to {what} and did not answer within 3 s"),
            (False, "node1 could not be asked to {what}: the cable is out; tried for another 3 s"),
        ):
            for name in names():
                clock = Clock()
                request = Request("node1", "node", name, b"", clock, 3.0, lambda request: "the cable is out")
                if sent:
                    request.sent()
                answer = request.answer
                assert answer is not None
                clock.advance(3)
                error = self.failureResultOf(answer, GanetiError).value
                self.assertEqual(str(error), words.format(what=what(name)))


class ReasonTests(SynchronousTestCase):
    def test_refused_and_silent_hosts_come_with_a_question(self) -> None:
        for error, words in (
            (ConnectionRefusedError(111, "Connection refused"), "connection refused (does ganeti run there?)"),
            (NoRouteError(113, "No route to host"), "no route to it (is it up, and in the network?)"),
            (TCPTimedOutError(110, "Timed out"), "no connection in time (is it up, and in the network?)"),
        ):
            self.assertEqual(reason_of(Failure(error)), words)


class LinkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.addCleanup(self.world.close)

    def test_a_refused_connection(self) -> None:
        self.world.up = False
        asked = self.world.worker.ask(Echo(b"x"), 30)
        self.world.settle()
        self.assertEqual(
            str(self.failureResultOf(asked, NotSent).value),
            "node1.example.com could not be asked to give something back: connection refused (does ganeti run there?)",
        )

    def test_a_silent_host(self) -> None:
        self.world.black_hole = True
        asked = self.world.worker.ask(Wait(), 30)
        self.world.settle(6)
        self.assertEqual(
            str(self.failureResultOf(asked, NotSent).value),
            "node1.example.com could not be asked to wait: no connection within 5 s (is it up, and in the network?)",
        )

    def test_a_connection_that_is_lost(self) -> None:
        asked = self.world.worker.ask(Wait(), 30)
        self.world.settle()
        self.world.drop()
        self.world.settle()
        self.assertRegex(
            str(self.failureResultOf(asked, OutcomeUnknown).value),
            "^node1.example.com was asked to wait, and the connection was lost before the answer came: [A-Z]",
        )

    def test_a_connection_that_is_closed_already(self) -> None:
        request = Request("node1", "worker", "test.wait/1", b"", self.world.clock, 3.0, lambda request: "")
        answer = request.answer
        assert answer is not None
        Outbound("node1", self.world.clock, *[lambda _: None] * 3).send(request, 7)
        text = str(self.failureResultOf(answer, NotSent).value)
        self.assertEqual(text, "node1 could not be asked to wait: the connection was closed just now")

    def test_a_deadline_on_the_other_host(self) -> None:
        asked = self.world.system.find("worker").ask(Wait(), 3)  # type: ignore[union-attr]
        self.world.settle(4)
        text = str(self.failureResultOf(asked, OutcomeUnknown).value)
        self.assertEqual(text, "worker was asked to wait and did not answer within 3 s")

    def test_the_server_tells_whose_connection_ended(self) -> None:
        lost: list[str] = []
        world = World(lost=lost.append)
        self.addCleanup(world.close)
        world.worker.ask(Echo(b"x"), 30)
        world.settle()
        self.assertEqual(lost, [])
        world.drop()
        world.settle()
        self.assertEqual(lost, ["master.example.com"])


class UndeclaredTests(SynchronousTestCase):
    def test_what_stays_in_its_process_is_told_by_its_name(self) -> None:
        class GetGoodNews:
            pass

        class _Retry:
            pass

        self.assertEqual(
            (asked_of(GetGoodNews()), asked_of(_Retry()), asked_of("x")), ("get good news", "retry", "str")
        )
