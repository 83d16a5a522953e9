"""The actor ``host``: membership and role of this host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from attrs import evolve
from twisted.logger import Logger

from ganeti_tw import __version__
from ganeti_tw.daemon.projections import write_ssconf
from ganeti_tw.daemon.record import HostRecord, save, write_safely
from ganeti_tw.errors import NoCluster, Refused
from ganeti_tw.kernel import Actor, Blocking, Rank, receive
from ganeti_tw.model.paths import Paths
from ganeti_tw.protocol.node import (
    GetHostState,
    HostState,
    JoinHello,
    JoinWelcome,
    LeaveCluster,
    UpdateHost,
)
from ganeti_tw.wire.delivery import FromStranger
from ganeti_tw.wire.identity import Identity, Unjoined
from ganeti_tw.wire.token import Invitation

FILE_DEADLINE = 10.0

log = Logger()


class Roles(Protocol):
    """Starts and stops what a host runs, by its record."""

    def role(self) -> str:
        """none, node, candidate or master."""

    def position(self) -> int:
        """Serial of the ledger here, 0 without one."""

    def invitation(self) -> Invitation | None:
        """The token shown at the moment."""

    def unjoined(self) -> Unjoined | None:
        """Who this host is while it is in no cluster."""

    async def joined(self, record: HostRecord, identity: Identity, hmac_key: str) -> None:
        """All is proven: be a node."""

    async def updated(self, record: HostRecord) -> None:
        """The record changed and is on disk: start and stop what it asks for."""

    async def leave(self) -> None:
        """Forget the cluster; guests are left alone."""


class HostActor(Actor):
    """Takes what the master says of this host and keeps it on disk."""

    rank = Rank.NODE
    restarts = 3

    def __init__(
        self,
        roles: Roles,
        name: str,
        paths: Paths,
        blocking: Blocking,
        now: Callable[[], float],
        record: Callable[[], HostRecord | None],
    ) -> None:
        self._roles = roles
        self._name = name
        self._paths = paths
        self._blocking = blocking
        self._now = now
        self._record = record

    @receive(GetHostState)
    def get_state(self, m: GetHostState) -> HostState:
        record = self._record()
        return HostState(
            name=self._name,
            uuid=record.uuid if record else "",
            cluster=record.cluster if record else "",
            role=self._roles.role(),
            epoch=record.epoch if record else 0,
            position=self._roles.position(),
            version=__version__,
        )

    @receive(UpdateHost)
    async def update(self, m: UpdateHost) -> None:
        record = self._record()
        if record is None:
            raise NoCluster(f"{self._name} is in no cluster")
        if m.serial < record.serial:
            return  # an older one, overtaken on its way
        await self._blocking.run(write_ssconf, self._paths, m.ssconf, deadline=FILE_DEADLINE)
        record = self._record()  # a master of a later epoch may have spoken meanwhile
        if record is None or m.serial < record.serial:
            return
        new = evolve(
            record,
            cluster=m.ssconf.get("cluster_name", record.cluster).strip(),
            serial=m.serial,
            master=m.master,
            candidates=m.candidates,
            addresses=m.addresses,
            hypervisors=m.hypervisors,
            file_storage_dirs=m.file_storage_dirs,
        )
        if evolve(new, serial=record.serial) != record:
            # In this thread, as everywhere: one that is late in another would put back what is old.
            save(self._paths.host_state, new)
        await self._roles.updated(new)

    @receive(LeaveCluster)
    async def leave(self, m: LeaveCluster) -> None:
        log.info("{name} leaves the cluster", name=self._name)
        await self._roles.leave()

    @receive(JoinHello)
    def known_hello(self, m: JoinHello) -> Any:
        raise Refused(f"{self._name} is in a cluster already; 'gnt-node token --leave' on it makes it leave")

    @receive(JoinWelcome)
    def known_welcome(self, m: JoinWelcome) -> Any:
        raise Refused(f"{self._name} is in a cluster already; 'gnt-node token --leave' on it makes it leave")

    @receive(FromStranger)
    async def from_stranger(self, m: FromStranger) -> Any:
        invitation, unjoined = self._roles.invitation(), self._roles.unjoined()
        if invitation is None or unjoined is None:
            raise Refused(f"{self._name} shows no token: run 'gnt-node token' on it first")
        if isinstance(m.message, JoinHello):
            if m.message.node != self._name:
                raise Refused(f"this host is called {self._name}, not {m.message.node}")
            return {"nonce": invitation.hello(m.fingerprint, self._now()), "csr": unjoined.csr()}
        if isinstance(m.message, JoinWelcome):
            await self._join(m.message, m.fingerprint, invitation, unjoined)
            return None
        raise Refused("a host in no cluster is only told to join one")

    async def _join(self, m: JoinWelcome, master: str, invitation: Invitation, unjoined: Unjoined) -> None:
        invitation.welcome(m.proof, master, self._now())
        identity = unjoined.join(m.certificate, m.ca)
        if identity.name != self._name or m.node != self._name:
            raise Refused(f"the certificate is for {identity.name}, this host is called {self._name}")
        record = HostRecord(
            cluster=m.cluster,
            cluster_uuid=m.cluster_uuid,
            name=self._name,
            uuid=m.node_uuid,
            epoch=m.epoch,
            master=m.master,
            candidates=(m.master,),
        )
        await self._roles.joined(record, identity, m.hmac_key)
        log.info(
            "{name} joined cluster {cluster}, master {master}", name=self._name, cluster=m.cluster, master=m.master
        )


def keep_membership(paths: Paths, record: HostRecord, identity: Identity, hmac_key: str) -> None:
    """Write all that makes this host a member; the record last, since it is what counts.  Blocks."""
    write_safely(paths.hmac_key, hmac_key.encode(), 0o440)
    identity.save(paths.tls)
    save(paths.host_state, record)
