"""What others hold of an actor, here or on another host."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

failed: Callable[..., Failure] = Failure
"""Failure, whose constructor Twisted left without types."""


class Ref(ABC):
    """The address of an actor; the only thing of it that is given away.

    First in, first out from one sender to one receiver; nothing is promised
    between pairs, nor across a restart of the receiver.
    """

    __slots__ = ()

    path: str
    rank: int

    @abstractmethod
    def tell(self, message: Any) -> None:
        """Leave a message; at most once.  MailboxFull or ActorStopped when it is not taken."""

    @abstractmethod
    def ask(self, message: Any, timeout: float) -> Deferred[Any]:
        """The answer, the error the receiver raised, or Expired after ``timeout`` seconds.

        Exactly one of them; never raises.  An ask still waiting at its deadline
        is never handled, and cancelling the Deferred withdraws one that waits.
        """

    @abstractmethod
    def watch(self, watcher: Ref) -> None:
        """Tell ``watcher`` :class:`Gone` once the actor has ended; at once if it has already.

        A restart is not an end.  Watching twice tells once.
        """

    @abstractmethod
    def stop(self) -> None:
        """End the actor after the message in progress; all who wait get ActorStopped."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path}>"


@attrs.frozen
class Gone:
    """The actor at ``path`` has ended: after a crash with its failure, else stopped on request."""

    path: str
    failure: Failure | None = None
