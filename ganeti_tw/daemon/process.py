"""The process of one host: real sockets, files and threads around a :class:`~ganeti_tw.daemon.host.Host`."""

from __future__ import annotations

import gc
import os
import socket
import time
from collections.abc import Callable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ganeti_tw.agent.commands import ReactorRunner
from ganeti_tw.agent.verify import certificate_ends
from ganeti_tw.confd.actor import Confd
from ganeti_tw.config.secrets import Vault
from ganeti_tw.daemon.allocators import OUTPUT_LIMIT, ProgramAllocators
from ganeti_tw.daemon.bells import SocketBells
from ganeti_tw.daemon.certificates import MasterCertificates
from ganeti_tw.daemon.expiry import ExpiryWatch
from ganeti_tw.daemon.garbage import GarbageWatch
from ganeti_tw.daemon.hands import Hands, own_environment
from ganeti_tw.daemon.host import Host
from ganeti_tw.daemon.hosts import MasterHosts
from ganeti_tw.daemon.lag import LagMeter
from ganeti_tw.daemon.memory import FileMemory
from ganeti_tw.daemon.monitoring import start_monitor
from ganeti_tw.daemon.names import Names, check_reachable
from ganeti_tw.daemon.outside import Memory
from ganeti_tw.daemon.projections import ConfigDataWriter
from ganeti_tw.daemon.record import HostRecord
from ganeti_tw.daemon.settings import Settings
from ganeti_tw.errors import DriverError, GanetiError, WrongState
from ganeti_tw.kernel import ActorSystem, Blocking, Ref, ThreadBlocking
from ganeti_tw.ledger.seam import Store
from ganeti_tw.ledger.sqlite import SqliteStore
from ganeti_tw.model.config import Config
from ganeti_tw.nodes.directory import Directory
from ganeti_tw.operations.allocators import Allocators
from ganeti_tw.operations.bell import Bells
from ganeti_tw.wire.delivery import Admit, Gate, Lost
from ganeti_tw.wire.identity import Identity
from ganeti_tw.wire.links import Links
from ganeti_tw.wire.local import LocalServer
from ganeti_tw.wire.server import WireServer

DIRECTORIES = (
    ("/var/lib/ganeti", 0o755),
    ("/var/run/ganeti", 0o775),
    ("/var/run/ganeti/socket", 0o770),
    ("/var/log/ganeti", 0o770),
    ("/var/log/ganeti/os", 0o750),
)

LOOK_DEADLINE = 10.0

log = Logger()


