"""One host: everything that runs in a process, started and stopped by its role."""

from __future__ import annotations

import gc
import os
import socket
import time
from collections.abc import Callable
from typing import Any

from attrs import evolve
from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from ganeti_tw.agent.node import SetEnabled
from ganeti_tw.api.master import call
from ganeti_tw.confd.server import ConfdServer
from ganeti_tw.daemon import record as records
from ganeti_tw.daemon.candidate import View, ViewKeeper
from ganeti_tw.daemon.door import HostApi
from ganeti_tw.daemon.hands import Hands
from ganeti_tw.daemon.hostactor import HostActor, keep_membership
from ganeti_tw.daemon.hosts import MasterHosts
from ganeti_tw.daemon.lag import LagMeter
from ganeti_tw.daemon.master import Found, Master, read_ledger
from ganeti_tw.daemon.monitoring import start_monitor
from ganeti_tw.daemon.names import Names
from ganeti_tw.daemon.newcluster import NewCluster, beginning, secret_rows
from ganeti_tw.daemon.projections import ConfigDataWriter
from ganeti_tw.daemon.record import HostRecord, remove_files
from ganeti_tw.daemon.settings import Settings
from ganeti_tw.errors import (
    BadRequest,
    Corrupt,
    DriverError,
    GanetiError,
    NoCluster,
    NotFound,
    NotMaster,
    NotSent,
    Refused,
    ResolverError,
    WrongState,
)
from ganeti_tw.kernel import ActorSystem, ThreadBlocking
from ganeti_tw.ledger.follower import Follower
from ganeti_tw.ledger.seam import Snapshot
from ganeti_tw.ledger.sqlite import SqliteStore
from ganeti_tw.nodes.directory import Directory
from ganeti_tw.protocol.node import MASTER_ONLY
from ganeti_tw.wire.certificates import CertificateAuthority
from ganeti_tw.wire.identity import Identity, Unjoined
from ganeti_tw.wire.identity import load as load_identity
from ganeti_tw.wire.links import Links
from ganeti_tw.wire.local import LocalServer
from ganeti_tw.wire.server import WireServer
from ganeti_tw.wire.token import Invitation, Token

FILE_DEADLINE = 10.0
FIRST_EPOCH = 1
DIRECTORIES = (
    ("/var/lib/ganeti", 0o755),
    ("/var/run/ganeti", 0o775),
    ("/var/run/ganeti/socket", 0o770),
    ("/var/log/ganeti", 0o770),
    ("/var/log/ganeti/os", 0o750),
)

log = Logger()


