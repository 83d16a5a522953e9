"""Links and server over real TLS sockets."""

from __future__ import annotations

import socket
import time
from typing import Any

from attrs import frozen
from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from ganeti_tw.errors import DriverError, Expired, NoRoom, NotSent, OutcomeUnknown, Refused
from ganeti_tw.kernel import Actor, ActorSystem, Rank, receive
from ganeti_tw.protocol.node import JoinHello, JoinWelcome, Ping
from ganeti_tw.protocol.registry import wire
from ganeti_tw.wire.delivery import FromStranger
from ganeti_tw.wire.identity import CertificateAuthority, Identity, Unjoined
from ganeti_tw.wire.links import Links
from ganeti_tw.wire.server import WireServer
from ganeti_tw.wire.token import Invitation, Token, join_proof

reactor: Any = global_reactor
NOW = time.time()


@wire("socket_test.copy/1", what="give something back", answer=bytes)
@frozen
class Copy:
    value: bytes


@wire("socket_test.fail/1", what="fail", answer=None)
@frozen
class Fail:
    pass


@wire("socket_test.wait/1", what="wait", answer=None)
@frozen
class Wait:
    pass


class Node(Actor):
    rank = Rank.NODE

    def __init__(self) -> None:
        self.waiting: list[Deferred[Any]] = []
        self.invitation: Invitation | None = None
        self.joined: list[JoinWelcome] = []

    @receive(Ping)
    def ping(self, m: Ping) -> str:
        return m.text

    @receive(Copy)
    def copy(self, m: Copy) -> bytes:
        return m.value

    @receive(Fail)
    def fail(self, m: Fail) -> None:
        raise NoRoom("full")

    @receive(Wait)
    def wait(self, m: Wait) -> Any:
        self.waiting.append(Deferred())
        return self.waiting[-1]

    @receive(FromStranger)
    def stranger(self, m: FromStranger) -> Any:
        assert self.invitation is not None
        if isinstance(m.message, JoinHello):
            return {"nonce": self.invitation.hello(m.fingerprint, NOW)}
        self.invitation.welcome(m.message.proof, m.fingerprint, NOW)
        self.joined.append(m.message)
        return None


def member(ca: CertificateAuthority, name: str) -> Identity:
    host = Unjoined.create(name, NOW)
    return host.join(ca.sign(host.csr(), name, NOW), ca.certificate)


CA = CertificateAuthority.create("cluster.example.com", NOW)
MASTER, NODE = member(CA, "master.example.com"), member(CA, "node1.example.com")


class SocketCase(TestCase):
    identity: Any = NODE

    def setUp(self) -> None:
        self.system = ActorSystem(reactor)
        self.nodes: list[Node] = []
        self.refusal: Exception | None = None
        self.system.spawn("node", self.make_node)
        self.server = WireServer(reactor, self.identity, self.system, self.gate)
        self.address = self.server.listen(0, "127.0.0.1")
        self.links = Links(reactor, MASTER, lambda name: self.address, lambda: 3, random=lambda: 0.0)
        self.node = self.links.ref("node1.example.com", "node")

    async def tearDown(self) -> None:
        await self.links.close()
        await self.server.close()
        await self.system.stop()

    def make_node(self) -> Node:
        self.nodes.append(Node())
        return self.nodes[-1]

    def gate(self, peer: str, epoch: int, name: str) -> None:
        if self.refusal is not None:
            raise self.refusal

    async def failure(self, asked: Deferred[Any], kind: type[Exception]) -> str:
        try:
            await asked
        except kind as e:
            return str(e)
        raise AssertionError(f"no {kind.__name__}")


