"""A name server that does not answer, with real threads."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from ganeti_tw.daemon.process import Process
from ganeti_tw.daemon.settings import Settings
from ganeti_tw.errors import ResolverError
from ganeti_tw.kernel import ActorSystem
from ganeti_tw.model.paths import Paths
from ganeti_tw.protocol.node import GetFigures

reactor: Any = global_reactor
SOON = 5.0  # seconds; in an outage a question for a name has no answer for ten


class OutageTests(TestCase):
    def setUp(self) -> None:
        root = Path(self.mktemp()).absolute()
        root.mkdir()
        self.healed = threading.Event()
        settings = Settings(Paths(str(root)), "node1.example")
        clock, numbers = reactor.seconds, lambda n: b"\0" * n
        self.process = Process(settings, reactor, clock, lambda: 0.5, lambda: "", numbers, self.fail, self.hang)
        hosts = Path(self.process.paths.hosts)
        hosts.parent.mkdir(parents=True)
        hosts.write_text("192.0.2.7 listed.example\n")
        self.system = ActorSystem(reactor)
        self.agent = self.process.hands(self.system, lambda: None).agent

    def hang(self, name: str, *more: Any) -> Any:
        self.healed.wait(60)
        raise OSError(0, "no name server")

    async def tearDown(self) -> None:
        self.healed.set()
        await self.system.stop()
        await self.process.close()

    async def test_it_holds_up_nothing_else(self) -> None:
        asked = [Deferred.fromCoroutine(self.process.address_of(f"host{number}.example")) for number in range(20)]
        figures = await self.agent.ask(GetFigures("diskless", ""), SOON)
        self.assertGreater(figures.memory_total, 0)
        listed = Deferred.fromCoroutine(self.process.address_of("listed.example"))
        self.assertEqual(await listed.addTimeout(SOON, reactor), "192.0.2.7")
        own = Deferred.fromCoroutine(self.process.is_own("127.0.0.1"))
        self.assertTrue(await own.addTimeout(SOON, reactor))
        self.assertFalse(any(answer.called for answer in asked))
        self.healed.set()
        for answer in asked:
            await self.assertFailure(answer, ResolverError)
