"""Where a job finds what it works with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from attrs import Factory, frozen
from twisted.internet.interfaces import IReactorTime

from ganeti_tw.config.keeper import Published
from ganeti_tw.config.switches import Switches
from ganeti_tw.kernel import Ref
from ganeti_tw.nodes.directory import Directory
from ganeti_tw.nodes.patience import Patience
from ganeti_tw.operations.allocators import Allocators
from ganeti_tw.operations.bell import Bells
from ganeti_tw.operations.certificates import Certificates
from ganeti_tw.operations.questions import Questions


class Hosts(Protocol):
    """Hosts beyond the nodes of the cluster: names, addresses, joining and leaving."""

    @property
    def certificates(self) -> Certificates:
        """Those of the nodes."""

    def join(self, name: str, token: str, uuid: str) -> Awaitable[dict[str, Any]]:
        """Bring the host that shows ``token`` into the cluster; what it says of itself comes back."""

    def leave(self, name: str) -> Awaitable[None]:
        """Tell a host to forget the cluster."""

    def ask_at(self, name: str, address: str, message: Any, timeout: float) -> Awaitable[Any]:
        """Ask the agent of a node over another of its addresses."""

    def resolve(self, name: str) -> Awaitable[str]:
        """The address of a host name; ResolverError."""

    def answers(self, address: str) -> Awaitable[bool]:
        """Whether something at an address answers on the node daemon's port."""


@frozen
class Places:
    """The actors and sources that jobs use."""

    ledger: Ref
    locks: Ref
    keeper: Ref
    published: Published
    directory: Directory
    patience: Patience
    hosts: Hosts
    bells: Bells
    allocators: Allocators
    spreader: Ref
    questions: Questions
    clock: IReactorTime
    now: Callable[[], float]
    elapsed: Callable[[], float]
    new_uuid: Callable[[], str]
    random_bytes: Callable[[int], bytes]
    switches: Switches = Factory(Switches)
