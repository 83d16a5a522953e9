"""Bells as real sockets: who connects and sends a byte, or hangs up, rings."""

from __future__ import annotations

import os
import socket
import tempfile
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from ganeti_tw.cli.machine import LocalMachine
from ganeti_tw.daemon.bells import SocketBells
from ganeti_tw.errors import DriverError

reactor: Any = global_reactor


class BellTests(TestCase):
    timeout = 20

    def setUp(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.bells = SocketBells(reactor, self.directory.name, lambda: "12345678-9")

    def wait(self, seconds: float) -> Deferred[None]:
        return deferLater(reactor, seconds, lambda: None)

    async def test_a_byte(self) -> None:
        bell = self.bells.open()
        self.assertTrue(await deferToThread(LocalMachine().ring, bell.path))
        await bell.reached
        await bell.rung
        bell.close()
        await self.wait(0.01)
        self.assertEqual(os.listdir(self.directory.name), [])
        self.assertFalse(await deferToThread(LocalMachine().ring, bell.path))

    async def test_hanging_up(self) -> None:
        bell = self.bells.open()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(bell.path)
            await bell.reached
            self.assertFalse(bell.rung.called)
        await bell.rung
        bell.close()
        await self.wait(0.01)

    async def test_closing_hangs_up(self) -> None:
        bell = self.bells.open()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(bell.path)
            await bell.reached
            bell.close()
            client.settimeout(5)
            self.assertEqual(await deferToThread(client.recv, 1), b"")
        await self.wait(0.01)

    async def test_a_place_that_is_taken(self) -> None:
        bell = self.bells.open()
        self.assertRaises(DriverError, self.bells.open)
        bell.close()
        await self.wait(0)
