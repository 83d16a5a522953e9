"""Cutting values, and what garbage does."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.logger import LogLevel, capturedLogs
from twisted.protocols.amp import AmpBox
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.cli.client import Boxes
from ganeti_tw.errors import BadRequest, NotSent, OutcomeUnknown
from ganeti_tw.wire.boxes import LIMIT, STREAM_FROM, BoxProtocol, cut, join
from ganeti_tw.wire.calls import Calls

SIZES = (0, 1, 59998, 59999, 60000, 60001, 65534, 65535, 65536, 131069, 131070, 131071, 300000)


class Transport(StringTransport):
    """Asks for a pause after each write while somebody streams."""

    aborted = False
    lazy = False

    def write(self, data: bytes) -> None:
        super().write(data)
        if self.lazy and self.producer is not None:
            self.producer.pauseProducing()

    def abortConnection(self) -> None:
        self.aborted = True


def connected(**handlers: Any) -> tuple[BoxProtocol, Transport]:
    protocol = BoxProtocol(Calls({k.encode(): v for k, v in handlers.items()}, LIMIT), LIMIT)
    transport = Transport()
    protocol.makeConnection(transport)
    return protocol, transport


def boxes_in(data: bytes) -> list[dict[bytes, bytes]]:
    return list(Boxes().feed(data))


class CutTests(SynchronousTestCase):
    def test_every_size_comes_back(self) -> None:
        for size in SIZES:
            value = bytes(range(256)) * (size // 256 + 1)
            box = AmpBox(cut("body", value[:size]))
            self.assertEqual(join("body", box), value[:size])
            self.assertLessEqual(max(map(len, box.values())), 65535)

    def test_limit(self) -> None:
        self.assertEqual(len(join("body", AmpBox(cut("body", bytes(100000), 100000)))), 100000)
        error = self.assertRaises(BadRequest, cut, "body", bytes(100001), 100000)
        self.assertIn("at most 100000", error.text)

    def test_missing(self) -> None:
        self.assertIn("without body", self.assertRaises(BadRequest, join, "body", {}).text)


class GarbageTests(SynchronousTestCase):
    def check(self, garbage: bytes) -> None:
        protocol, transport = connected()
        with capturedLogs() as events:
            protocol.dataReceived(garbage)
            protocol.dataReceived(garbage)
        loud = [e for e in events if e["log_level"] >= LogLevel.warn]
        if transport.aborted:
            self.assertEqual(len(loud), 1)
            self.assertNotIn("log_failure", loud[0])

    def test_text_of_another_protocol(self) -> None:
        for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 100, b"\x16\x03\x01\x02\x00"):
            protocol, transport = connected()
            with capturedLogs() as events:
                protocol.dataReceived(garbage)
            self.assertTrue(transport.aborted, garbage)
            self.assertEqual(len(events), 1)

    def test_boxes_that_mean_nothing(self) -> None:
        for box in ({b"x": b"y"}, {b"_answer": b"99"}, {b"_error": b"1"}, {b"_error": b"99", b"_error_code": b"A"}):
            protocol, transport = connected()
            with capturedLogs() as events:
                protocol.dataReceived(AmpBox(box).serialize())
            self.assertTrue(transport.aborted, box)
            self.assertEqual(len(events), 1)

    def test_empty_box(self) -> None:
        protocol, transport = connected()
        with capturedLogs():
            protocol.dataReceived(b"\0\0")
        self.assertTrue(transport.aborted)

    def test_unknown_command_is_answered(self) -> None:
        protocol, transport = connected()
        protocol.dataReceived(AmpBox({b"_command": b"StartTLS", b"_ask": b"1"}).serialize())
        (answer,) = boxes_in(transport.value())
        self.assertEqual((answer[b"_answer"], answer[b"kind"]), (b"1", b"BadRequest"))
        self.assertFalse(transport.disconnecting or transport.aborted)

    def test_endless_boxes_are_cut_off(self) -> None:
        for value in (b"x" * 60000, b""):
            protocol, transport = connected()
            protocol.limit = 200000
            piece = b"\0\4key1" + len(value).to_bytes(2, "big") + value
            with capturedLogs():
                for _ in range(4000):
                    protocol.dataReceived(piece)
                    if transport.aborted:
                        break
            self.assertTrue(transport.aborted)

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.binary(max_size=300), max_size=5))
    def test_any_bytes(self, pieces: list[bytes]) -> None:
        self.check(b"".join(pieces))

    @settings(max_examples=200, deadline=None)
    @given(
        st.dictionaries(
            st.sampled_from([b"_ask", b"_answer", b"_error", b"_command", b"_error_code", b"body", b"x"]),
            st.sampled_from([b"", b"1", b"Ping", b"Deliver", b"\xff"]),
        )
    )
    def test_any_box(self, box: dict[bytes, bytes]) -> None:
        self.check(AmpBox(box).serialize())


class CallTests(SynchronousTestCase):
    def test_foreseen_and_unforeseen_errors_are_answers(self) -> None:
        def fail(box: AmpBox) -> bytes:
            raise KeyError("a bug")

        protocol, transport = connected(Fail=fail)
        protocol.dataReceived(AmpBox({b"_command": b"Fail", b"_ask": b"7"}).serialize())
        (answer,) = boxes_in(transport.value())
        self.assertEqual((answer[b"_answer"], answer[b"kind"]), (b"7", b"ActorCrashed"))
        self.assertFalse(transport.disconnecting or transport.aborted)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_early_error_is_not_swallowed(self) -> None:
        protocol, transport = connected()
        calls = protocol.boxReceiver
        mine = calls.call(b"Do", {"body": b""})
        protocol.dataReceived(AmpBox({b"_answer": b"1", b"kind": b"NoRoom", b"text": b"full"}).serialize())
        self.assertEqual(str(self.failureResultOf(mine).value), "full")
        protocol.dataReceived(b"")
        self.assertFalse(transport.aborted)

    def test_errors_of_plain_amp_are_understood(self) -> None:
        protocol, _ = connected()
        mine = protocol.boxReceiver.call(b"Do", {"body": b""})
        box = {b"_error": b"1", b"_error_code": b"UNKNOWN", b"_error_description": b"Unknown Error"}
        protocol.dataReceived(AmpBox(box).serialize())
        self.failureResultOf(mine, OutcomeUnknown)

    def test_too_long_a_field_fails_the_call_only(self) -> None:
        protocol, transport = connected()
        self.failureResultOf(protocol.boxReceiver.call(b"Do", {"to": bytes(70000)}), BadRequest)
        self.assertFalse(transport.disconnecting or transport.aborted)

    def test_closed_connection_sends_nothing(self) -> None:
        protocol, _ = connected()
        asked = protocol.boxReceiver.call(b"Do", {"body": b""})
        protocol.connectionLost(Failure(ConnectionDone()))
        self.failureResultOf(asked, OutcomeUnknown)
        self.failureResultOf(protocol.boxReceiver.call(b"Do", {"body": b""}), NotSent)
        protocol.boxReceiver.say(b"Do", {})


class StreamTests(SynchronousTestCase):
    def test_large_boxes_go_out_as_the_transport_takes_them(self) -> None:
        protocol, transport = connected()
        transport.lazy = True
        large = bytes(STREAM_FROM + 300000)
        protocol.boxReceiver.call(b"Large", cut("body", large))
        protocol.boxReceiver.call(b"Small", {"body": b"x"})
        written = len(transport.value())
        self.assertLess(written, 70000)
        while transport.producer is not None:
            transport.producer.resumeProducing()
        first, second = boxes_in(transport.value())
        self.assertEqual(join("body", first), large)
        self.assertEqual(second[b"_command"], b"Small")
        transport.clear()
        protocol.boxReceiver.call(b"Small", {"body": b"y"})
        self.assertEqual(len(boxes_in(transport.value())), 1)

    def test_connection_lost_while_streaming(self) -> None:
        protocol, transport = connected()
        transport.lazy = True
        protocol.boxReceiver.say(b"Large", cut("body", bytes(STREAM_FROM + 300000)))
        written = transport.value()
        self.assertLess(len(written), STREAM_FROM)
        outlet = transport.producer
        outlet.stopProducing()
        outlet.resumeProducing()
        self.assertFalse(outlet.busy)
        self.assertEqual(transport.value(), written)
