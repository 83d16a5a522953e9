"""Hosts in one process that speak as if there were a network between them.

Only what may travel travels, packed and unpacked on its way; gates, deadlines
and errors are those of the real wire.  Connections are cut and delayed at
will, and time is the clock's.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from ganeti_tw.kernel import ActorSystem, Rank
from ganeti_tw.wire.delivery import JOINING, Delivery, Gate, Lost, tell_nobody
from ganeti_tw.wire.link import LinkState
from ganeti_tw.wire.memory_link import MemoryLink
from ganeti_tw.wire.remote import RemoteRef

Delay = Callable[[str, str], float]


def _yes() -> bool:
    return True


@frozen
class MemoryHost:
    """A host as others reach it.  ``joined``: whether it is in the cluster now."""

    name: str
    delivery: Delivery
    joined: Callable[[], bool]
    address: tuple[str, int] | None
    show: Callable[[], str]
    lost: Lost
    """Told the name of a peer whose connection has ended."""

    @property
    def fingerprint(self) -> str:
        """Of its certificate now."""
        return self.show()


def _no() -> bool:
    return False


class MemoryNetwork:
    """The network.

    ``delay(sender, receiver)``: seconds a message takes, asked for each; one
    that is lost and sent again by TCP takes longer.  ``late()``: whether what
    was on its way when its sender gave up a connection arrives all the same,
    asked for each; its answer is lost.
    """

    def __init__(self, clock: IReactorTime, delay: Delay | float = 0.0, late: Callable[[], bool] = _no) -> None:
        self.clock = clock
        self.delay: Delay = delay if callable(delay) else lambda sender, receiver: delay
        self.late = late
        self.hosts: dict[str, MemoryHost] = {}
        self._cuts: set[tuple[str, str]] = set()  # sender and receiver
        self._links: list[MemoryLink] = []

    def attach(
        self,
        name: str,
        system: ActorSystem,
        gate: Gate,
        *,
        joined: Callable[[], bool] = _yes,
        address: tuple[str, int] | None = None,
        fingerprint: str | Callable[[], str] = "",
        open_names: frozenset[str] = JOINING,
        lost: Lost = tell_nobody,
    ) -> None:
        """A host begins to listen.  ``address`` and ``fingerprint`` are needed only to be joined by token."""
        for link in self._links:
            if link.peer == name:
                link.lose(f"{name} knows nothing of this connection")
        show = fingerprint if callable(fingerprint) else lambda: fingerprint
        for link in self._links:
            if link.peer == name:
                link.lose(f"{name} knows nothing of this connection")
        self.hosts[name] = MemoryHost(name, Delivery(system, gate, open_names), joined, address, show, lost)

    def detach(self, name: str, notice: float = 0.0) -> None:
        """The process of a host dies: its own requests vanish, its connections are lost.

        Others know after ``notice`` seconds: at once when the system of the host
        is still there to tell them, much later when its power failed.
        """
        self.hosts.pop(name, None)
        for link in tuple(self._links):
            if link.owner == name:
                self._links.remove(link)
                link.vanish()
        if notice:
            self.clock.callLater(notice, self._gone, name)
        else:
            self._gone(name)

    def links(self, name: str, epoch: Callable[[], int]) -> MemoryLinks:
        """The links of a host, to be used like :class:`ganeti_tw.wire.links.Links`."""
        return MemoryLinks(self, name, epoch)

    def cut(self, one: str, other: str, notice: float = 0.0) -> None:
        """No message passes between two hosts any more, either way.

        They notice after ``notice`` seconds; what is sent until then may still
        arrive if the cut is mended first.
        """
        self._cut({(one, other), (other, one)}, frozenset((one, other)), notice)

    def cut_one_way(self, sender: str, receiver: str, notice: float = 0.0) -> None:
        """No message passes from one host to another; requests of the other are heard and not answered."""
        self._cut({(sender, receiver)}, frozenset((sender, receiver)), notice)

    def mend(self, one: str, other: str) -> None:
        """Messages pass again."""
        self._cuts -= {(one, other), (other, one)}
        for link in tuple(self._links):
            if link.pair == {one, other}:
                link.flow()

    def reset(self, one: str, other: str) -> None:
        """The connections between two hosts break, and others can be made at once."""
        for link in tuple(self._links):
            if link.pair == {one, other}:
                link.lose("connection reset by peer")

    def is_cut(self, sender: str, receiver: str) -> bool:
        """Whether what one host sends does not reach another."""
        return (sender, receiver) in self._cuts

    def add(self, link: MemoryLink) -> None:
        self._links.append(link)

    def _cut(self, ways: set[tuple[str, str]], pair: frozenset[str], notice: float) -> None:
        self._cuts |= ways
        if notice:
            self.clock.callLater(notice, self._noticed, ways, pair)
        else:
            self._noticed(ways, pair)

    def _noticed(self, ways: set[tuple[str, str]], pair: frozenset[str]) -> None:
        if ways & self._cuts:
            for link in tuple(self._links):
                if link.pair == pair:
                    link.lose("nothing was heard for too long")

    def ended(self, owner: str, peer: str) -> None:
        """A connection from ``owner`` to ``peer`` is no more, and that is known."""
        if peer in self.hosts:
            self.hosts[peer].lost(owner)

    def _gone(self, name: str) -> None:
        for other in tuple(self.hosts):
            if other != name:
                self.ended(name, other)
        if name not in self.hosts:
            for link in tuple(self._links):
                if link.peer == name:
                    link.lose(f"{name} closed the connection")


class MemoryLinks:
    """Every link of one host."""

    def __init__(self, network: MemoryNetwork, name: str, epoch: Callable[[], int]) -> None:
        self._network, self._name, self._epoch = network, name, epoch
        self._links: dict[str, MemoryLink] = {}
        self._pinned: list[MemoryLink] = []

    def ref(self, node: str, path: str, rank: int = Rank.NODE) -> RemoteRef:
        """The actor at ``path`` on the node of that name."""
        return self.link(node).ref(path, rank)

    def link(self, node: str) -> MemoryLink:
        """The link to a node."""
        if node not in self._links:
            self._links[node] = MemoryLink(self._network, self._name, node, self._epoch)
        return self._links[node]

    def pinned(self, host: str, port: int, fingerprint: str) -> MemoryLink:
        """A link to a host in no cluster, known by its certificate.  The caller closes it."""
        found = [h.name for h in self._network.hosts.values() if h.address == (host, port)]
        link = MemoryLink(self._network, self._name, (found or [f"{host}:{port}"])[0], self._epoch, fingerprint)
        self._pinned.append(link)
        return link

    def state(self) -> list[LinkState]:
        """How each link is doing, by name."""
        return [link.state() for _, link in sorted(self._links.items())]

    def renew(self, node: str) -> None:
        """Each message is as good as one over a new connection."""

    def shown(self, node: str) -> str:
        """Fingerprint of the certificate of the node; empty while it is not there."""
        host = self._network.hosts.get(node)
        return host.fingerprint if host is not None else ""

    def use(self, identity: object) -> None:
        """Identities are told by ``attach`` here; the connections are made anew all the same."""

    def forget(self, node: str) -> Deferred[None]:
        """Close the link to a node that left."""
        link = self._links.pop(node, None)
        return link.close() if link is not None else succeed(None)

    def close(self) -> Deferred[None]:
        """Close all links."""
        for link in (*self._links.values(), *self._pinned):
            link.close()
        return succeed(None)
