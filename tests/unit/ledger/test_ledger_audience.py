"""News for listeners that are busy or gone."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import ActorStopped, MailboxFull
from ganeti_tw.kernel import Ref
from ganeti_tw.ledger.audience import MOST_UNTOLD, Audience


class FakeListener(Ref):
    rank = 30

    def __init__(self) -> None:
        self.path = "listener"
        self.heard: list[Any] = []
        self.error: Exception | None = None
        self.ended = False

    def tell(self, message: Any) -> None:
        if self.error is not None:
            raise self.error
        self.heard.append(message)

    def ask(self, message: Any, timeout: float) -> Deferred[Any]:
        raise NotImplementedError

    def watch(self, watcher: Ref) -> None: ...

    def stop(self) -> None:
        self.ended = True


class AudienceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reminders: list[int] = []
        self.audience = Audience(lambda: self.reminders.append(1))
        self.listener = FakeListener()
        self.audience.add(self.listener)

    def test_a_busy_listener_hears_everything_later_in_order(self) -> None:
        self.listener.error = MailboxFull()
        self.audience.tell(1)
        self.listener.error = None
        self.audience.tell(2)
        self.assertEqual(self.listener.heard, [1, 2])
        self.assertEqual(len(self.reminders), 1)

    def test_one_that_never_listens_is_stopped(self) -> None:
        self.listener.error = MailboxFull()
        for n in range(MOST_UNTOLD + 1):
            self.audience.tell(n)
        self.assertTrue(self.listener.ended)

    def test_one_that_is_gone_is_forgotten(self) -> None:
        self.listener.error = ActorStopped()
        self.audience.tell(1)
        self.listener.error = None
        self.audience.tell(2)
        self.assertEqual(self.listener.heard, [])

    def test_adding_twice_tells_once(self) -> None:
        self.audience.add(self.listener)
        self.audience.tell(1)
        self.assertEqual(self.listener.heard, [1])

    def test_removed_by_path(self) -> None:
        self.audience.remove("listener")
        self.audience.tell(1)
        self.assertEqual(self.listener.heard, [])
