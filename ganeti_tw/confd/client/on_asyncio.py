"""The client on asyncio: its futures are asyncio's.  Imports no Twisted."""

from __future__ import annotations

import asyncio
from typing import Any

from txaio import aio

from ganeti_tw.confd.client.exchange import Candidates
from ganeti_tw.confd.client.waiting import Client


class _Port(asyncio.DatagramProtocol):
    def __init__(self, client: Client) -> None:
        self._client = client

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._client.received(data, addr[0])


async def connect(candidates: Candidates) -> Client:
    """A client on the running loop that asks from ports of its own; its ``close`` gives None."""
    loop = asyncio.get_running_loop()
    ports: dict[bool, asyncio.DatagramTransport] = {}

    def send(datagram: bytes, address: str, port: int) -> str | None:
        # What goes wrong asyncio tells later, if at all: then it is silence.
        ports[":" in address].sendto(datagram, (address, port))
        return None

    def close() -> None:
        for port in ports.values():
            port.close()

    client = Client(candidates, aio.with_config(loop=loop), loop.call_later, send, close)
    for ipv6 in {":" in address for address in candidates.addresses}:
        local = ("::" if ipv6 else "0.0.0.0", 0)
        ports[ipv6], _ = await loop.create_datagram_endpoint(lambda: _Port(client), local_addr=local)
    return client
