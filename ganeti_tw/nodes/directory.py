"""Refs of the actors on other hosts, by node name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ganeti_tw.errors import NotFound, StaleEpoch
from ganeti_tw.kernel import ActorSystem, Rank, Ref


class Links(Protocol):
    """What the directory needs of the links to other hosts."""

    def ref(self, node_name: str, actor_path: str, rank: int = Rank.NODE) -> Ref:
        """The actor of that path on another host."""


class Directory:
    """Finds the actor of a path on any node; this host's own without the wire.

    ``stale`` is called with the text and the name when a node refuses what was
    asked in the present ``epoch`` because it has seen a later one.
    """

    def __init__(
        self,
        own_name: str,
        system: ActorSystem,
        links: Links,
        epoch: Callable[[], int] = lambda: 0,
        stale: Callable[[str, str], None] = lambda text, node: None,
    ) -> None:
        self._own_name = own_name
        self._system = system
        self._links = links
        self._epoch = epoch
        self._stale = stale

    def ref(self, node: str, path: str = "node") -> Ref:
        """The actor ``path`` on ``node``; NotFound when it is this host and has none."""
        if node != self._own_name:
            return _Heeded(self._links.ref(node, path, Rank.NODE), self._epoch, lambda text: self._stale(text, node))
        ref = self._system.find(path)
        if ref is None:
            raise NotFound(f"this host runs no {path}")
        return ref


class _Heeded(Ref):
    """The ref of an actor elsewhere; that there is a later epoch is told."""

    __slots__ = ("_epoch", "_ref", "_stale", "path", "rank")

    def __init__(self, ref: Ref, epoch: Callable[[], int], stale: Callable[[str], None]) -> None:
        self._ref, self._epoch, self._stale = ref, epoch, stale
        self.path, self.rank = ref.path, ref.rank

    def tell(self, message: Any) -> None:
        self._ref.tell(message)

    def ask(self, message: Any, timeout: float) -> Deferred[Any]:
        epoch = self._epoch()

        def heed(failure: Failure) -> Failure:
            # Not when it was asked in a reign before: that one is over already.
            if isinstance(failure.value, StaleEpoch) and self._epoch() == epoch:
                self._stale(failure.value.text)
            return failure

        return self._ref.ask(message, timeout).addErrback(heed)

    def watch(self, watcher: Ref) -> None:
        self._ref.watch(watcher)

    def stop(self) -> None:
        self._ref.stop()

    def __repr__(self) -> str:
        return repr(self._ref)
