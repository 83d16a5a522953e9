"""Whether this host can reach others."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import ConnectError, ConnectionRefusedError
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as Connection

TIMEOUT = 5.0


class Reach(Protocol):
    """Tries addresses."""

    async def problem(self, address: str) -> str:
        """Why no node answers there; empty when one does."""
        ...

    async def silence(self, address: str) -> str:
        """Why it is thought that no host has it; empty when one does, whether or not a node's process runs there."""
        ...


class TcpReach:
    """Connects to the port on which nodes talk to each other, and hangs up."""

    def __init__(self, reactor: Any, port: int) -> None:
        self._reactor = reactor
        self._port = port

    async def problem(self, address: str) -> str:
        failure = await self._failure(address)
        return "" if failure is None else f"no connection to port {self._port}: {failure}"

    async def silence(self, address: str) -> str:
        failure = await self._failure(address)
        if failure is None or isinstance(failure, ConnectionRefusedError):
            return ""
        return f"no answer from port {self._port}: {failure}"

    async def _failure(self, address: str) -> Exception | None:
        kind = TCP6ClientEndpoint if ":" in address else TCP4ClientEndpoint
        endpoint = kind(self._reactor, address, self._port, TIMEOUT)
        try:
            connection = await endpoint.connect(Factory.forProtocol(Connection))
        except (ConnectError, DeferredTimeout) as e:
            return e
        connection.transport.loseConnection()  # type: ignore[union-attr]
        return None
