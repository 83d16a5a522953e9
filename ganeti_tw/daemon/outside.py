"""What is around a host: its disk, the network, its hands.

A process has the real ones (:mod:`ganeti_tw.daemon.process`), a simulated
cluster its own; the host is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from ganeti_tw.config.secrets import Vault
from ganeti_tw.daemon.record import HostRecord
from ganeti_tw.jobs.places import Hosts
from ganeti_tw.kernel import ActorSystem, Blocking, Ref
from ganeti_tw.ledger.seam import Store
from ganeti_tw.model.config import Config
from ganeti_tw.nodes.directory import Directory, Links
from ganeti_tw.operations.allocators import Allocators
from ganeti_tw.operations.bell import Bells
from ganeti_tw.wire.delivery import Admit, Gate, Lost
from ganeti_tw.wire.identity import Identity, Unjoined


class Memory(Protocol):
    """What a host keeps on disk beside the ledger."""

    def load(self) -> HostRecord | None:
        """The record, None in no cluster; Corrupt names the file."""

    def save(self, record: HostRecord) -> None:
        """Durable when it returns; DriverError."""

    def identity(self, record: HostRecord | None) -> Identity | Unjoined:
        """Who this host is: of its cluster, or its own; Corrupt names the file."""

    def new_identity(self) -> Unjoined:
        """Be nobody's."""

    async def renew(self, identity: Identity) -> None:
        """Keep another certificate of the same node; durable when it answers."""

    async def join(self, record: HostRecord, identity: Identity, hmac_key: str) -> None:
        """Keep all that makes this host a member; the record last, since it is what counts."""

    async def write_ssconf(self, texts: Mapping[str, str]) -> None:
        """Replace the files that regular nodes know the cluster from."""

    def forget(self) -> None:
        """Remove all of the above."""

    def remove_ledger(self) -> None:
        """Remove the ledger and what was made from it."""


class Server(Protocol):
    """Takes what other hosts say."""

    def use(self, identity: Any, *, renewed: bool = False) -> None:
        """Speak as this from now on; ``renewed``: the same host with another certificate."""

    def review(self) -> None:
        """Who is admitted has changed."""

    def close(self) -> Deferred[None]:
        """Take nothing more."""


class HostLinks(Links, Protocol):
    """The ways to other hosts."""

    def use(self, identity: Any) -> None:
        """Speak as this from now on."""

    def forget(self, node: str) -> Deferred[None]:
        """Close the link to a node that left."""

    def close(self) -> Deferred[None]:
        """Close all."""


class Hands(Protocol):
    """The agent of this host."""

    agent: Ref

    def enabled(self, record: HostRecord) -> tuple[str, ...]:
        """The cluster's hypervisors that this host has a driver for."""

    async def close(self) -> None:
        """Let go of guests; they run on."""


class Outside(Protocol):
    """Everything a host needs and does not make itself."""

    name: str
    listens_on: str  # an address; empty: everywhere
    port: int  # for the links between hosts
    clock: IReactorTime
    now: Callable[[], float]  # time of day
    elapsed: Callable[[], float]  # seconds since some moment, whatever the clock is set to meanwhile
    random: Callable[[], float]
    new_uuid: Callable[[], str]
    random_bytes: Callable[[int], bytes]
    store: Store
    reader: Store  # another way to the rows of ``store``, for reading much at a time
    files: Blocking
    memory: Memory
    bells: Bells
    allocators: Allocators

    def listen(self, identity: Any, system: ActorSystem, gate: Gate, admit: Admit, lost: Lost) -> Server:
        """Begin to take what other hosts say; ``lost(peer)`` is told when a connection that a peer made has ended."""

    def links(
        self, identity: Any, resolve: Callable[[str], tuple[str, int]], epoch: Callable[[], int], admit: Admit
    ) -> HostLinks:
        """The ways to other hosts; ``resolve`` finds address and port of a node."""

    def hands(self, system: ActorSystem, record: Callable[[], HostRecord | None]) -> Hands:
        """Start the agent."""

    def hosts(
        self,
        links: Any,
        directory: Directory,
        identity: Callable[[], Any],
        vault: Vault,
        record: Callable[[], HostRecord],
        resolve: Callable[[str], tuple[str, int]],
    ) -> Hosts:
        """How a master brings hosts in and sends them away."""

    def config_writer(self, system: ActorSystem) -> Ref | None:
        """The actor that writes ``config.data``, None where nobody reads it."""

    def confd(self, system: ActorSystem, config: Callable[[], Config | None]) -> Ref | None:
        """Start the actor that answers confd's questions, None where nobody asks."""

    async def address_of(self, name: str, family: int = 0) -> str:
        """The address of a host name, of some family (0: any); ResolverError."""

    async def own_address(self, family: int = 0) -> str:
        """Where other hosts reach this one; ResolverError, or WrongState when it does not listen there."""

    async def is_own(self, address: str) -> bool:
        """Whether an address belongs to this host."""

    async def has_interface(self, name: str) -> bool:
        """Whether this host has a network interface of this name."""

    async def is_taken(self, address: str) -> bool:
        """Whether another host, or this one, answers there."""

    def fatal(self, reason: str) -> None:
        """The process had better end."""
