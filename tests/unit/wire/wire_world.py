"""A master and a node with TLS between them, in memory and on one Clock."""

from __future__ import annotations

import time
from typing import Any

from attrs import frozen
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.test import iosim

from ganeti_tw.errors import NoRoom
from ganeti_tw.kernel import Actor, ActorSystem, Gone, Rank, receive
from ganeti_tw.protocol.registry import wire
from ganeti_tw.wire.delivery import FromStranger
from ganeti_tw.wire.identity import CertificateAuthority, Identity, Unjoined
from ganeti_tw.wire.link import Link
from ganeti_tw.wire.server import WireServer
from ganeti_tw.wire.tls import ClientSide, check_name, check_pin

NOW = time.time()


@wire("test.echo/1", what="give something back", answer=bytes)
@frozen
class Echo:
    value: bytes


@wire("test.fail/1", what="fail", answer=None)
@frozen
class Fail:
    """``how``: foreseen, crash, or unpackable."""

    how: str


@wire("test.wait/1", what="wait", answer=str)
@frozen
class Wait:
    """Answered by :meth:`Worker.release`."""


@wire("test.look/1", what="look", answer=str, looks=True)
@frozen
class Look:
    """Answered as :class:`Wait`."""


@wire("test.note/1", what="note something", answer=None)
@frozen
class Note:
    text: str


@wire("test.deaf/1", what="do what nobody can", answer=None)
@frozen
class Unheard:
    """No actor takes it."""


@frozen
class Inside:
    """Stays in its process."""


class Worker(Actor):
    rank = Rank.NODE
    restarts = 100

    def __init__(self, world: dict[str, list[Any]]) -> None:
        self.notes: list[Any] = world.setdefault("notes", [])
        self.waiting: list[Any] = world.setdefault("waiting", [])

    @receive(Echo)
    def echo(self, m: Echo) -> bytes:
        self.notes.append(m)
        return m.value

    @receive(Note)
    def note(self, m: Note) -> None:
        self.notes.append(m.text)

    @receive(FromStranger)
    def stranger(self, m: FromStranger) -> Any:
        self.notes.append(m)
        return {"nonce": "n"}

    @receive(Wait)
    def wait(self, m: Wait) -> Any:
        self.waiting.append(Deferred())
        return self.waiting[-1]

    @receive(Look)
    def look(self, m: Look) -> Any:
        return self.wait(Wait())

    @receive(Fail)
    def fail(self, m: Fail) -> Any:
        if m.how == "foreseen":
            raise NoRoom("all 256 minors are taken")
        if m.how == "unpackable":
            return object()
        raise ZeroDivisionError("a bug")


class Watcher(Actor):
    def __init__(self, seen: list[Any]) -> None:
        self.seen = seen

    @receive(Gone)
    def gone(self, m: Gone) -> None:
        self.seen.append(m)


def authority(cluster: str = "cluster.example.com") -> CertificateAuthority:
    return CertificateAuthority.create(cluster, NOW)


def member(ca: CertificateAuthority, name: str) -> Identity:
    host = Unjoined.create(name, NOW)
    return host.join(ca.sign(host.csr(), name, NOW), ca.certificate)


CA = authority()
MASTER, NODE = member(CA, "master.example.com"), member(CA, "node1.example.com")


class World:
    """``link``: from the master to the node; ``up`` False: the node's port is closed."""

    def __init__(self, identity: Any = MASTER, server_identity: Any = NODE, **options: Any) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.system = ActorSystem(self.clock)
        self.log: dict[str, list[Any]] = {}
        self.system.spawn("worker", lambda: Worker(self.log))
        self.gated: list[tuple[str, int, str]] = []
        self.refusal: Exception | None = None
        self.epoch = 7
        self.up, self.black_hole = True, False
        self.identity = identity
        self.server = WireServer(self.clock, server_identity, self.system, self.gate, **options)
        self.pumps: list[iosim.IOPump] = []
        self.dials = 0
        self.link = self.make_link()
        self.worker = self.link.ref("worker")

    @property
    def notes(self) -> list[Any]:
        return self.log.setdefault("notes", [])

    @property
    def waiting(self) -> list[Any]:
        return self.log.setdefault("waiting", [])

    def gate(self, peer: str, epoch: int, name: str) -> None:
        self.gated.append((peer, epoch, name))
        if self.refusal is not None:
            raise self.refusal

    def make_link(self, name: str = "node1.example.com", pin: str | None = None) -> Link:
        tls = ClientSide(lambda: self.identity, pin)
        if pin is None:
            check = lambda certificate: check_name(certificate, name)  # noqa: E731
        else:
            check = lambda certificate: check_pin(certificate, pin)  # noqa: E731
        return Link(name, self.clock, lambda f: self.dial(tls, f), check, lambda: self.epoch, lambda: 1.0)

    def dial(self, tls: ClientSide, factory: Any) -> Deferred[object]:
        self.dials += 1
        d: Deferred[object] = Deferred()
        if self.black_hole:
            return d
        if not self.up:
            d.errback(Failure(ConnectionRefusedError()))
            return d
        tls.context()
        self.connect(TLSMemoryBIOFactory(tls, True, factory, self.clock).buildProtocol(IPv4Address("TCP", "", 1)))
        d.callback(None)
        return d

    def connect(self, client: Any) -> Any:
        """Join a client protocol with a new connection of the server; gives the client's transport."""
        server = self.server.factory().buildProtocol(IPv4Address("TCP", "192.0.2.9", 4711))
        ends = iosim.FakeTransport(server, isServer=True), iosim.FakeTransport(client, isServer=False)
        self.pumps.append(iosim.connect(server, ends[0], client, ends[1], clock=self.clock))
        return ends[1]

    def settle(self, seconds: float = 0.0) -> None:
        """Move everything until nothing moves, also after each half second of ``seconds``."""
        left = seconds
        while True:
            for _ in range(5):
                for pump in self.pumps:
                    pump.flush()
                self.clock.advance(0)
            if left <= 0:
                return
            self.clock.advance(min(0.5, left))
            left -= 0.5

    def freeze(self) -> list[iosim.IOPump]:
        """Nothing passes on the present connections any more, and nobody is told."""
        frozen, self.pumps = self.pumps, []
        return frozen

    def drop(self) -> None:
        """The present connections are lost on both sides."""
        pumps, self.pumps = self.pumps, []
        for pump in pumps:
            for end in (pump.clientIO, pump.serverIO):
                if not end.disconnected:
                    end.disconnected = True
                    end.reportDisconnect()

    def close(self) -> None:
        """Everything ends; what timers remain is a leak."""
        self.link.close()
        self.server.close()
        self.settle(5)
        self.drop()
        self.system.vanish()
