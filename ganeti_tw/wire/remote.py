"""The address of an actor on another host."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred

from ganeti_tw.errors import GanetiError, Refused
from ganeti_tw.kernel import Ref
from ganeti_tw.kernel.asking import Unheard
from ganeti_tw.protocol.registry import pack, unpack_answer
from ganeti_tw.wire.boxes import check_size


class Carrier(Protocol):
    """What brings messages to one peer."""

    peer: str

    def ask(self, path: str, name: str, body: bytes, timeout: float) -> Deferred[bytes]:
        """The body of the answer.  NotSent, OutcomeUnknown, Expired, or the error of the receiver."""

    def tell(self, path: str, name: str, body: bytes) -> None:
        """At most once; never raises."""

    def watch(self, path: str, watcher: Ref) -> None:
        """Tell the watcher Gone when the connection is lost, or cannot be made."""


class RemoteRef(Ref):
    """An actor on another host, as good as the connection with that host.

    Only messages declared with ``@wire`` travel; others are refused with
    BadRequest.  ``tell`` does not raise when the host cannot be reached.
    ``watch`` tells Gone when the connection with the host is lost, whatever
    became of the actor.
    """

    __slots__ = ("link", "path", "rank")

    def __init__(self, path: str, rank: int, link: Carrier) -> None:
        self.path, self.rank, self.link = path, rank, link

    def tell(self, message: Any) -> None:
        name, body = pack(message)
        check_size("body", body)
        self.link.tell(self.path, name, body)

    def ask(self, message: Any, timeout: float) -> Deferred[Any]:
        try:
            name, body = pack(message)
            check_size("body", body)
        except GanetiError as e:
            failed: Deferred[Any] = Deferred()
            failed._debugInfo = Unheard()
            failed.errback(e)
            return failed
        asked: Deferred[Any] = self.link.ask(self.path, name, body, timeout)
        return asked.addCallback(lambda answer: unpack_answer(name, answer))

    def watch(self, watcher: Ref) -> None:
        self.link.watch(self.path, watcher)

    def stop(self) -> None:
        """Refused: actors are stopped on their own host."""
        raise Refused(f"{self.path} lives on {self.link.peer}: only that host can stop it")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path} on {self.link.peer}>"
