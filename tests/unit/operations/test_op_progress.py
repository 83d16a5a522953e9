"""How far an operation says it is."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import NotSent
from ganeti_tw.operations.context import Context
from ganeti_tw.protocol.node import Ping
from operation_samples import FakeHands, cluster


class Slow(FakeHands):
    """Nodes that answer when they are told to."""

    def __init__(self) -> None:
        super().__init__(cluster())
        self.answers_due: dict[str, Deferred[Any]] = {}
        self.time = 0.0
        self.told: list[Any] = []

    def on_node(self, node: str, path: str, message: Any, timeout: float) -> Deferred[Any]:
        self.answers_due[node] = Deferred()
        return self.answers_due[node]

    def elapsed(self) -> float:
        return self.time

    def say(self, kind: str, text: Any) -> None:
        self.told.append(text)


class AnswersTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.hands = Slow()
        self.context = Context(self.hands)

    def ask(self, what: str) -> Deferred[Any]:
        nodes = list(self.hands.config().nodes.values())
        return Deferred.fromCoroutine(self.context.on_nodes(nodes, Ping("x"), 60, what))

    def answer(self, *nodes: str) -> None:
        for node in nodes:
            self.hands.answers_due[node].callback(node)

    def test_it_is_told_how_many_have_answered_in_whatever_way(self) -> None:
        found = self.ask("asking")
        self.hands.time = 3.0
        self.answer("n3.example")
        self.hands.time = 6.0
        self.hands.answers_due["n1.example"].errback(NotSent("gone"))
        shown = [(t["what"], t["done"], t["total"], t["unit"]) for t in self.hands.told]
        self.assertEqual(shown, [("asking", 1, 3, "nodes"), ("asking", 2, 3, "nodes")])
        self.answer("n2.example")
        self.assertEqual(self.hands.told[-1]["percent"], 100.0)
        answers = {node.name: str(value) for node, value in self.successResultOf(found)}
        self.assertEqual(answers["n2.example"], "n2.example")
        self.assertIn("gone", answers["n1.example"])

    def test_without_a_word_for_it_nothing_is_told(self) -> None:
        self.ask("")
        self.hands.time = 9.0
        self.answer("n1.example", "n2.example", "n3.example")
        self.assertEqual(self.hands.told, [])

    def test_what_is_over_at_once_leaves_no_trace(self) -> None:
        self.ask("asking")
        self.answer("n1.example", "n2.example", "n3.example")
        self.assertEqual(self.hands.told, [])
