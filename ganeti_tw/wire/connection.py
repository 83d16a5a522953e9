"""What both ends of a connection between hosts have in common: TLS, and signs of life."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cryptography import x509
from OpenSSL.crypto import X509
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IDelayedCall, IHandshakeListener, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.protocols import amp
from twisted.python.failure import Failure
from zope.interface import implementer

from ganeti_tw.errors import GanetiError
from ganeti_tw.wire.boxes import LIMIT, BoxProtocol
from ganeti_tw.wire.calls import Calls, Handler, reason_of
from ganeti_tw.wire.tls import HANDSHAKE

VERSION = b"1"
HELLO, PING = b"Hello", b"Ping"
BEAT = 5.0  # seconds between signs of life
PATIENCE = 14.0  # a peer silent for longer is dead; noticed at the next beat
FAREWELL = 2.0  # seconds a peer has to agree to a close
BOX_LIMIT = LIMIT + 2**20  # a body of the largest size with its keys


@implementer(IHandshakeListener)
class PeerConnection(BoxProtocol):
    """A connection that is used once both sides are proven, and until one falls silent."""

    why = ""  # what ended it, in one line
    lost = False

    def __init__(self, clock: IReactorTime, handlers: Mapping[bytes, Handler]) -> None:
        self.calls = Calls({PING: _nothing, **handlers}, LIMIT)
        super().__init__(self.calls, BOX_LIMIT)
        self.proven = False
        self._clock = clock
        self._heard = 0.0
        self._timer: IDelayedCall | None = None

    def verified(self, certificate: x509.Certificate | None) -> None:
        """TLS is up; a GanetiError says why the peer is not accepted."""
        raise NotImplementedError

    def ended(self) -> None:
        """The connection is no more; ``why`` says why."""
        raise NotImplementedError

    def connectionMade(self) -> None:
        no_delay = getattr(self.transport, "setTcpNoDelay", None)
        if no_delay is not None:
            no_delay(True)
        self._timer = self._clock.callLater(HANDSHAKE, self._late)

    def handshakeCompleted(self) -> None:
        transport: Any = self.transport
        certificate: X509 | None = transport.getPeerCertificate()
        try:
            self.verified(None if certificate is None else certificate.to_cryptography())
        except GanetiError as e:
            self.break_off(e.text)
            return
        except Exception as e:
            self.break_off(f"a certificate nobody can read: {type(e).__name__}: {e}")
            return
        self.proven = True
        self._heard = self._clock.seconds()
        self._set_timer(BEAT, self._beat)

    def dataReceived(self, data: bytes) -> None:
        self._heard = self._clock.seconds()
        super().dataReceived(data)

    def break_off(self, reason: str) -> None:
        self.why = self.why or reason
        super().break_off(reason)

    def hang_up(self) -> None:
        """Close once everything is written; at once when the peer does not agree to it."""
        transport: Any = self.transport
        if transport is not None and not self.lost:
            self._set_timer(FAREWELL, self.abort)
            transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if not self.why:
            self.why = reason_of(reason)
            # Who only knocks, as verify and monitoring do, is no news.
            if not self.proven and not reason.check(ConnectionDone, ConnectionLost):
                self.log.warn("no TLS with {peer}: {reason}", peer=self.peer(), reason=self.why)
        super().connectionLost(reason)
        self.ended()

    def _late(self) -> None:
        self.break_off(f"no TLS handshake within {HANDSHAKE:g} s")

    def _beat(self) -> None:
        silence = self._clock.seconds() - self._heard
        if silence > PATIENCE:
            self.break_off(f"silent for {silence:.0f} s")
        else:
            self.calls.say(PING, {})
            self._set_timer(BEAT, self._beat)

    def _set_timer(self, seconds: float, then: Any) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = self._clock.callLater(seconds, then)


def _nothing(box: amp.AmpBox) -> bytes:
    return b""
