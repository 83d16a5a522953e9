"""confd and its blocking client over real datagrams."""

from __future__ import annotations

import time
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from ganeti_tw.confd.client import ask
from ganeti_tw.confd.server import ConfdServer
from ganeti_tw.errors import Expired, NotSent

KEY = b"key\n"
reactor: Any = global_reactor


class UdpTests(TestCase):
    def setUp(self) -> None:
        self.server = ConfdServer(lambda: None, lambda: KEY, time.time)
        self.port = reactor.listenUDP(0, self.server, interface="127.0.0.1")
        self.addCleanup(self.port.stopListening)

    async def ask(self, key: bytes = KEY, port: int = 0, timeout: float = 10.0) -> Any:
        number = port or self.port.getHost().port
        return await deferToThread(
            ask, "127.0.0.1", key, 0, rsalt="r1", now=time.time, timeout=timeout, port=number
        )

    async def test_an_answer_comes_back(self) -> None:
        reply = await self.ask()
        self.assertEqual((reply.status, reply.serial), (1, 0))

    async def test_another_key_gets_no_answer(self) -> None:
        with self.assertRaises(Expired):
            await self.ask(key=b"other\n", timeout=0.2)

    async def test_nobody_there_is_told_apart(self) -> None:
        unused = reactor.listenUDP(0, ConfdServer(lambda: None, lambda: KEY, time.time), interface="127.0.0.1")
        number = unused.getHost().port
        await unused.stopListening()
        with self.assertRaises(NotSent):
            await self.ask(port=number)
