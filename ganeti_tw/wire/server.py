"""Listens for peers and delivers what they say to the actors of this host."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from cryptography import x509
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IDelayedCall, IListeningPort, IReactorTime
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol

from ganeti_tw.errors import Corrupt, DriverError, NotSent, Refused, TryLater
from ganeti_tw.kernel import ActorSystem
from ganeti_tw.wire.certificates import fingerprint_of, number_of
from ganeti_tw.wire.connection import HELLO, VERSION, PeerConnection
from ganeti_tw.wire.delivery import JOINING, Admit, Delivery, Gate, Lost, admit_all, tell_nobody
from ganeti_tw.wire.envelope import DELIVER, Envelope, Sender
from ganeti_tw.wire.identity import Identity, Unjoined
from ganeti_tw.wire.tls import ServerSide, client_name

PORT = 1811
STRANGER_LIMIT = 2**18  # bytes a stranger may say at a time
STRANGER_TIME = 120.0  # seconds a stranger may stay
UNPROVEN = 64  # connections that may be in their handshake, or with strangers


class Inbound(PeerConnection):
    """Our end of a connection a peer dialled."""

    def __init__(self, server: WireServer, clock: IReactorTime, identity: Identity | Unjoined) -> None:
        super().__init__(clock, {DELIVER: self._deliver})
        self.sender: Sender | None = None
        self._server, self._identity = server, identity
        self._asks: set[Deferred[bytes]] = set()
        self._retiring = False
        self._visit: IDelayedCall | None = None  # ends a stranger's
        self._welcome = True

    def peer(self) -> str:
        if self.sender is not None and self.sender.name is not None:
            return self.sender.name
        return super().peer()

    def verified(self, certificate: x509.Certificate | None) -> None:
        if isinstance(self._identity, Identity):
            name: str | None = client_name(certificate)
        else:
            name, self.limit = None, STRANGER_LIMIT
        if certificate is None:
            raise Refused("the client shows no certificate")
        sender = Sender(name, fingerprint_of(certificate), number_of(certificate))
        try:
            self._server.check(sender)
        except Refused:
            # With each message it is told why: at a connection that only breaks it would try on for ever.
            self.limit, self._welcome = STRANGER_LIMIT, False
        self.sender = sender
        self.calls.say(HELLO, {"wire": VERSION, "name": self._identity.name.encode()})

    def handshakeCompleted(self) -> None:
        super().handshakeCompleted()
        if self.proven and self.sender is not None and (self.sender.name is None or not self._welcome):
            self._visit = self._clock.callLater(STRANGER_TIME, self.hang_up)

    def ended(self) -> None:
        self._server.ended(self)
        if self._visit is not None and self._visit.active():
            self._visit.cancel()
        # Nobody waits for the answers: what no actor has begun need not be done.
        for ask in tuple(self._asks):
            ask.cancel()

    def retire(self) -> None:
        """Close once everything asked is answered; take nothing new."""
        self._retiring = True
        if not self._asks:
            self.hang_up()

    def _deliver(self, box: amp.AmpBox) -> Deferred[bytes]:
        if self.sender is None:
            raise Refused("not proven yet")
        if self._retiring:
            raise NotSent("this host is closing the connection")
        self._server.check(self.sender)
        if len(self._asks) >= self._server.most_asks:
            raise TryLater(f"{len(self._asks)} requests over this connection wait for their answer already")
        answer = self._server.delivery.deliver(self.sender, Envelope.read(box))
        if not answer.called:
            self._asks.add(answer)
            answer.addBoth(self._answered, answer)
        return answer

    def _answered(self, result: Any, answer: Deferred[bytes]) -> Any:
        self._asks.discard(answer)
        if self._retiring and not self._asks:
            # Later: the answer itself is written after this.
            self._clock.callLater(0, self.hang_up)
        return result


class WireServer:
    """The door of this host to its peers.

    ``gate``: asked before each message of a proven peer.  ``admit``: asked for
    its certificate, when it connects and before each message.  ``open_names``:
    what strangers may say to a host in no cluster.  ``most_asks``: unanswered
    requests a connection may have, above which they get TryLater.  ``lost``: told
    the name of a proven peer whose connection has ended.
    """

    log: ClassVar[Logger] = Logger()

    def __init__(
        self,
        reactor: Any,
        identity: Identity | Unjoined,
        system: ActorSystem,
        gate: Gate,
        *,
        admit: Admit = admit_all,
        open_names: frozenset[str] = JOINING,
        most_asks: int = 1000,
        lost: Lost = tell_nobody,
    ) -> None:
        self._reactor, self._identity = reactor, identity
        self._clock = cast(IReactorTime, reactor)
        self._tls = ServerSide(lambda: self._identity)
        self.delivery = Delivery(system, gate, open_names)
        self._admit = admit
        self.most_asks = most_asks
        self._lost = lost
        self._connections: set[Inbound] = set()
        self._ports: list[IListeningPort] = []
        self._closed: Deferred[None] | None = None

    def factory(self) -> TLSMemoryBIOFactory:
        """Makes the protocol of an accepted connection, TLS and all."""
        self._tls.context()  # raises here what would raise too late in a connection
        return _Door(self._tls, False, _Inbounds(self), self._clock)

    def listen(self, port: int = PORT, interface: str = "") -> tuple[str, int]:
        """Begin to listen; gives the address.  DriverError when it is taken, Corrupt when the identity is of no use."""
        try:
            listening = self._reactor.listenTCP(port, self.factory(), interface=interface)
        except CannotListenError as e:
            reason = getattr(e.socketError, "strerror", None) or e.socketError
            raise DriverError(
                f"cannot listen on {interface or '*'} port {port}: {reason}; "
                f"'ss -ltnp sport = :{port}' tells which process has it"
            ) from None
        self._ports.append(listening)
        address = listening.getHost()
        return address.host, address.port

    def use(self, identity: Identity | Unjoined, *, renewed: bool = False) -> None:
        """Be someone else from the next connection on; present ones end with their last answer.

        With ``renewed`` it is the same host with another certificate, and they go on.
        Corrupt when the identity is of no use; then nothing changes.
        """
        before, self._identity = self._identity, identity
        try:
            self._tls.context()
        except Corrupt:
            self._identity = before
            raise
        for connection in () if renewed else tuple(self._connections):
            connection.retire()

    def check(self, sender: Sender) -> None:
        """Refused when the certificate it showed is good no longer."""
        if sender.name is not None:
            self._admit(sender.name, sender.number)

    def review(self) -> None:
        """Who is admitted has changed: connections of others end with the last answer."""
        for connection in tuple(self._connections):
            if connection.sender is not None:
                try:
                    self.check(connection.sender)
                except Refused as e:
                    self.log.info("closing a connection: {reason}", reason=e.text)
                    connection.retire()

    def peers(self) -> list[str]:
        """The names of the peers connected, sorted."""
        return sorted(c.sender.name for c in self._connections if c.sender is not None and c.sender.name is not None)

    def close(self) -> Deferred[None]:
        """Stop listening and close all connections; what was asked remains unanswered."""
        return Deferred.fromCoroutine(self._close())

    async def _close(self) -> None:
        ports, self._ports = self._ports, []
        for port in ports:
            await maybeDeferred(port.stopListening)
        if self._connections:
            closed = self._closed = Deferred()
            for connection in tuple(self._connections):
                connection.hang_up()
            await closed

    def accept(self, address: IAddress | None) -> Inbound | None:
        """The protocol of a new connection; None when too many are not proven yet."""
        unproven = sum(1 for c in self._connections if c.sender is None or c.sender.name is None)
        if unproven >= UNPROVEN:
            self.log.warn("refusing {peer}: {count} connections are not proven yet", peer=address, count=unproven)
            return None
        connection = Inbound(self, self._clock, self._identity)
        self._connections.add(connection)
        return connection

    def ended(self, connection: Inbound) -> None:
        self._connections.discard(connection)
        if connection.sender is not None and connection.sender.name is not None:
            self._lost(connection.sender.name)
        if self._closed is not None and not self._connections:
            closed, self._closed = self._closed, None
            closed.callback(None)


class _Door(TLSMemoryBIOFactory):
    def buildProtocol(self, addr: IAddress | None) -> TLSMemoryBIOProtocol | None:  # type: ignore[override]
        # The base class does not expect to be refused a protocol.
        inbound = self.wrappedFactory.buildProtocol(addr)
        return None if inbound is None else self.protocol(self, inbound)


class _Inbounds(Factory):
    noisy = False

    def __init__(self, server: WireServer) -> None:
        self._server = server

    def buildProtocol(self, addr: IAddress | None) -> Inbound | None:
        return self._server.accept(addr)
