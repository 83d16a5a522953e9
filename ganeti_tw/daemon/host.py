"""One host: what runs on it, started and stopped by its role."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from ganeti_tw.agent.node import SetEnabled
from ganeti_tw.api.master import call
from ganeti_tw.config.secrets import Vault
from ganeti_tw.daemon.candidate import View, ViewKeeper
from ganeti_tw.daemon.door import HostApi
from ganeti_tw.daemon.expiry import ExpiryWatch
from ganeti_tw.daemon.founding import Founding
from ganeti_tw.daemon.hostactor import HostActor
from ganeti_tw.daemon.inquiry import Inquiry
from ganeti_tw.daemon.lag import LagMeter
from ganeti_tw.daemon.master import MASTER_ACTORS, Master
from ganeti_tw.daemon.masterip import ClusterAddress
from ganeti_tw.daemon.mastership import Mastership, Reign
from ganeti_tw.daemon.outside import Outside
from ganeti_tw.daemon.record import HostRecord
from ganeti_tw.errors import GanetiError, NoCluster, NotMaster, NotSent, Refused, WrongState
from ganeti_tw.kernel import ActorSystem, Ref
from ganeti_tw.ledger.follower import Follower
from ganeti_tw.model.config import Config
from ganeti_tw.nodes.directory import Directory
from ganeti_tw.operations.registry import load_all
from ganeti_tw.protocol import certificates as certificate_messages
from ganeti_tw.protocol.config import Follow
from ganeti_tw.protocol.ledger import Position
from ganeti_tw.protocol.mastership import FROM_ANY_EPOCH
from ganeti_tw.protocol.node import MASTER_ONLY as NODE_MASTER_ONLY
from ganeti_tw.protocol.registry import what
from ganeti_tw.wire.certificates import digest
from ganeti_tw.wire.identity import Identity, Unjoined
from ganeti_tw.wire.token import SECRET_BYTES, Invitation, Token

MASTER_ONLY = NODE_MASTER_ONLY | certificate_messages.MASTER_ONLY
FOLLOWING = ("follower", "view", "config-data")
"""Paths of what keeps a copy of the ledger, and of the configuration in it."""

LEARNING_DEADLINE = 60.0

log = Logger()


class Host:
    """A node, or one to be.  Everything around it is given by ``outside``."""

    def __init__(self, outside: Outside) -> None:
        self.outside = outside
        self.name = outside.name
        self.record: HostRecord | None = None
        self.master: Master | None = None
        self.view = View()
        self.read: Config | None = None  # as the ledger has it while this host wants to be master
        self.system = ActorSystem(outside.clock)
        self.mastership = Mastership(self)
        self.inquiry = Inquiry(self)
        self.founding = Founding(self)
        self.lag: LagMeter | None = None  # of the process, where there is one
        self.told: Callable[[HostRecord | None], None] = lambda record: None  # called with each new record
        self.expiry: ExpiryWatch | None = None
        self._invitation: Invitation | None = None
        self.address = ClusterAddress(self)

    # -- life ----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Be what the record on disk says; GanetiError when that cannot be."""
        outside = self.outside
        self.record = outside.memory.load()
        self.identity = outside.memory.identity(self.record)
        self.links = outside.links(self.identity, self._resolve_peer, self.epoch, self._admit)
        self.directory = Directory(self.name, self.system, self.links, self.epoch, self.deposed)
        self.hands = outside.hands(self.system, lambda: self.record)
        self.host: Ref = self.system.spawn(
            "host", lambda: HostActor(self, self.name, outside.memory, outside.now, lambda: self.record)
        )
        if self.record is not None:
            if self.record.is_candidate or self.record.is_master:
                await outside.store.position()  # opens and checks it: who cannot trust its ledger does not start
                await self._learn_operations()
            self._begin_role(self.record)
        # Last, so that nobody finds half a host.
        self.server = outside.listen(self.identity, self.system, self._gate, self._admit, self._lost)

    async def stop(self) -> None:
        """End everything; guests run on.  Also after a start that failed half way."""
        self.inquiry.stop()
        self.address.stop()
        await self.mastership.stop()
        if hasattr(self, "server"):
            await self.server.close()
        await self.system.stop()
        if hasattr(self, "links"):
            await self.links.close()
        if hasattr(self, "hands"):
            await self.hands.close()
        await self.outside.reader.close()
        await self.outside.store.close()

    # -- who may say what ----------------------------------------------------------------------------------------

    def _gate(self, peer: str, epoch: int, name: str) -> None:
        record = self.record
        if record is None:
            raise NoCluster(f"{self.name} is in no cluster")
        if name in FROM_ANY_EPOCH:
            if not self._knows(record, peer):
                raise record.unknown(peer)
            return
        if epoch >= record.epoch and not record.obeys(peer):
            self.inquiry.begin()
        seen = record.seen(peer, epoch)
        if name in MASTER_ONLY and peer != seen.master:
            raise Refused(f"only the master, {seen.master}, may ask a node to {what(name)}, not {peer}")
        if seen is not record:
            # On disk before it is obeyed; happens once in a reign.
            self.keep(seen)
            if self.master is not None:
                self.deposed(f"{peer} speaks for epoch {epoch}")
        if peer == seen.master:
            self.inquiry.heard()

    def _lost(self, peer: str) -> None:
        """A connection that a peer had made is no more."""
        if self.record is not None and peer == self.record.master and peer != self.name:
            self.inquiry.expect()

    def _admit(self, peer: str, number: int) -> None:
        if self.record is not None:
            known = self._knows(self.record, peer)
            if not known:
                self.inquiry.begin()
            self.record.admit(peer, number, known)

    def _knows(self, record: HostRecord, peer: str) -> bool:
        """Whether it is a node; of one that has just joined the configuration may know before the record does."""
        config = self.config or self.read
        return record.knows(peer) or (config is not None and any(n.name == peer for n in config.nodes.values()))

    def epoch(self) -> int:
        """The highest epoch this host has seen."""
        return self.record.epoch if self.record is not None else 0

    def _resolve_peer(self, name: str) -> tuple[str, int]:
        config = self.config or self.read
        node = config.find_node(name) if config is not None else None
        address = node.primary_ip if node is not None else (self.record.addresses if self.record else {}).get(name)
        if address is None:
            raise NotSent(f"no address is known of node {name}")
        return address, self.outside.port

    @property
    def config(self) -> Config | None:
        """The configuration this host has, None on a regular node."""
        return self.master.published.config if self.master is not None else self.view.config

    # -- what the host actor needs (see hostactor.Roles) -------------------------------------------------------------

    def role(self) -> str:
        """none, node, candidate or master."""
        if self.record is None:
            return "none"
        if self.master is not None:
            return "master"
        return "candidate" if self.record.is_candidate else "node"

    def position(self) -> int:
        """Serial of the configuration here, 0 without one."""
        config = self.config
        return int(config.serial) if config is not None else 0

    async def ledger(self) -> Position | None:
        """Where the ledger on the disk of this host is; None without one."""
        if self.record is None or not (self.record.is_candidate or self.master is not None):
            return None
        return await self.outside.store.position()

    def invitation(self) -> Invitation | None:
        """The token shown at the moment."""
        return self._invitation

    async def show_token(self, ttl: float) -> Token:
        """A new token to join a cluster with; it replaces the one before."""
        unjoined = self.unjoined()
        if unjoined is None or self.record is not None:
            raise WrongState(f"{self.name} is in a cluster already; --leave makes it leave first")
        token = Token(
            name=self.name,
            host=await self.outside.own_address(),
            port=self.outside.port,
            fingerprint=unjoined.fingerprint,
            secret=self.outside.random_bytes(SECRET_BYTES),
            expires=self.outside.now() + ttl,
        )
        self._invitation = Invitation(token, self.outside.random_bytes)
        return token

    def certificate(self) -> str:
        """The digest of the certificate of this host, as Ganeti writes it."""
        return digest(self.identity.certificate)

    def unjoined(self) -> Unjoined | None:
        """Who this host is while it is in no cluster."""
        return self.identity if isinstance(self.identity, Unjoined) else None

    def keep(self, record: HostRecord) -> None:
        """Put the record on disk, then obey it."""
        if self.record is None or evolve(record, serial=self.record.serial) != self.record:
            self.outside.memory.save(record)
        self.record = record

    async def joined(self, record: HostRecord, identity: Identity, hmac_key: str, voting: bool = True) -> None:
        """All is proven: be a node, or a master that for its first reign needs no votes."""
        await self.outside.memory.join(record, identity, hmac_key)
        self._invitation = None
        self._be(record, identity)
        self._begin_role(record, voting)

    def node_identity(self) -> Identity:
        """Who this host is in its cluster; NoCluster."""
        self.membership()
        if not isinstance(self.identity, Identity):
            raise NoCluster(f"{self.name} has no certificate of the cluster")
        return self.identity

    async def renewed(self, identity: Identity) -> None:
        """Be the same node with another certificate, or other authorities; on disk when it answers."""
        await self.outside.memory.renew(identity)
        self.identity = identity
        self.server.use(identity, renewed=True)
        self.links.use(identity)

    async def updated(self, before: HostRecord, record: HostRecord) -> None:
        """The record changed and is kept: start and stop what it asks for."""
        if (before.lowest, before.addresses) != (record.lowest, record.addresses):
            self.server.review()
        if before.hypervisors != record.hypervisors:
            self.hands.agent.tell(SetEnabled(self.hands.enabled(record)))
        self.told(record)
        if self.master is None and not self.mastership.busy:
            if record.is_candidate:
                if self.system.find("confd") is None:
                    self.start_confd()
                if not before.is_candidate:
                    self._learn_operations()
            elif before.is_candidate:
                await self._drop_ledger()
                await self.follow()

    def claimed(self) -> int:
        """The epoch in which this host is asking others to obey it; 0 when it is not."""
        return self.mastership.claimed

    async def step_down(self, reason: str) -> None:
        """Acknowledge nothing as master from now on."""
        await self.mastership.step_down(reason)

    def removed(self) -> None:
        """The cluster knows this host no more: what it could tell others of the configuration is too old."""
        self.system.end("confd")

    def deposed(self, reason: str, node: str = "") -> None:
        """A later master was heard of, from ``node``: find out who it is, and follow."""
        self.mastership.deposed(reason, node)

    async def leave(self) -> None:
        """Forget the cluster; guests are left alone."""
        await self.mastership.stop()
        await self._drop_ledger()
        self.outside.memory.forget()
        self.record = None
        self.inquiry.heard()  # what there was to hear
        unjoined = self.outside.memory.new_identity()
        # A moment later, so that the answer still goes out over the present connection.
        self.outside.clock.callLater(0, self._be, None, unjoined)

    def _be(self, record: HostRecord | None, identity: Identity | Unjoined) -> None:
        self.record, self.identity = record, identity
        self.told(record)
        self.server.use(identity)
        self.links.use(identity)

    # -- roles ---------------------------------------------------------------------------------------------------

    def _begin_role(self, record: HostRecord, voting: bool = True) -> None:
        if record.is_master:
            self.mastership.seek(voting)
            return
        self.address.take_off()
        self.start_follower()

    async def follow(self) -> None:
        """Be no master: without its address, with a follower that lives; one that is being stopped makes room first."""
        self.address.take_off()
        self.read = None
        await self.system.vacated(*FOLLOWING)
        if self.master is None and self.record is not None and self.system.find("follower") is None:
            self.start_follower()

    def _learn_operations(self) -> Deferred[Any]:
        """Have them all ready: to import them takes a part of a second, which the beginning of a reign has not."""
        learnt = self.outside.files.run(load_all, deadline=LEARNING_DEADLINE)
        return learnt.addErrback(lambda f: log.failure("{name}: operations", failure=f, name=self.name))

    def start_follower(self) -> None:
        """Be ready to be a master candidate; nothing comes of it on a regular node."""
        outside = self.outside
        self.inquiry.expect()

        def candidate() -> bool:
            return self.record is not None and self.record.is_candidate

        keeper = self.system.spawn("view", lambda: ViewKeeper(self.view, outside.store, outside.files, candidate))
        writer = outside.config_writer(self.system)
        if writer is not None:
            keeper.tell(Follow(writer))
        self.system.spawn("follower", lambda: Follower(outside.store, keeper, self.epoch))
        if self.membership().is_candidate:
            self.start_confd()

    def stop_follower(self) -> Deferred[None]:
        """Take no changes of the ledger any more."""
        return self.system.end(*FOLLOWING)

    def begin_reign(self, reign: Reign) -> Master:
        """Start the master's services."""
        outside = self.outside
        record = self.membership()
        vault = Vault(reign.found.secrets)
        hosts = outside.hosts(
            self.links, self.directory, self.node_identity, vault, self.membership, self._resolve_peer
        )
        self.master = Master(
            outside=outside,
            system=self.system,
            found=reign.found,
            first=reign.first,
            epoch=record.epoch,
            voting=reign.voting,
            directory=self.directory,
            hosts=hosts,
            vault=vault,
            deposed=lambda reason: self.deposed(reason.text),
        )
        writer = outside.config_writer(self.system)
        if writer is not None:
            self.master.follow(writer)
        self.view.clear()
        self.start_confd()
        self.address.bring_up()
        return self.master

    def end_reign(self) -> Deferred[None]:
        """Acknowledge nothing more as master, from now on; fires when the master's services are gone."""
        if self.master is None:
            return succeed(None)
        self.master = None
        self.address.end_reign()
        return self.system.end(*MASTER_ACTORS, "config-data")

    def membership(self) -> HostRecord:
        """The record; NoCluster."""
        if self.record is None:
            raise NoCluster(f"{self.name} is in no cluster")
        return self.record

    async def _drop_ledger(self) -> None:
        """Forget the ledger and what was made from it."""
        await self.system.end("confd")
        await self.stop_follower()
        self.view.clear()
        await self.outside.reader.close()
        await self.outside.store.close()
        self.outside.memory.remove_ledger()

    # -- confd ---------------------------------------------------------------------------------------------------

    def start_confd(self) -> None:
        """Answer questions from the configuration that is here now, and from each that follows."""
        confd = self.system.find("confd") or self.outside.confd(self.system, lambda: self.config)
        if confd is None:
            return
        if self.master is not None:
            self.master.follow(confd)
        elif (keeper := self.system.find("view")) is not None:
            keeper.tell(Follow(confd))

    # -- the local socket ----------------------------------------------------------------------------------------

    def handle(self, method: str, arguments: dict[str, Any]) -> Deferred[Any]:
        """What a client on this host asks for; NoCluster or NotMaster where only a master can answer."""
        api: Any = HostApi(self)
        if not hasattr(api, method) or method.startswith("_"):
            if self.master is None:
                raise self._not_master()
            api = self.master.api
        return Deferred.fromCoroutine(call(api, method, arguments))  # type: ignore[arg-type]

    def _not_master(self) -> GanetiError:
        if self.record is None:
            return NoCluster(
                f"{self.name} is in no cluster: make one with 'gnt-cluster init', "
                "or add this host to one with 'gnt-node add' on its master"
            )
        if self.record.is_master:
            return NotMaster(f"{self.name} is not the master yet: {self.mastership.obstacle}")
        if self.inquiry.removed:
            return NotMaster(self.inquiry.removed)
        return NotMaster(f"{self.name} is not the master, {self.record.master} is: run the command there")