class LinkTests(SocketCase):
    async def test_many_small_and_some_large(self) -> None:
        values = [bytes([i % 256]) * (3_000_000 if i % 50 == 0 else i) for i in range(200)]
        answers = await gatherResults([self.node.ask(Copy(v), 30) for v in values])
        self.assertEqual(answers, values)
        (state,) = self.links.state()
        self.assertEqual((state.state, state.pending, state.waiting), ("up", 0, 0))
        self.assertEqual(self.server.peers(), ["master.example.com"])

    async def test_a_large_message_does_not_hold_the_reactor(self) -> None:
        await self.node.ask(Ping("x"), 10)
        gaps, last, running = [], time.monotonic(), True

        def tick() -> None:
            nonlocal last
            now = time.monotonic()
            gaps.append(now - last)
            last = now
            if running:
                reactor.callLater(0, tick)

        tick()
        answer = await self.node.ask(Copy(bytes(40_000_000)), 60)
        running = False
        self.assertEqual(len(answer), 40_000_000)
        self.assertGreater(len(gaps), 100)  # it went in many turns

    async def test_errors(self) -> None:
        self.assertEqual(await self.failure(self.node.ask(Fail(), 10), NoRoom), "full")
        await self.failure(self.node.ask(Wait(), 0.2), Expired)
        self.refusal = Refused("not a candidate")
        await self.failure(self.node.ask(Ping("x"), 10), Refused)

    async def test_nobody_listens(self) -> None:
        await self.server.close()
        await self.failure(self.node.ask(Ping("x"), 10), NotSent)

    async def test_peer_goes_and_comes_back(self) -> None:
        await self.node.ask(Ping("x"), 10)
        asked = self.node.ask(Wait(), 10)
        await self.node.ask(Ping("x"), 10)  # came after it, so that it came too
        await self.server.close()
        await self.failure(asked, OutcomeUnknown)
        self.server = WireServer(reactor, NODE, self.system, self.gate)
        self.server.listen(self.address[1], "127.0.0.1")
        self.assertEqual(await self.node.ask(Ping("back"), 10), "back")

    async def test_wrong_name_and_wrong_cluster(self) -> None:
        text = await self.failure(self.links.ref("node2.example.com", "node").ask(Ping("x"), 10), NotSent)
        self.assertIn("not node2.example.com", text)
        stranger = Links(
            reactor,
            member(CertificateAuthority.create("other", NOW), "master.example.com"),
            lambda name: self.address,
            lambda: 3,
        )
        await self.failure(stranger.ref("node1.example.com", "node").ask(Ping("x"), 10), NotSent)
        await stranger.close()

    async def test_names_that_do_not_resolve(self) -> None:
        def resolve(name: str) -> tuple[str, int]:
            raise Refused("no address for that name")

        links = Links(reactor, MASTER, resolve, lambda: 3)
        asked = links.ref("node1.example.com", "node").ask(Ping("x"), 10)
        self.assertIn("no address", await self.failure(asked, NotSent))
        await links.close()

    async def test_port_that_is_taken(self) -> None:
        other = WireServer(reactor, NODE, self.system, self.gate)
        with self.assertRaises(DriverError) as caught:
            other.listen(self.address[1], "127.0.0.1")
        self.assertIn(f"'ss -ltnp sport = :{self.address[1]}' tells which process has it", caught.exception.text)

    async def test_garbage_on_the_port(self) -> None:
        def talk(data: bytes) -> bytes:
            with socket.create_connection(self.address, 5) as s:
                s.sendall(data)
                s.settimeout(5)
                got = b""
                try:
                    while piece := s.recv(1000):
                        got += piece
                except ConnectionResetError:
                    pass
                return got

        await self.node.ask(Ping("x"), 10)
        for garbage in (b"GET / HTTP/1.0\r\n\r\n", b"\0" * 100000):
            await deferToThread(talk, garbage)
        self.assertEqual(await self.node.ask(Ping("still"), 10), "still")


class JoinTests(SocketCase):
    identity = Unjoined.create("new.example.com", NOW)

    async def test_from_token_to_peer(self) -> None:
        host = self.identity
        token = Token("new.example.com", *self.address, host.fingerprint, b"s" * 32, NOW + 600)
        found = Token.parse(token.text())
        pinned = self.links.pinned(found.host, found.port, found.fingerprint)
        ref = pinned.ref("node")
        self.nodes[0].invitation = Invitation(token, lambda n: b"n" * n)
        nonce = (await ref.ask(JoinHello("cluster.example.com", "new.example.com"), 10))["nonce"]
        await self.failure(ref.ask(Ping("x"), 10), Refused)
        certificate = CA.sign(host.csr(), "new.example.com", NOW)

        def welcome(secret: bytes) -> JoinWelcome:
            return JoinWelcome(
                proof=join_proof(secret, nonce, found.fingerprint, MASTER.fingerprint),
                cluster="cluster.example.com",
                cluster_uuid="c",
                node="new.example.com",
                node_uuid="n",
                master="master.example.com",
                epoch=3,
                ca=CA.certificate,
                certificate=certificate,
                hmac_key="k",
            )

        await ref.ask(welcome(found.secret), 10)
        (joined,) = self.nodes[0].joined
        self.server.use(host.join(joined.certificate, joined.ca))
        self.assertEqual(await self.links.ref("new.example.com", "node").ask(Ping("peer"), 10), "peer")
        await pinned.close()