class Process:
    """The real :class:`~ganeti_tw.daemon.outside.Outside`."""

    def __init__(
        self,
        settings: Settings,
        reactor: Any,
        now: Callable[[], float],
        random: Callable[[], float],
        new_uuid: Callable[[], str],
        random_bytes: Callable[[int], bytes],
        fatal: Callable[[str], None],
        getaddrinfo: Callable[..., Any] = socket.getaddrinfo,
    ) -> None:
        self.settings = settings
        self.paths = settings.paths
        self.reactor = self.clock = reactor
        self.name = settings.name
        self.listens_on = "" if settings.address in ("0.0.0.0", "::") else settings.address
        self.port = settings.ports.wire
        self.now, self.random, self.new_uuid, self.random_bytes = now, random, new_uuid, random_bytes
        self.elapsed: Callable[[], float] = time.monotonic
        self._fatal = fatal
        self._file_calls = ThreadBlocking(reactor, "files", 2)
        self.files: Blocking = self._file_calls
        self._disk = ThreadBlocking(reactor, "ledger", 1)
        self._reading = ThreadBlocking(reactor, "reading", 1)
        self._tools = ThreadBlocking(reactor, "tools", 4)
        self._hypervisor_calls = ThreadBlocking(reactor, "hypervisor", 8)
        self._resolving = ThreadBlocking(reactor, "names", 4)
        self._names = Names(self.paths.hosts, self._tools, self._resolving, getaddrinfo)
        self.store: Store = SqliteStore(self.paths.ledger, self._disk)
        self.reader: Store = SqliteStore(self.paths.ledger, self._reading, reader=True)
        self.bells: Bells = SocketBells(reactor, os.path.dirname(self.paths.socket), new_uuid)
        self.allocators: Allocators = ProgramAllocators(
            ReactorRunner(reactor, limit=OUTPUT_LIMIT),
            self._tools,
            self.paths.iallocator_search_path,
            self.paths.run,
            own_environment(settings),
        )
        self.memory: Memory = FileMemory(self.paths, self.name, self.files, now)

    def listen(self, identity: Any, system: ActorSystem, gate: Gate, admit: Admit, lost: Lost) -> WireServer:
        server = WireServer(self.reactor, identity, system, gate, admit=admit, lost=lost)
        server.listen(self.port, self.settings.address)
        return server

    def links(
        self, identity: Any, resolve: Callable[[str], tuple[str, int]], epoch: Callable[[], int], admit: Admit
    ) -> Links:
        return Links(self.reactor, identity, resolve, epoch, random=self.random, admit=admit)

    def hands(self, system: ActorSystem, record: Callable[[], HostRecord | None]) -> Hands:
        return Hands(self.settings, system, self.reactor, self.now, self._tools, self._hypervisor_calls, record)

    def hosts(
        self,
        links: Links,
        directory: Directory,
        identity: Callable[[], Identity],
        vault: Vault,
        record: Callable[[], HostRecord],
        resolve: Callable[[str], tuple[str, int]],
    ) -> MasterHosts:
        certificates = MasterCertificates(links, directory, vault, record, self.now, identity, resolve)
        return MasterHosts(
            self.reactor, links, directory, self._names, certificates, identity, record, self.now, self.port
        )

    def config_writer(self, system: ActorSystem) -> Ref:
        return system.spawn(
            "config-data", lambda: ConfigDataWriter(self.paths.config_data, self.reader, self.files, self.reactor)
        )

    def confd(self, system: ActorSystem, config: Callable[[], Config | None]) -> Ref:
        def make() -> Confd:
            return Confd(
                address=self.settings.address,
                port=self.settings.ports.confd,
                reactor=self.reactor,
                key_file=self.paths.hmac_key,
                config=config,
                blocking=self.files,
                now=self.now,
                monotonic=time.monotonic,
            )

        return system.spawn("confd", make)

    async def address_of(self, name: str, family: int = 0) -> str:
        return await self._names.address(name, family)

    async def own_address(self, family: int = 0) -> str:
        if family == socket.AF_INET6 and self.settings.address == "0.0.0.0":
            raise WrongState(
                f"{self.name} listens on its IPv4 addresses only: "
                f"set 'address' in section [host] of {self.paths.settings} to :: or an IPv6 address and start it again"
            )
        if self.listens_on:
            return self.listens_on
        address = await self._names.address(self.name, family)
        if not self.paths.root:
            check_reachable(self.name, address, self.paths.hosts)
        return address

    async def is_own(self, address: str) -> bool:
        return await self._names.is_own(address)

    async def has_interface(self, name: str) -> bool:
        """Those of a virtual host are of no account: its cluster's address is put on none."""
        return bool(self.paths.root) or await self._names.has_interface(name)

    async def is_taken(self, address: str) -> bool:
        return await self._names.is_taken(address, self.port)

    def fatal(self, reason: str) -> None:
        self._fatal(reason)

    async def certificate_ends(self) -> dict[str, float]:
        """When each certificate of this host ends, by name."""
        ends, _ = await self.files.run(certificate_ends, self.paths, deadline=LOOK_DEADLINE)
        return ends

    def make_directories(self) -> None:
        """Those that everything else is written to; DriverError."""
        for path, mode in DIRECTORIES:
            place = self.paths.below(path)
            try:
                os.makedirs(place, mode, exist_ok=True)
            except OSError as e:
                raise DriverError(f"cannot make {place}: {e.strerror}") from None

    async def close(self) -> None:
        """End the threads."""
        kinds = self._file_calls, self._reading, self._disk, self._tools, self._resolving, self._hypervisor_calls
        for pool in kinds:
            await maybeDeferred(pool.close)


class HostService(Service):
    """What ``twistd ganeti`` runs: the host, its monitoring and the door for commands."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.host = Host(process)
        # The reactor's clock is the wall's, which may be set.
        self.lag = LagMeter(process.reactor, time.monotonic, self.host.system.slowest)
        self.host.lag = self.lag
        self.garbage = GarbageWatch(gc, time.thread_time)
        self.expiry = ExpiryWatch(process.reactor, process.now, process.certificate_ends)
        self.host.expiry = self.expiry
        self._local: LocalServer | None = None
        self._mond: Any = None

    def startService(self) -> None:
        super().startService()  # type: ignore[no-untyped-call]
        Deferred.fromCoroutine(self._start()).addErrback(self._cannot_start)

    def _cannot_start(self, failure: Failure) -> None:
        if isinstance(failure.value, GanetiError):
            self.process.fatal(f"cannot start: {failure.getErrorMessage()}")
        else:
            log.failure("cannot start", failure=failure)
            self.process.fatal("cannot start, see above")

    async def _start(self) -> None:
        process, host = self.process, self.host
        process.make_directories()
        await host.start()
        self._mond = start_monitor(host, process)
        self._local = LocalServer(process.reactor, process.paths.socket, host.handle, 0o660)
        self._local.listen()
        self.garbage.start()
        self.lag.start()
        self.expiry.start()
        log.info("host {name} is ready, role {role}", name=host.name, role=host.role())

    async def _stop(self) -> None:
        self.garbage.stop()
        self.lag.stop()
        self.expiry.stop()
        if self._local is not None:
            await self._local.close()
        if self._mond is not None:
            await self._mond.stop()
        await self.host.stop()
        await self.process.close()

    def stopService(self) -> Deferred[None]:
        maybeDeferred(super().stopService)
        return Deferred.fromCoroutine(self._stop())
