"""Clients of the local socket while many others connect: they wait for their turn."""

from __future__ import annotations

import socket
import tempfile
import time
from pathlib import Path
from unittest import TestCase

from ganeti_tw.cli.client import Client
from ganeti_tw.errors import NotSent


class CrowdTests(TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = str(Path(directory.name) / "s")
        self.server = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.server.close)
        self.server.bind(self.path)
        self.server.listen(0)
        self.before = socket.socket(socket.AF_UNIX)
        self.addCleanup(self.before.close)
        self.before.connect(self.path)  # nobody else fits in before this one is accepted

    def client(self, timeout: float) -> Client:
        client = Client(self.path, timeout=timeout)
        self.addCleanup(client.close)
        return client

    def test_a_client_waits_and_then_says_what_to_do(self) -> None:
        begin = time.monotonic()
        with self.assertRaises(NotSent) as caught:
            self.client(0.1).send("ping", {})
        self.assertGreater(time.monotonic() - begin, 0.08)
        self.assertIn("try again later", caught.exception.text)

    def test_it_gets_through_when_there_is_room(self) -> None:
        self.server.accept()[0].close()
        self.client(10).send("ping", {})
        connection, _ = self.server.accept()
        self.addCleanup(connection.close)
        self.assertTrue(connection.recv(10))
