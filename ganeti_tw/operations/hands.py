"""How a running operation reaches the world."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred

from ganeti_tw.ledger.messages import LedgerState
from ganeti_tw.model.config import Config
from ganeti_tw.operations.allocators import Allocators
from ganeti_tw.operations.bell import Bell
from ganeti_tw.operations.certificates import Certificates
from ganeti_tw.operations.questions import Questions
from ganeti_tw.protocol.config import Changes

T = TypeVar("T")


class Hands(Protocol):
    """What a context needs of the world; the job gives it."""

    held: Mapping[str, int]
    """Locks of the operation, by name."""

    @property
    def certificates(self) -> Certificates:
        """Those of the nodes."""

    @property
    def allocators(self) -> Allocators:
        """The programs that choose nodes."""

    @property
    def questions(self) -> Questions:
        """What clients may ask."""

    def config(self) -> Config:
        """The latest stored configuration."""

    def edit(self, change: Callable[[Config], Changes]) -> Awaitable[Config]:
        """Change the configuration; safely stored when it answers."""

    def on_node(self, node: str, path: str, message: Any, timeout: float) -> Awaitable[Any]:
        """Ask an actor of a node, by node name."""

    def join(self, name: str, token: str, uuid: str) -> Awaitable[dict[str, Any]]:
        """Bring the host that shows this token into the cluster."""

    def leave(self, name: str) -> Awaitable[None]:
        """Tell a host to forget the cluster."""

    def resolve(self, name: str) -> Awaitable[str]:
        """The address of a host name; ResolverError."""

    def answers(self, address: str) -> Awaitable[bool]:
        """Whether something at an address answers on the node daemon's port."""

    def leaving_hooks(self, node: str) -> Awaitable[None]:
        """Run the hooks that follow this operation on a node that is about to leave the cluster."""

    def sleep(self, seconds: float, *, stoppable: bool, until: Deferred[None] | None = None) -> Awaitable[None]:
        """Wait, at most until something; a ``stoppable`` sleep ends early when the job is to stop."""

    def open_bell(self) -> Bell:
        """Something that wakes up."""

    def stopping(self) -> bool:
        """Whether the job has been cancelled."""

    def interrupted(self, waiting: Deferred[T]) -> Deferred[T]:
        """The same, cancelled when the job is to stop."""

    def ledger_state(self) -> Awaitable[LedgerState]:
        """How far the copies of the ledger are."""

    def say(self, kind: str, text: Any) -> None:
        """Add to the job's log."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def elapsed(self) -> float:
        """Seconds since some moment, by a clock that nobody sets."""

    def new_uuid(self) -> str:
        """A fresh UUID."""

    def random_bytes(self, count: int) -> bytes:
        """Unpredictable bytes."""