class Host(Service):
    """A node, or one to be.

    ``fatal`` is called with the reason when the process had better end.
    """

    def __init__(
        self,
        settings: Settings,
        reactor: Any,
        now: Callable[[], float],
        random: Callable[[], float],
        new_uuid: Callable[[], str],
        random_bytes: Callable[[int], bytes],
        fatal: Callable[[str], None],
    ) -> None:
        self.settings = settings
        self.paths = settings.paths
        self.reactor = reactor
        self.now, self.random, self.new_uuid, self.random_bytes = now, random, new_uuid, random_bytes
        self._fatal = fatal
        self.record: HostRecord | None = None
        self.master: Master | None = None
        self.view = View()
        self.system = ActorSystem(reactor)
        # The reactor's clock is the wall's, which may be set.
        self.lag = LagMeter(reactor, time.monotonic, self.system.slowest)
        self._files = ThreadBlocking(reactor, "files", 2)
        self._disk = ThreadBlocking(reactor, "ledger", 1)
        self._reading = ThreadBlocking(reactor, "reading", 1)
        self._tools = ThreadBlocking(reactor, "tools", 4)
        self._hypervisor_calls = ThreadBlocking(reactor, "hypervisor", 8)
        self.names = Names(self.paths.hosts, self._tools)
        self.store = SqliteStore(self.paths.ledger, self._disk)
        # For reading much at a time: commits do not wait for it.
        self.reader = SqliteStore(self.paths.ledger, self._reading)
        self._invitation: Invitation | None = None
        self._confd: Any = None
        self._hmac_key = b""
        self._position = 0
        self._changing = False  # a cluster is being made or left

    # -- the life of the process ---------------------------------------------------------------------------------

    def startService(self) -> None:
        super().startService()  # type: ignore[no-untyped-call]
        Deferred.fromCoroutine(self._start()).addErrback(self._cannot_start)

    def _cannot_start(self, failure: Failure) -> None:
        if isinstance(failure.value, GanetiError):
            self._fatal(f"cannot start: {failure.getErrorMessage()}")
        else:
            log.failure("cannot start", failure=failure)
            self._fatal("cannot start, see above")

    async def _start(self) -> None:
        self._make_directories()
        self.record = records.load(self.paths.host_state)
        self.identity = self._load_identity()
        self.links = Links(self.reactor, self.identity, self._resolve_peer, self._epoch, random=self.random)
        self.directory = Directory(self.settings.name, self.system, self.links)
        self.server = WireServer(self.reactor, self.identity, self.system, self._gate)
        self.server.listen(self.settings.ports.wire, self.settings.address)
        self.hands = Hands(
            self.settings,
            self.system,
            self.reactor,
            self.now,
            self._tools,
            self._hypervisor_calls,
            lambda: self.record,
        )
        self.host = self.system.spawn(
            "host",
            lambda: HostActor(self, self.settings.name, self.paths, self._files, self.now, lambda: self.record),
        )
        self._mond = start_monitor(self)
        if self.record is not None:
            self._hmac_key = _read(self.paths.hmac_key)
            await self._begin_role(self.record)
        self._local = LocalServer(self.reactor, self.paths.socket, self._handle, 0o660)
        self._local.listen()
        # What is here now stays: looking through all of it again and again would hold the reactor.
        gc.collect()
        gc.freeze()
        self.lag.start()
        log.info("host {name} is ready, role {role}", name=self.settings.name, role=self.role())

    async def _stop(self) -> None:
        self.lag.stop()
        if hasattr(self, "_local"):
            await self._local.close()
        if hasattr(self, "_mond"):
            await self._mond.stop()
        await self._stop_confd()
        if hasattr(self, "server"):
            await self.server.close()
        await self.system.stop()
        if hasattr(self, "links"):
            await self.links.close()
        if hasattr(self, "hands"):
            await self.hands.close()
        await self.reader.close()
        await self.store.close()
        for pool in (self._files, self._reading, self._disk, self._tools, self._hypervisor_calls):
            await maybeDeferred(pool.close)

    def stopService(self) -> Deferred[None]:
        maybeDeferred(super().stopService)
        return Deferred.fromCoroutine(self._stop())

    def _make_directories(self) -> None:
        for path, mode in DIRECTORIES:
            place = self.paths.below(path)
            try:
                os.makedirs(place, mode, exist_ok=True)
            except OSError as e:
                raise DriverError(f"cannot make {place}: {e.strerror}") from None

    def _load_identity(self) -> Identity | Unjoined:
        if self.record is not None:
            identity = load_identity(self.paths.tls)
            if not isinstance(identity, Identity):
                raise Corrupt(f"{self.paths.tls} holds no certificate of cluster {self.record.cluster}; join again")
            return identity
        try:
            found = load_identity(self.paths.tls)
            if isinstance(found, Unjoined) and found.name == self.settings.name:
                return found
        except NotFound:
            pass
        return self._new_identity()

    def _new_identity(self) -> Unjoined:
        unjoined = Unjoined.create(self.settings.name, self.now())
        unjoined.save(self.paths.tls)
        return unjoined

    # -- who may say what ----------------------------------------------------------------------------------------

    def _gate(self, peer: str, epoch: int, name: str) -> None:
        if self.record is None:
            raise NoCluster(f"{self.settings.name} is in no cluster")
        record = self.record.seen(peer, epoch)
        if name in MASTER_ONLY and peer != record.master:
            raise Refused(f"{name} is for the master only, which is {record.master}, not {peer}")
        if record is not self.record:
            # On disk before it is obeyed; happens once in a reign.
            records.save(self.paths.host_state, record)
            self.record = record

    def _epoch(self) -> int:
        return self.record.epoch if self.record is not None else 0

    def _resolve_peer(self, name: str) -> tuple[str, int]:
        config = self.config
        node = config.find_node(name) if config is not None else None
        address = node.primary_ip if node is not None else (self.record.addresses if self.record else {}).get(name)
        if address is None:
            raise NotSent(f"no address is known of node {name}")
        return address, self.settings.ports.wire

    @property
    def config(self) -> Any:
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

    def invitation(self) -> Invitation | None:
        """The token shown at the moment."""
        return self._invitation

    def unjoined(self) -> Unjoined | None:
        """Who this host is while it is in no cluster."""
        return self.identity if isinstance(self.identity, Unjoined) else None

    async def joined(self, record: HostRecord, identity: Identity, hmac_key: str) -> None:
        """All is proven: be a node."""
        await self._files.run(keep_membership, self.paths, record, identity, hmac_key, deadline=FILE_DEADLINE)
        self._invitation = None
        self._hmac_key = hmac_key.encode()
        self._be(record, identity)
        await self._begin_role(record)

    async def updated(self, record: HostRecord) -> None:
        """The record changed and is on disk: start and stop what it asks for."""
        before, self.record = self.record, record
        if before is None or before.hypervisors != record.hypervisors:
            self.hands.agent.tell(SetEnabled(self.hands.enabled(record)))
        if self.master is None:
            if record.is_candidate:
                self._start_confd()
            elif before is not None and before.is_candidate:
                await self._drop_ledger()
                self._start_follower()

    async def leave(self) -> None:
        """Forget the cluster; guests are left alone."""
        if self.master is not None:
            self.master.stop()
            self.master = None
        await self._drop_ledger()
        ssconf = [os.path.join(self.paths.data, f) for f in os.listdir(self.paths.data) if f.startswith("ssconf_")]
        remove_files(self.paths.host_state, self.paths.hmac_key, *ssconf)
        self._hmac_key = b""
        self.record = None
        unjoined = self._new_identity()
        # A moment later, so that the answer still goes out over the present connection.
        self.reactor.callLater(0, self._be, None, unjoined)

    def _be(self, record: HostRecord | None, identity: Identity | Unjoined) -> None:
        self.record, self.identity = record, identity
        self.server.use(identity)
        self.links.use(identity)

    # -- roles ---------------------------------------------------------------------------------------------------

    async def _begin_role(self, record: HostRecord) -> None:
        if record.is_master:
            await self._start_master(await read_ledger(self.store, self._files))
        else:
            self._start_follower()
            if record.is_candidate:
                self._start_confd()

    def _start_follower(self) -> None:
        writer = self._start_writer()
        keeper = self.system.spawn("view", lambda: ViewKeeper(self.view, self.store, writer, self._files))
        self.system.spawn("follower", lambda: Follower(self.store, keeper, self._epoch))

    def _start_writer(self) -> Any:
        return self.system.spawn(
            "config-data",
            lambda: ConfigDataWriter(self.paths.config_data, self.reader, self._files, self.reactor),
        )

    async def _start_master(self, found: Found) -> None:
        record = self.record
        assert record is not None and isinstance(self.identity, Identity), "only members become master"
        # Each start is a reign of its own, so that nothing said by the process before is taken for its word.
        self.record = record = evolve(record, epoch=record.epoch + 1)
        records.save(self.paths.host_state, record)
        hosts = MasterHosts(
            self.reactor,
            self.links,
            self.directory,
            self.names,
            _authority(found.authority),
            self.identity,
            found.hmac_key,
            self._membership,
            self.now,
            self.settings.ports.wire,
        )
        self.master = Master(
            system=self.system,
            store=self.store,
            reader=self.reader,
            found=found,
            epoch=record.epoch,
            own_name=self.settings.name,
            directory=self.directory,
            hosts=hosts,
            clock=self.reactor,
            now=self.now,
            random=self.random,
            new_uuid=self.new_uuid,
            random_bytes=self.random_bytes,
            pause=lambda: deferLater(self.reactor, 0),
            fatal=self._fatal,
        )
        self.master.follow(self._start_writer())
        self._start_confd()

    def _membership(self) -> HostRecord:
        if self.record is None:
            raise NoCluster(f"{self.settings.name} is in no cluster")
        return self.record

    async def _drop_ledger(self) -> None:
        """Forget the ledger and what was made from it."""
        await self._stop_confd()
        for path in ("follower", "view", "config-data"):
            ref = self.system.find(path)
            if ref is not None:
                ref.stop()
        self.view.published = None
        await self.reader.close()
        await self.store.close()
        remove_files(*(self.paths.ledger + end for end in ("", "-wal", "-shm")), self.paths.config_data)

    # -- confd ---------------------------------------------------------------------------------------------------

    def _start_confd(self) -> None:
        if self._confd is not None:
            return
        server = ConfdServer(lambda: self.config, lambda: self._hmac_key, self.now)
        try:
            self._confd = self.reactor.listenUDP(
                self.settings.ports.confd, server, self.settings.address, maxPacketSize=4096
            )
        except CannotListenError as e:
            log.error("confd cannot listen: {error}", error=str(e))

    async def _stop_confd(self) -> None:
        port, self._confd = self._confd, None
        if port is not None:
            await maybeDeferred(port.stopListening)

    # -- the local socket ----------------------------------------------------------------------------------------

    def _handle(self, method: str, arguments: dict[str, Any]) -> Any:
        api: Any = HostApi(self)
        if not hasattr(api, method) or method.startswith("_"):
            if self.master is None:
                raise self._not_master()
            api = self.master.api
        return Deferred.fromCoroutine(call(api, method, arguments))  # type: ignore[arg-type]

    def _not_master(self) -> GanetiError:
        if self.record is None:
            return NoCluster(
                f"{self.settings.name} is in no cluster: make one with 'gnt-cluster init', "
                "or add this host to one with 'gnt-node add' on its master"
            )
        return NotMaster(f"{self.settings.name} is not the master, {self.record.master} is: run the command there")

    # -- making a cluster ----------------------------------------------------------------------------------------

    async def init_cluster(self, new: NewCluster) -> int:
        """Make this host the master of a new cluster; gives the id of the first job."""
        if self.record is not None:
            raise WrongState(f"{self.settings.name} is in cluster {self.record.cluster} already")
        if self._changing:
            raise WrongState("a cluster is being made already")
        self._changing = True
        try:
            await self._make_cluster(new)
        finally:
            self._changing = False
        assert self.master is not None, "it was made just now"
        return await self.master.api.submit([{"OP_ID": "OP_CLUSTER_POST_INIT", "reason": []}])

    async def _make_cluster(self, new: NewCluster) -> None:
        name, now = self.settings.name, self.now()
        master_ip = await self._cluster_address(new.cluster_name, new.ip_family)
        node_ip = await self._own_address(new.ip_family)
        if new.secondary_ip is not None and not await self.names.is_own(new.secondary_ip):
            raise BadRequest(f"secondary IP {new.secondary_ip} is no address of this host")
        if master_ip == node_ip:
            raise WrongState(f"{new.cluster_name} needs an address of its own, {master_ip} is that of {name}")
        begin = beginning(
            new,
            node_name=name,
            node_ip=node_ip,
            master_ip=master_ip,
            now=now,
            new_uuid=self.new_uuid,
        )
        cluster = begin.cluster
        unjoined = self.unjoined()
        assert unjoined is not None, "a host without a record is in no cluster"
        authority = CertificateAuthority.create(cluster.cluster_name, now)
        identity = unjoined.join(authority.sign(unjoined.csr(), name, now), authority.certificate)
        hmac_key = self.random_bytes(20).hex() + "\n"
        puts = [*begin.rows(), *secret_rows(authority.key + authority.certificate, hmac_key)]
        await self.store.install(Snapshot(1, FIRST_EPOCH, {(p.kind, p.key): p.value for p in puts}))
        record = HostRecord(
            cluster=cluster.cluster_name,
            cluster_uuid=cluster.uuid,
            name=name,
            uuid=begin.node.uuid,
            epoch=FIRST_EPOCH,
            master=name,
            candidates=(name,),
            addresses={name: node_ip},
            hypervisors=tuple(cluster.enabled_hypervisors),
            file_storage_dirs={"file": cluster.file_storage_dir, "sharedfile": cluster.shared_file_storage_dir},
        )
        await self.joined(record, identity, hmac_key)
        self.hands.agent.tell(SetEnabled(self.hands.enabled(record)))

    async def _cluster_address(self, name: str, family: int) -> str:
        try:
            return await self.names.address(name, family)
        except ResolverError as e:
            raise ResolverError(f"the cluster needs an address: {e.text}") from None

    async def _own_address(self, family: int = 0) -> str:
        if family == socket.AF_INET6 and self.settings.address == "0.0.0.0":
            raise WrongState(
                f"{self.settings.name} listens on its IPv4 addresses only: "
                f"set 'address' in section [host] of {self.paths.settings} to :: or an IPv6 address and start it again"
            )
        if self.settings.address not in ("0.0.0.0", "::"):
            return self.settings.address
        return await self.names.address(self.settings.name, family)

    async def show_token(self, ttl: float) -> Token:
        """A new token to join a cluster with; it replaces the one before."""
        unjoined = self.unjoined()
        if unjoined is None or self.record is not None:
            raise WrongState(f"{self.settings.name} is in a cluster already; --leave makes it leave first")
        token = Token(
            name=self.settings.name,
            host=await self._own_address(),
            port=self.settings.ports.wire,
            fingerprint=unjoined.fingerprint,
            secret=self.random_bytes(20),
            expires=self.now() + ttl,
        )
        self._invitation = Invitation(token, self.random_bytes)
        return token


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as e:
        raise Corrupt(f"{path} cannot be read: {e.strerror}; copy it from another node") from None


def _authority(pem: str) -> CertificateAuthority:
    marker = "-----BEGIN CERTIFICATE-----"
    key, _, certificate = pem.partition(marker)
    return CertificateAuthority(key, marker + certificate)
