"""The client on a Twisted reactor: its futures are Deferreds."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import DeferredList, maybeDeferred
from twisted.internet.protocol import DatagramProtocol
from txaio import tx

from ganeti_tw.confd.client.exchange import Candidates
from ganeti_tw.confd.client.waiting import Client


class _Port(DatagramProtocol):
    client: Client

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.client.received(datagram, addr[0])


def connect(reactor: Any, candidates: Candidates) -> Client:
    """A client that asks from ports of its own; its ``close`` gives a Deferred."""
    ports: dict[bool, Any] = {}

    def send(datagram: bytes, address: str, port: int) -> str | None:
        try:
            ports[":" in address].write(datagram, (address, port))
        except OSError as e:
            return e.strerror or str(e)
        return None

    def close() -> Any:
        return DeferredList([maybeDeferred(port.stopListening) for port in ports.values()])

    # txaio's own timers are for one reactor in a process, set once for all its users.
    client = Client(candidates, tx.with_config(), reactor.callLater, send, close)
    for ipv6 in {":" in address for address in candidates.addresses}:
        protocol = _Port()
        protocol.client = client
        ports[ipv6] = reactor.listenUDP(0, protocol, interface="::" if ipv6 else "0.0.0.0", maxPacketSize=65535)
    return client
