"""The local socket, without a socket."""

from __future__ import annotations

import json
import os
import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.protocols.amp import AmpBox
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.cli.client import Boxes
from ganeti_tw.errors import BadRequest, Exists, NoRoom
from ganeti_tw.wire.boxes import cut, join
from ganeti_tw.wire.local import LocalServer, make_way
from test_wire_boxes import Transport


class LocalTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.waiting: list[Deferred[Any]] = []
        self.cancelled: list[Deferred[Any]] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.server = LocalServer(self.clock, "unused", self.handle, most_calls=3)
        self.protocol = self.server.accept()
        self.transport = Transport()
        self.protocol.makeConnection(self.transport)
        self.tag = 0

    def handle(self, method: str, arguments: dict[str, Any]) -> Any:
        self.calls.append((method, arguments))
        if method == "wait":
            self.waiting.append(Deferred(self.cancelled.append))
            return self.waiting[-1]
        if method == "full":
            raise NoRoom("all 256 minors are taken")
        if method == "bug":
            raise ZeroDivisionError
        if method == "object":
            return object()
        if method == "rows":
            return [["x" * 1000]] * 3000
        if method == "later":
            return self.later(arguments)
        return arguments

    async def later(self, arguments: dict[str, Any]) -> Any:
        self.waiting.append(Deferred(self.cancelled.append))
        return {"got": await self.waiting[-1], **arguments}

    def call(self, method: bytes, body: bytes) -> None:
        self.tag += 1
        fields = {"_command": b"Call", "_ask": b"%d" % self.tag, "method": method, **cut("body", body)}
        self.protocol.dataReceived(AmpBox(fields).serialize())

    def answers(self) -> list[Any]:
        found = []
        for box in Boxes().feed(self.transport.value()):
            found.append(box[b"kind"].decode() if b"kind" in box else json.loads(join("body", box)))
        self.transport.clear()
        return found

    def test_values(self) -> None:
        for value in ({}, {"a": [1, 2.5, None, True, "ü"]}, {"long": "x" * 300_000}):
            self.call(b"echo", json.dumps(value).encode())
            self.assertEqual(self.answers(), [value])

    def test_a_long_answer_is_written_in_several_turns(self) -> None:
        self.call(b"rows", b"{}")
        self.call(b"echo", b"{}")
        self.assertEqual(self.answers(), [{}])
        self.clock.advance(0)
        self.assertEqual(self.answers(), [[["x" * 1000]] * 3000])

    def test_one_that_nobody_waits_for_is_not_written(self) -> None:
        self.call(b"rows", b"{}")
        self.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_errors(self) -> None:
        for method, body, kind in (
            (b"full", b"{}", "NoRoom"),
            (b"bug", b"{}", "ActorCrashed"),
            (b"object", b"{}", "ActorCrashed"),
            (b"echo", b"", "BadRequest"),
            (b"echo", b"[1]", "BadRequest"),
            (b"echo", b"{", "BadRequest"),
            (b"echo", b'{"a":"\xff"}', "BadRequest"),
            (b"echo", b'{"a":' + b"[" * 100000, "BadRequest"),
            (b"\xff", b"{}", "BadRequest"),
        ):
            self.call(method, body)
            self.assertEqual(self.answers(), [kind], (method, body[:20]))
        self.assertFalse(self.transport.aborted or self.transport.disconnecting)
        self.flushLoggedErrors(ZeroDivisionError, TypeError)

    def test_answers_come_as_they_are_ready(self) -> None:
        self.call(b"wait", b"{}")
        self.call(b"later", b'{"x":1}')
        self.call(b"echo", b'{"y":2}')
        self.assertEqual(self.answers(), [{"y": 2}])
        self.waiting[1].callback("later")
        self.assertEqual(self.answers(), [{"got": "later", "x": 1}])
        self.waiting[0].errback(NoRoom("full"))
        self.assertEqual(self.answers(), ["NoRoom"])

    def test_a_client_that_goes_away_has_its_calls_cancelled(self) -> None:
        self.call(b"wait", b"{}")
        self.call(b"later", b"{}")
        self.protocol.connectionLost(Failure(ConnectionDone()))
        self.assertCountEqual(self.cancelled, self.waiting)
        self.assertEqual(self.server._connections, set())

    def test_too_many_calls_are_not_read_until_others_ended(self) -> None:
        for _ in range(3):
            self.call(b"wait", b"{}")
        self.call(b"echo", b'{"y":2}')
        self.assertEqual((len(self.calls), self.transport.producerState), (3, "paused"))
        self.waiting[0].callback(0)
        self.waiting[1].callback(1)
        self.clock.advance(0)
        self.assertEqual(self.answers(), [0, 1, {"y": 2}])
        self.assertEqual(self.transport.producerState, "producing")

    def test_garbage_closes_the_connection_only(self) -> None:
        other = self.server.accept()
        transport = Transport()
        other.makeConnection(transport)
        with capturedLogs() as events:
            self.protocol.dataReceived(b"GET / HTTP/1.0\r\n\r\n")
        self.assertEqual((self.transport.aborted, transport.aborted, len(events)), (True, False, 1))


class MakeWayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = os.path.relpath(self.mktemp())

    def test_nothing_there(self) -> None:
        make_way(self.path)
        self.assertFalse(os.path.lexists(self.path))

    def test_live_socket_stays(self) -> None:
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(self.path)
            s.listen(1)
            self.assertIn(self.path, self.assertRaises(Exists, make_way, self.path).text)
        self.assertTrue(os.path.exists(self.path))

    def test_live_socket_with_a_full_backlog_stays(self) -> None:
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(self.path)
            s.listen(0)
            clients = [socket.socket(socket.AF_UNIX) for _ in range(3)]
            for c in clients:
                c.setblocking(False)
                c.connect_ex(self.path)
            self.assertRaises(Exists, make_way, self.path)
            for c in clients:
                c.close()

    def test_dead_socket_goes(self) -> None:
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(self.path)
            s.listen(1)
        make_way(self.path)
        self.assertFalse(os.path.exists(self.path))

    def test_files_stay(self) -> None:
        with open(self.path, "w") as f:
            f.write("precious")
        self.assertRaises(Exists, make_way, self.path)
        self.assertTrue(os.path.exists(self.path))

    def test_long_paths(self) -> None:
        make_way("x" * 107)
        text = self.assertRaises(BadRequest, make_way, "x" * 108).text
        self.assertIn("107", text)
        self.assertRaises(BadRequest, make_way, "ü" * 60)
