"""A host in no cluster, strangers, and what may not come in."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from OpenSSL import SSL
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import LogLevel, capturedLogs
from twisted.protocols.amp import AmpBox
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.test import iosim
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from ganeti_tw.errors import Corrupt, NotSent, Refused
from ganeti_tw.protocol.node import JoinHello
from ganeti_tw.wire.delivery import FromStranger
from ganeti_tw.wire.identity import Unjoined
from ganeti_tw.wire.link import Link
from ganeti_tw.wire.tls import ClientSide
from wire_world import MASTER, NODE, NOW, Echo, Note, World

HOST = Unjoined.create("new.example.com", NOW)


class JoinTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World(server_identity=HOST)
        self.pinned = self.world.make_link("192.0.2.9:1811", pin=HOST.fingerprint)

    def tearDown(self) -> None:
        self.pinned.close()
        self.world.close()
        self.assertEqual(self.world.clock.getDelayedCalls(), [])

    def test_hello_arrives_as_from_a_stranger(self) -> None:
        hello = JoinHello("cluster.example.com", "new.example.com")
        d = self.pinned.ref("worker").ask(hello, 10)
        self.world.settle()
        self.assertEqual(self.successResultOf(d), {"nonce": "n"})
        self.assertEqual(self.world.notes, [FromStranger(MASTER.fingerprint, hello)])
        self.assertEqual(self.world.gated, [])

    def test_anything_else_is_refused(self) -> None:
        d = self.pinned.ref("worker").ask(Echo(b"x"), 10)
        self.pinned.ref("worker").tell(Note("x"))
        self.world.settle()
        self.failureResultOf(d, Refused)
        self.assertEqual(self.world.notes, [])

    def test_another_certificate_than_the_tokens(self) -> None:
        link = self.world.make_link("192.0.2.9:1811", pin="00" * 32)
        d = link.ref("worker").ask(JoinHello("c", "n"), 10)
        self.world.settle()
        self.failureResultOf(d, NotSent)
        self.assertEqual(self.world.notes, [])
        link.close()

    def test_unjoined_host_is_no_peer(self) -> None:
        d = self.world.worker.ask(Echo(b"x"), 10)
        self.world.settle()
        self.failureResultOf(d, NotSent)

    def test_joined_in_the_running_process(self) -> None:
        d = self.pinned.ref("worker").ask(JoinHello("c", "n"), 10)
        self.world.settle()
        self.world.server.use(NODE)
        self.world.settle(1)
        self.successResultOf(d)
        self.assertEqual(self.pinned.state().state, "idle")
        d = self.world.worker.ask(Echo(b"x"), 10)
        self.world.settle()
        self.assertEqual(self.successResultOf(d), b"x")
        self.assertEqual(self.world.server.peers(), ["master.example.com"])

    def test_strangers_may_not_say_much(self) -> None:
        d = self.pinned.ask("worker", "join.hello/1", bytes(300_000), 10)
        with capturedLogs() as events:
            self.world.settle()
        self.failureResultOf(d)
        self.assertEqual([e for e in events if e["log_level"] >= LogLevel.error], [])
        self.assertEqual(self.world.notes, [])

    def test_strangers_do_not_stay(self) -> None:
        d = self.pinned.ref("worker").ask(JoinHello("c", "n"), 10)
        self.world.settle(100)
        self.successResultOf(d)
        self.assertEqual(self.pinned.state().state, "up")
        self.world.settle(30)
        self.assertEqual(self.pinned.state().state, "idle")


class Talker(Protocol):
    """A TLS client that says what it likes."""

    def __init__(self) -> None:
        self.got = b""
        self.over = False

    def dataReceived(self, data: bytes) -> None:
        self.got += data

    def connectionLost(self, reason: Any = None) -> None:
        self.over = True


class GarbageTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()

    def tearDown(self) -> None:
        self.world.close()
        self.assertEqual(self.world.clock.getDelayedCalls(), [])

    def talker(self, identity: Any = MASTER) -> Talker:
        talker = Talker()
        factory = TLSMemoryBIOFactory(ClientSide(lambda: identity), True, None, self.world.clock)  # type: ignore
        self.world.connect(factory.protocol(factory, talker))
        self.world.settle()
        return talker

    def test_garbage_closes_only_its_own_connection(self) -> None:
        good = self.world.worker.ask(Echo(b"x"), 10)
        self.world.settle()
        self.successResultOf(good)
        talker = self.talker()
        with capturedLogs() as events:
            talker.transport.write(b"\xde\xad\xbe\xef" * 1000)
            self.world.settle()
        self.assertTrue(talker.over)
        loud = [e for e in events if e["log_level"] >= LogLevel.warn]
        self.assertEqual(len(loud), 1)
        self.assertEqual(loud[0]["peer"], "master.example.com")
        d = self.world.worker.ask(Echo(b"y"), 10)
        self.world.settle()
        self.assertEqual(self.successResultOf(d), b"y")
        self.assertEqual(self.world.dials, 1)

    def test_malformed_deliveries_are_answered(self) -> None:
        talker = self.talker()
        for box in (
            {},
            {b"to": b"worker"},
            {b"to": b"\xff", b"name": b"test.echo/1", b"epoch": b"1", b"left": b"1", b"body": b""},
            {b"to": b"worker", b"name": b"test.echo/1", b"epoch": b"one", b"left": b"1", b"body": b""},
            {b"to": b"worker", b"name": b"test.echo/1", b"epoch": b"1", b"left": b"nan", b"body": b""},
            {b"to": b"worker", b"name": b"test.echo/1", b"epoch": b"1", b"left": b"-1", b"body": b""},
            {b"to": b"worker", b"name": b"test.echo/1", b"epoch": b"1", b"left": b"1e300", b"body": b""},
            {b"to": b"worker", b"name": b"test.echo/1", b"epoch": b"9" * 5000, b"left": b"1", b"body": b""},
        ):
            talker.got = b""
            talker.transport.write(AmpBox({b"_command": b"Deliver", b"_ask": b"1", **box}).serialize())
            self.world.settle()
            self.assertIn(b"BadRequest", talker.got, box)
            self.assertFalse(talker.over)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_no_tls_is_one_line(self) -> None:
        plain = Talker()
        with capturedLogs() as events:
            transport = self.world.connect(plain)
            transport.write(b"GET / HTTP/1.1\r\n\r\n")
            self.world.settle()
        self.assertTrue(plain.over)
        self.assertEqual(len([e for e in events if e["log_level"] >= LogLevel.warn]), 1)

    def test_slow_handshakes_are_cut_off(self) -> None:
        plain = Talker()
        self.world.connect(plain)
        with capturedLogs():
            self.world.settle(11)
        self.assertTrue(plain.over)

    def test_too_many_unproven_connections(self) -> None:
        with capturedLogs():
            made = [self.world.server.factory().buildProtocol(None) for _ in range(70)]
            self.assertEqual(sum(m is not None for m in made), 64)
        for m in made:
            if m is not None:
                m.makeConnection(StringTransport())
                m.wrappedProtocol.connectionLost()

    def test_no_certificate(self) -> None:
        @implementer(IOpenSSLClientConnectionCreator)
        class Anonymous:
            def clientConnectionForTLS(self, tls: Any) -> SSL.Connection:
                return SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)

        talker = Talker()
        factory = TLSMemoryBIOFactory(Anonymous(), True, None, self.world.clock)  # type: ignore
        self.world.connect(factory.protocol(factory, talker))
        with capturedLogs():
            self.world.settle()
        self.assertTrue(talker.over)
        self.assertEqual((talker.got, self.world.gated), (b"", []))


class ServerSpeaksTests(SynchronousTestCase):
    """What a server sends is not trusted either."""

    def test_servers_give_no_orders_and_other_versions_are_told(self) -> None:
        clock, factories = Clock(), []

        def dial(factory: Any) -> Deferred[object]:
            factories.append(factory)
            return Deferred()

        link = Link("node1.example.com", clock, dial, lambda certificate: None, lambda: 1, lambda: 1.0)
        d = link.ref("worker").ask(Echo(b"x"), 10)
        protocol = factories[0].buildProtocol(None)
        transport = iosim.FakeTransport(protocol, False)
        protocol.makeConnection(transport)
        box = {b"_command": b"Deliver", b"_ask": b"1", b"to": b"worker", b"name": b"test.note/1", b"body": b""}
        protocol.dataReceived(AmpBox(box).serialize())
        self.assertIn(b"unknown command", b"".join(transport.stream))
        with capturedLogs():
            protocol.dataReceived(AmpBox({b"_command": b"Hello", b"wire": b"2"}).serialize())
        transport.reportDisconnect()
        self.assertIn("version", str(self.failureResultOf(d, NotSent).value))
        link.close()
        self.assertEqual(clock.getDelayedCalls(), [])


class IdentityTests(SynchronousTestCase):
    def test_identity_of_no_use_changes_nothing(self) -> None:
        world = World()
        broken = evolve(NODE, key=MASTER.key)
        self.assertRaises(Corrupt, world.server.use, broken)
        d = world.worker.ask(Echo(b"x"), 10)
        world.settle()
        self.assertEqual(self.successResultOf(d), b"x")
        world.close()
