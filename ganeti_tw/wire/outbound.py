"""Our end of a connection to a peer."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from cryptography import x509
from twisted.internet.interfaces import IReactorTime
from twisted.protocols import amp
from twisted.python.failure import Failure

from ganeti_tw.errors import GanetiError
from ganeti_tw.wire.calls import ConnectionClosed, ConnectionEnded
from ganeti_tw.wire.certificates import fingerprint_of
from ganeti_tw.wire.connection import HELLO, VERSION, PeerConnection
from ganeti_tw.wire.envelope import DELIVER, Envelope
from ganeti_tw.wire.request import Request


class Outbound(PeerConnection):
    """Our end of a connection we dialled; it is up once the server has greeted us."""

    def __init__(
        self,
        peer: str,
        clock: IReactorTime,
        check: Callable[[x509.Certificate | None], None],
        up: Callable[[Outbound], None],
        down: Callable[[Outbound], None],
    ) -> None:
        super().__init__(clock, {HELLO: self._greeted})
        self._peer, self._check, self._up, self._down = peer, check, up, down
        self.pending: set[Request] = set()
        self.retiring = False
        self.fingerprint = ""  # of the certificate the peer showed

    def peer(self) -> str:
        return self._peer

    def verified(self, certificate: x509.Certificate | None) -> None:
        self._check(certificate)
        if certificate is not None:
            self.fingerprint = fingerprint_of(certificate)

    def send(self, request: Request, epoch: int) -> None:
        """Write it; its answer settles it."""
        try:
            fields = Envelope(request.path, request.name, request.body, epoch, request.left()).fields()
        except GanetiError as e:
            request.fail(e)
            return
        if request.answer is None:
            self.calls.say(DELIVER, fields)
            return
        self.pending.add(request)
        request.sent()
        answer = self.calls.call(DELIVER, fields)
        answer.addBoth(self._answered, request)

    def retire(self) -> None:
        """Close once everything asked is answered."""
        self.retiring = True
        if not self.pending:
            self.hang_up()

    def ended(self) -> None:
        self._down(self)

    def _answered(self, answer: bytes | Failure, request: Request) -> None:
        self.pending.discard(request)
        if isinstance(answer, Failure) and answer.check(ConnectionEnded):
            request.lost(answer.getErrorMessage())
        elif isinstance(answer, Failure) and answer.check(ConnectionClosed):
            request.not_sent(answer.getErrorMessage())
        elif isinstance(answer, Failure):
            # An answer is a value: the stack it came by would keep frames alive.
            request.fail(cast(BaseException, answer.value).with_traceback(None))
        else:
            request.succeed(answer)
        if self.retiring and not self.pending:
            self.hang_up()

    def _greeted(self, box: amp.AmpBox) -> bytes:
        version = box.get(b"wire", b"")
        if version != VERSION:
            self.break_off(f"{self._peer} speaks version {version[:20]!r} of the wire, this host {VERSION!r}")
        else:
            self._up(self)
        return b""
