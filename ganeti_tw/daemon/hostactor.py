"""The actor ``host``: membership and role of this host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from attrs import evolve
from twisted.logger import Logger

from ganeti_tw import __version__
from ganeti_tw.daemon.outside import Memory
from ganeti_tw.daemon.record import HostRecord
from ganeti_tw.errors import BadRequest, NoCluster, Refused, StaleEpoch
from ganeti_tw.kernel import Actor, Rank, receive
from ganeti_tw.protocol.certificates import RequestCertificate, Trust, UseCertificate
from ganeti_tw.protocol.ledger import Position
from ganeti_tw.protocol.mastership import GetStanding, Promise, Standing, Witness, order
from ganeti_tw.protocol.node import (
    GetHostState,
    HostState,
    JoinHello,
    JoinWelcome,
    LeaveCluster,
    UpdateHost,
)
from ganeti_tw.wire.certificates import new_key, signing_request
from ganeti_tw.wire.delivery import FromStranger
from ganeti_tw.wire.identity import Identity, Unjoined
from ganeti_tw.wire.token import Invitation

log = Logger()


class Roles(Protocol):
    """Starts and stops what a host runs, by its record."""

    def role(self) -> str:
        """none, node, candidate or master."""

    def position(self) -> int:
        """Serial of the configuration here, 0 without one."""

    async def ledger(self) -> Position | None:
        """Where the ledger on the disk of this host is; None without one."""

    def certificate(self) -> str:
        """The digest of the certificate of this host, as Ganeti writes it."""

    def invitation(self) -> Invitation | None:
        """The token shown at the moment."""

    def unjoined(self) -> Unjoined | None:
        """Who this host is while it is in no cluster."""

    def keep(self, record: HostRecord) -> None:
        """Put the record on disk, then obey it."""

    async def joined(self, record: HostRecord, identity: Identity, hmac_key: str) -> None:
        """All is proven: be a node."""

    def node_identity(self) -> Identity:
        """Who this host is in its cluster; NoCluster."""

    async def renewed(self, identity: Identity) -> None:
        """Be the same node with another certificate, or other authorities; on disk when it answers."""

    async def updated(self, before: HostRecord, record: HostRecord) -> None:
        """The record changed and is kept: start and stop what it asks for."""

    def claimed(self) -> int:
        """The epoch in which this host is asking others to obey it; 0 when it is not."""

    async def step_down(self, reason: str) -> None:
        """Acknowledge nothing as master from now on."""

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
        memory: Memory,
        now: Callable[[], float],
        record: Callable[[], HostRecord | None],
    ) -> None:
        self._roles = roles
        self._name = name
        self._memory = memory
        self._now = now
        self._record = record
        self._new_key = ""  # PEM, while a certificate for it is awaited

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
            certificate=self._roles.certificate() if record else "",
        )

    @receive(UpdateHost)
    async def update(self, m: UpdateHost) -> None:
        before = self._member()
        if m.serial < before.serial:
            return  # an older one, overtaken on its way
        await self._memory.write_ssconf(m.ssconf)
        record = self._member()
        if record.epoch != before.epoch:
            return  # a later master has spoken meanwhile
        new = evolve(
            record,
            cluster=m.ssconf.get("cluster_name", record.cluster).strip(),
            serial=m.serial,
            master=m.master,
            candidates=m.candidates,
            addresses=m.addresses,
            hypervisors=m.hypervisors,
            file_storage_dirs=m.file_storage_dirs,
            data_collectors=m.data_collectors,
            lowest=m.lowest,
        )
        self._roles.keep(new)
        await self._roles.updated(record, new)

    @receive(LeaveCluster)
    async def leave(self, m: LeaveCluster) -> None:
        log.info("{name} leaves the cluster", name=self._name)
        await self._roles.leave()

    # -- certificates --------------------------------------------------------------------------------------------

    @receive(RequestCertificate)
    def request_certificate(self, m: RequestCertificate) -> str:
        self._roles.node_identity()  # or there is none to renew
        self._new_key = new_key()
        return signing_request(self._new_key, self._name)

    @receive(UseCertificate)
    async def use_certificate(self, m: UseCertificate) -> None:
        now = self._roles.node_identity()
        if m.certificate == now.certificate:
            await self._roles.renewed(Identity(now.key, now.certificate, m.ca).checked())
            return
        if not self._new_key:
            raise BadRequest(f"{self._name} asked for no certificate: renew it once more")
        identity = Identity(self._new_key, m.certificate, m.ca).checked()
        if identity.name != self._name:
            raise Refused(f"the certificate is for {identity.name}, this host is called {self._name}")
        await self._roles.renewed(identity)
        self._new_key = ""
        log.info("{name} has a new certificate", name=self._name)

    @receive(Trust)
    async def trust(self, m: Trust) -> None:
        now = self._roles.node_identity()
        await self._roles.renewed(Identity(now.key, now.certificate, m.ca).checked())

    # -- mastership ----------------------------------------------------------------------------------------------

    @receive(GetStanding)
    async def get_standing(self, m: GetStanding) -> Standing:
        return await self._standing()

    @receive(Promise)
    async def promise(self, m: Promise) -> Standing:
        self._member().promise(m.epoch, m.leader)  # or it raises
        if m.leader != self._name:
            if m.epoch <= self._roles.claimed():
                raise StaleEpoch(f"{self._name} wants to be master itself in epoch {self._roles.claimed()}")
            await self._roles.step_down(f"{m.leader} becomes master in epoch {m.epoch}")
        # Once more: others may have been promised something while this one stepped down.
        self._roles.keep(self._member().promise(m.epoch, m.leader))
        # After the promise, so that nothing of the reign before can still follow.
        return await self._standing()

    @receive(Witness)
    def witness(self, m: Witness) -> None:
        record = self._member()
        if order(m.at) > order(record.in_sync_at):
            self._roles.keep(evolve(record, in_sync=m.in_sync, in_sync_at=m.at))

    async def _standing(self) -> Standing:
        ledger = await self._roles.ledger()
        record = self._member()
        acting = self._roles.role() == "master"
        return Standing(self._name, record.epoch, record.master, acting, ledger, record.in_sync, record.in_sync_at)

    def _member(self) -> HostRecord:
        record = self._record()
        if record is None:
            raise NoCluster(f"{self._name} is in no cluster")
        return record

    # -- joining -------------------------------------------------------------------------------------------------

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
            candidates=m.candidates or (m.master,),
            addresses=m.addresses,
        )
        await self._roles.joined(record, identity, m.hmac_key)
        log.info(
            "{name} joined cluster {cluster}, master {master}", name=self._name, cluster=m.cluster, master=m.master
        )
