"""Reaching addresses over real sockets."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.trial.unittest import TestCase

from ganeti_tw.agent.reach import TcpReach

reactor: Any = global_reactor


class ReachTests(TestCase):
    async def test_what_answers_and_what_does_not(self) -> None:
        for address in ("127.0.0.1", "::1"):
            port = reactor.listenTCP(0, Factory.forProtocol(Protocol), interface=address)
            number = port.getHost().port
            reach = TcpReach(reactor, number)
            self.assertEqual(await reach.problem(address), "")
            self.assertEqual(await reach.silence(address), "")
            await port.stopListening()
            self.assertEqual(await reach.silence(address), "")  # it says that nobody listens
            self.assertIn(f"port {number}", await reach.problem(address))

    async def test_an_address_that_no_host_has(self) -> None:
        self.assertIn("port 9", await TcpReach(reactor, 9).silence("255.255.255.255"))
