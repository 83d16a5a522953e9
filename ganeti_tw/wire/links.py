"""All links of this host: one for each peer it speaks to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from cryptography import x509
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.interfaces import IProtocolFactory, IReactorTime
from twisted.protocols.tls import TLSMemoryBIOFactory

from ganeti_tw.kernel import Rank
from ganeti_tw.wire.certificates import number_of
from ganeti_tw.wire.delivery import Admit, admit_all
from ganeti_tw.wire.identity import Identity, Unjoined
from ganeti_tw.wire.link import ATTEMPT, Link, LinkState
from ganeti_tw.wire.remote import RemoteRef
from ganeti_tw.wire.tls import ClientSide, check_name, check_pin

Resolve = Callable[[str], "tuple[str, int] | Deferred[tuple[str, int]]"]


def _middle() -> float:
    return 0.5


class Links:
    """The way to every peer.

    ``resolve``: host and port of a node's name, now or later; its GanetiErrors
    are told to those who ask.  ``epoch``: put into each message as it leaves.
    ``admit``: asked for the certificate of each peer that is dialled.
    ``random``: numbers from 0 to 1; without it all hosts retry in step.
    """

    def __init__(
        self,
        reactor: Any,
        identity: Identity | Unjoined,
        resolve: Resolve,
        epoch: Callable[[], int],
        *,
        random: Callable[[], float] = _middle,
        admit: Admit = admit_all,
    ) -> None:
        self._admit = admit
        self._reactor, self._identity = reactor, identity
        self._clock = cast(IReactorTime, reactor)
        self._resolve, self._epoch, self._random = resolve, epoch, random
        self._tls = ClientSide(lambda: self._identity)
        self._links: dict[str, Link] = {}
        self._pinned: list[Link] = []
        self._closed = False

    def ref(self, node: str, path: str, rank: int = Rank.NODE) -> RemoteRef:
        """The actor at ``path`` on the node of that name; nothing is dialled before it is used."""
        return self.link(node).ref(path, rank)

    def link(self, node: str) -> Link:
        """The link to a node."""
        link = self._links.get(node)
        if link is None:
            link = self._links[node] = self._make(
                node,
                lambda factory: Deferred.fromCoroutine(self._dial(node, factory)),
                lambda certificate: self._check(certificate, node),
            )
        return link

    def pinned(self, host: str, port: int, fingerprint: str) -> Link:
        """A link to a host in no cluster, known by its certificate.  The caller closes it."""
        tls = ClientSide(lambda: self._identity, fingerprint)
        link = self._make(
            f"{host}:{port}",
            lambda factory: self._connect(host, port, tls, factory),
            lambda certificate: check_pin(certificate, fingerprint),
        )
        return self._lent(link)

    def at(self, node: str, host: str, port: int) -> Link:
        """A link to a node at another of its addresses.  The caller closes it."""
        link = self._make(
            node,
            lambda factory: self._connect(host, port, self._tls, factory),
            lambda certificate: check_name(certificate, node),
        )
        return self._lent(link)

    def shown(self, node: str) -> str:
        """Fingerprint of the certificate that the node shows on the present connection; empty without one."""
        return self.link(node).state().certificate

    def state(self) -> list[LinkState]:
        """How each link is doing, by name."""
        return [link.state() for _, link in sorted(self._links.items())]

    def use(self, identity: Identity | Unjoined) -> None:
        """Be someone else from the next connection on; all connections are made anew."""
        self._identity = identity
        for link in (*self._links.values(), *self._pinned):
            link.renew()

    def renew(self, node: str) -> None:
        """Make the connection to a node anew, at once: it is another host now, or has become itself again."""
        link = self._links.get(node)
        if link is not None:
            link.renew()

    def forget(self, node: str) -> Deferred[None]:
        """Close the link to a node that left the cluster; refs over it are of no more use."""
        link = self._links.pop(node, None)
        return _all([link] if link is not None else [])

    def close(self) -> Deferred[None]:
        """Close all links; what waits fails with NotSent, what was sent with OutcomeUnknown."""
        self._closed = True
        return _all([*self._links.values(), *self._pinned])

    def _lent(self, link: Link) -> Link:
        self._pinned = [other for other in self._pinned if not other.closed]
        self._pinned.append(link)
        return link

    def _make(self, name: str, dial: Any, check: Any) -> Link:
        link = Link(name, self._clock, dial, check, self._epoch, self._random)
        if self._closed:
            link.close()
        return link

    def _check(self, certificate: x509.Certificate | None, node: str) -> None:
        check_name(certificate, node)
        if certificate is not None:
            self._admit(node, number_of(certificate))

    async def _dial(self, node: str, factory: IProtocolFactory) -> object:
        found = self._resolve(node)
        host, port = await found if isinstance(found, Deferred) else found
        return await self._connect(host, port, self._tls, factory)

    def _connect(self, host: str, port: int, tls: ClientSide, factory: IProtocolFactory) -> Deferred[object]:
        tls.context()  # raises here what would raise too late in the connection
        endpoint: Any
        if isIPAddress(host):
            endpoint = TCP4ClientEndpoint(self._reactor, host, port, ATTEMPT)
        elif isIPv6Address(host):
            endpoint = TCP6ClientEndpoint(self._reactor, host, port, ATTEMPT)
        else:
            endpoint = HostnameEndpoint(self._reactor, host, port, ATTEMPT)
        return cast("Deferred[object]", endpoint.connect(TLSMemoryBIOFactory(tls, True, factory, self._clock)))


def _all(links: list[Link]) -> Deferred[None]:
    return DeferredList([link.close() for link in links]).addCallback(lambda _: None)
