"""A migration of which nobody knows whether its beginning was recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import Expired, GanetiError, Retry
from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.steps.migration import migrate
from ganeti_tw.protocol.config import Changes
from ganeti_tw.protocol.instance import ListInstances, RunningInstance
from ganeti_tw.protocol.migration import EndMigration, SendGuest
from operation_samples import N1, WEB1, FakeHands, changed, cluster, operation


class Doubtful(FakeHands):
    """The guest runs on n2.  Of its first change nobody knows whether it is ``stored``."""

    def __init__(self, stored: bool) -> None:
        config = cluster()
        guest = RunningInstance("web1.example", "fake", "running", 128, 1)
        super().__init__(changed(config, config.instance(WEB1), disks=()), {ListInstances: (guest,)})
        self._stored = stored
        self._edits = 0

    def edit(self, change: Callable[[Config], Changes]) -> Deferred[Config]:
        self._edits += 1
        if self._edits == 1:
            if self._stored:
                super().edit(change)
            return fail(Expired("config was asked to edit and did not answer within 70 s"))
        return super().edit(change)

    def on_node(self, node: str, path: str, message: Any, timeout: float) -> Deferred[Any]:
        if isinstance(message, EndMigration):
            self.answers_of[EndMigration] = node == "n2.example"
        return super().on_node(node, path, message, timeout)


class MarkTests(SynchronousTestCase):
    def fails(self, hands: FakeHands, error: type[GanetiError]) -> None:
        async def run() -> None:
            async with Context(hands) as context:
                instance, target = context.config.instance(WEB1), context.config.nodes[N1]
                await migrate(context, instance, target, live=True, allow_runtime_changes=False)

        self.failureResultOf(Deferred.fromCoroutine(run()), error)

    def test_it_is_taken_back_if_it_was(self) -> None:
        for stored in (True, False):
            hands = Doubtful(stored)
            before = hands.config().instance(WEB1).primary_node
            self.fails(hands, Expired)
            instance = hands.config().instance(WEB1)
            self.assertEqual((instance.migrating_to, instance.primary_node), (None, before))
            self.assertEqual(hands.messages(SendGuest), [])

    def test_that_of_another_is_left_alone(self) -> None:
        hands = Doubtful(True)
        hands._edits = 1
        config = hands.config()
        hands.answers_of[ListInstances] = lambda m: setattr(
            hands, "_config", changed(config, config.instance(WEB1), migrating_to=N1)
        ) or (RunningInstance("web1.example", "fake", "running", 128, 1),)
        self.fails(hands, Retry)
        self.assertEqual((hands.config().instance(WEB1).migrating_to, hands.messages(EndMigration)), (N1, []))

    def test_an_interrupted_one_says_what_to_do(self) -> None:
        config = cluster()
        op = operation("OP_INSTANCE_MIGRATE", instance_name="web1")
        self.assertIn("is on n2.example and not on its way", op.interrupted(config))
        away = changed(config, config.instance(WEB1), migrating_to=N1)
        self.assertIn("'gnt-instance migrate --cleanup web1.example'", op.interrupted(away))
