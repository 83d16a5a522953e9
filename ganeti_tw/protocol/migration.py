"""What the master tells two nodes of which one is to give a running guest to the other.

The target gets ready (AcceptGuest), the source sends (SendGuest, WatchSending).
Whatever happened to either, EndMigration at both tells where the guest runs.
All are idempotent.
"""

from __future__ import annotations

from attrs import field, frozen

from ganeti_tw.protocol.instance import InstanceSpec
from ganeti_tw.protocol.registry import wire


@wire("node.ask_migration/1", what="tell whether instances can migrate", answer=str, looks=True)
@frozen
class AskMigration:
    """Answer: why guests of the hypervisor can neither leave nor come to this node alive; empty when they can."""

    hypervisor: str


@frozen
class Doorway:
    """Where a guest is expected, in the words of its hypervisor.

    ``address``: to which its memory is sent; ``places``: paths that are this
    node's own, by what they are for.
    """

    to: str
    address: str = ""
    places: dict[str, str] = field(factory=dict)


@wire("node.accept_guest/1", what="get ready for a running instance", answer=Doorway)
@frozen
class AcceptGuest:
    """Get ready for a guest that runs on another node.

    ``address``: of this node, by which the guest's memory is to come.  Answer: a Doorway for SendGuest.
    """

    spec: InstanceSpec
    address: str


@wire("node.send_guest/1", what="send a running instance to another node", answer=None)
@frozen
class SendGuest:
    """Begin to send a running guest to another node.  Answer: None once it has begun; WatchSending tells the rest.

    A guest that is not sent ``live`` stands still on its way.
    """

    spec: InstanceSpec
    door: Doorway
    live: bool


@frozen
class Sending:
    """How far it is, in bytes of memory.  With ``ended`` the guest runs there, or ``error`` says why it does not."""

    done: int = 0
    total: int = 0
    ended: bool = False
    error: str = ""


@wire("node.watch_sending/1", what="tell how far a migration is", answer=Sending, looks=True)
@frozen
class WatchSending:
    """Answer: a Sending, at once when it has ended, else after ``seconds``.

    NotFound when this process has sent nothing.
    """

    name: str
    hypervisor: str
    seconds: float


@wire("node.end_migration/1", what="end a migration", answer=bool)
@frozen
class EndMigration:
    """Abort what is still under way, from here or to here.

    Answer: whether the guest runs here.  That stays so: nothing comes or goes any more.
    """

    name: str
    hypervisor: str


@wire("node.set_guest_memory/1", what="change the memory of a running instance", answer=None)
@frozen
class SetGuestMemory:
    """Give a running guest this much memory.  Answer: None once it was asked to make do with it."""

    name: str
    hypervisor: str
    memory_mib: int
