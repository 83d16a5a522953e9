"""Hosts as jobs see them: bringing them in, sending them away, finding them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ganeti_tw.agent.reach import TcpReach
from ganeti_tw.daemon.certificates import MasterCertificates
from ganeti_tw.daemon.names import Names
from ganeti_tw.daemon.record import HostRecord
from ganeti_tw.errors import BadRequest
from ganeti_tw.nodes.directory import Directory
from ganeti_tw.protocol.node import JoinHello, JoinWelcome, LeaveCluster
from ganeti_tw.wire.identity import Identity
from ganeti_tw.wire.links import Links
from ganeti_tw.wire.token import Token, join_proof

HELLO_TIMEOUT, WELCOME_TIMEOUT, LEAVE_TIMEOUT = 10.0, 30.0, 15.0


class MasterHosts:
    """What the master does with hosts that are not, or no longer, nodes."""

    def __init__(
        self,
        reactor: Any,
        links: Links,
        directory: Directory,
        names: Names,
        certificates: MasterCertificates,
        identity: Callable[[], Identity],
        record: Callable[[], HostRecord],
        now: Callable[[], float],
        port: int,
    ) -> None:
        self._reactor = reactor
        self._links = links
        self._directory = directory
        self._names = names
        self.certificates = certificates
        self._identity = identity
        self._record = record
        self._now = now
        self._port = port

    async def join(self, name: str, token: str, uuid: str) -> dict[str, Any]:
        """Prove each to the other by the token, then give the host its certificate."""
        shown = Token.parse(token)
        shown.check_time(self._now())
        if shown.name != name:
            raise BadRequest(f"the token is of host {shown.name}, not of {name}")
        record = self._record()
        link = self._links.pinned(shown.host, shown.port, shown.fingerprint)
        try:
            host = link.ref("host")
            hello = await host.ask(JoinHello(record.cluster, name), HELLO_TIMEOUT)
            certificate = await self.certificates.first(hello["csr"], name)
            proof = join_proof(shown.secret, hello["nonce"], shown.fingerprint, self._identity().fingerprint)
            welcome = JoinWelcome(
                proof=proof,
                cluster=record.cluster,
                cluster_uuid=record.cluster_uuid,
                node=name,
                node_uuid=uuid,
                master=record.name,
                epoch=record.epoch,
                ca=self.certificates.bundle(),
                certificate=certificate,
                hmac_key=self.certificates.hmac_key(),
                candidates=record.candidates,
                addresses=record.addresses,
            )
            await host.ask(welcome, WELCOME_TIMEOUT)
        finally:
            await link.close()
        self._links.renew(name)
        return {"host": shown.host, "port": shown.port}

    async def leave(self, name: str) -> None:
        """Tell a host to forget the cluster."""
        try:
            await self._directory.ref(name, "host").ask(LeaveCluster(), LEAVE_TIMEOUT)
        finally:
            await self._links.forget(name)
            await self.certificates.forget(name)

    async def ask_at(self, name: str, address: str, message: Any, timeout: float) -> Any:
        """Ask the agent of a node over another of its addresses."""
        link = self._links.at(name, address, self._port)
        try:
            return await link.ref("node").ask(message, timeout)
        finally:
            await link.close()

    async def resolve(self, name: str) -> str:
        """The address of a host name; ResolverError."""
        return await self._names.address(name)

    async def answers(self, address: str) -> bool:
        """Whether something at an address accepts connections on the node daemon's port."""
        return not await TcpReach(self._reactor, self._port).problem(address)
