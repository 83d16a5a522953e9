"""From an envelope to the actor it is for, and its answer back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from attrs import frozen
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from ganeti_tw.errors import GanetiError, NotFound, Refused
from ganeti_tw.kernel import ActorSystem
from ganeti_tw.protocol.registry import pack_answer, unpack, what
from ganeti_tw.wire.envelope import Envelope, Sender

Gate = Callable[[str, int, str], None]
"""``gate(peer, epoch, name)`` raises Refused or StaleEpoch when the peer may not say that."""

Admit = Callable[[str, int], None]
"""``admit(peer, number)`` raises Refused when the certificate of that number is not good for the peer any more."""


def admit_all(peer: str, number: int) -> None:
    """Every certificate of the authority is good."""


Lost = Callable[[str], None]
"""``lost(peer)`` is told when a connection that a proven peer had made has ended."""


def tell_nobody(peer: str) -> None:
    """Nobody wants to know."""


JOINING = frozenset({"join.hello/1", "join.welcome/1"})


@frozen
class FromStranger:
    """What a host in no cluster is told by someone TLS knows nothing of.

    Never travels.  ``fingerprint``: of the certificate the sender proved to
    own; the proof of a JoinWelcome must be over this one.
    """

    fingerprint: str
    message: Any


class Delivery:
    """Hands what arrives to the actors of this host.

    Peers with a name pass the gate first.  Strangers may say only what is in
    ``open_names``, and it reaches the actor as :class:`FromStranger`, so that
    no handler takes it for the word of a peer.
    """

    log: ClassVar[Logger] = Logger()

    def __init__(self, system: ActorSystem, gate: Gate, open_names: frozenset[str] = JOINING) -> None:
        self._system, self._gate, self._open_names = system, gate, open_names

    def deliver(self, sender: Sender, envelope: Envelope) -> Deferred[bytes]:
        """The body of the answer, empty for what is told.

        Refused, StaleEpoch, NotFound, BadRequest, or what the actor raised.
        Cancelling withdraws a message that still waits.
        """
        if envelope.left is None:
            self._tell(sender, envelope)
            return succeed(b"")
        ref, message = self._read(sender, envelope)
        asked: Deferred[Any] = ref.ask(message, envelope.left)
        return asked.addCallback(pack_answer)

    def _tell(self, sender: Sender, envelope: Envelope) -> None:
        try:
            ref, message = self._read(sender, envelope)
            ref.tell(message)
        except GanetiError as e:
            self.log.debug(
                "{name} from {peer} to {path} was dropped: {error}",
                name=envelope.name,
                peer=sender.name,
                path=envelope.path,
                error=e.text,
            )

    def _read(self, sender: Sender, envelope: Envelope) -> tuple[Any, Any]:
        if sender.name is not None:
            self._gate(sender.name, envelope.epoch, envelope.name)
        elif envelope.name not in self._open_names:
            raise Refused(f"this host is in no cluster: it cannot be asked to {what(envelope.name)}")
        ref = self._system.find(envelope.path)
        if ref is None:
            raise NotFound(f"no actor {envelope.path} on this host")
        message = unpack(envelope.name, envelope.body)
        return ref, message if sender.name is not None else FromStranger(sender.fingerprint, message)
