"""What every hypervisor can do, and what some can."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol, runtime_checkable

from attrs import field, frozen
from twisted.internet.interfaces import IReactorTime

from ganeti_tw.errors import BadRequest, GanetiError
from ganeti_tw.kernel import Blocking
from ganeti_tw.protocol.instance import Console, DiskSpec, InstanceSpec, NicSpec, RunningInstance
from ganeti_tw.protocol.migration import Doorway

RUN = "/var/run/ganeti"


class Hypervisor(Protocol):
    """The guests of one kind on this node.

    Calls end within their deadline: with DriverError when the hypervisor
    refuses, with Expired when it does not answer.
    """

    name: str

    async def start(self, spec: InstanceSpec, disks: Mapping[int, str], paused: bool = False) -> None:
        """Start a guest that does not run.  ``disks``: path of each disk by index."""
        ...

    async def stop(self, name: str, force: bool) -> None:
        """Ask the guest to shut down, once, or pull the plug.  Nothing happens to one that does not run.

        A polite request returns at once; a forced one when the guest is gone.
        """
        ...

    async def forget(self, name: str) -> None:
        """Drop what is left of a guest that does not run; a user shutdown is forgotten too."""
        ...

    async def reboot(self, name: str) -> None:
        """Ask a running guest to reboot itself.  WrongState when it does not run."""
        ...

    async def is_running(self, name: str) -> bool:
        """Whether the guest runs, paused or not."""
        ...

    async def list(self, names: Collection[str] = ()) -> tuple[RunningInstance, ...]:
        """All guests that belong to Ganeti, or those of them that are named, sorted by name.

        Guests are not asked, so none can delay it; those that are not named cost nothing.
        """
        ...

    async def console(self, spec: InstanceSpec) -> Console:
        """How to reach the console of a running guest."""
        ...

    async def close(self) -> None:
        """Let go of the hypervisor.  Guests run on."""
        ...


@frozen
class GuestNews:
    """A guest started or ended without this process having done anything, or because it did."""

    name: str
    running: bool


@runtime_checkable
class Powercycler(Protocol):
    """A hypervisor that can reboot the machine it runs on."""

    async def powercycle(self) -> str:
        """Reboot the machine at once, without its guests' consent; what will happen, in words."""
        ...


@runtime_checkable
class Migrator(Protocol):
    """A hypervisor whose running guests can go to another node, and come from there."""

    async def obstacle(self) -> str:
        """Why they cannot, on this host, in words; empty when they can."""
        ...

    async def accept(self, spec: InstanceSpec, disks: Mapping[int, str], address: str) -> Doorway:
        """Get ready for a guest; ``address`` is how others reach this node.  Nothing has to be done once it is here."""
        ...

    async def send(self, spec: InstanceSpec, disks: Mapping[int, str], door: Doorway, live: bool) -> None:
        """Send a running guest; it runs there and nothing of it is here when this returns.

        DriverError when it could not be sent: then it runs here, as before.
        """
        ...

    async def sent(self, name: str) -> tuple[int, int]:
        """How many bytes of how many have been sent; zeros when nothing can be said."""
        ...

    async def end_migration(self, name: str) -> None:
        """Abort what is under way, from here or to here; nothing comes or goes any more when this returns."""
        ...


@runtime_checkable
class Ballooner(Protocol):
    """A hypervisor that can take memory from running guests."""

    async def set_memory(self, name: str, memory_mib: int) -> None:
        """Ask a running guest to make do with so much."""
        ...


@runtime_checkable
class Plugger(Protocol):
    """A hypervisor that can change the devices of running guests."""

    async def plugging_obstacle(self) -> str:
        """Why it cannot on this host, in words; empty when it can."""
        ...

    async def plug(self, spec: InstanceSpec, device: DiskSpec | NicSpec, path: str) -> None:
        """Give it a device; ``path`` is that of a disk.  Nothing happens when it has it."""
        ...

    async def unplug(self, spec: InstanceSpec, device: DiskSpec | NicSpec) -> None:
        """Take a device away; it is gone from the guest when this returns.  Nothing happens when it lacks it."""
        ...


@runtime_checkable
class Newsgiver(Protocol):
    """A hypervisor that tells by itself what becomes of its guests."""

    def watch(self, tell: Callable[[GuestNews], None]) -> None:
        """From the first use on, ``tell`` is called in the reactor's thread for each change."""
        ...


@frozen
class HypervisorHost:
    """What a hypervisor needs of the host.

    ``run``: the parent of ``fake-hypervisor`` and ``kvm-hypervisor``;
    ``from_thread`` calls a function in the reactor's thread, as
    ``reactor.callFromThread`` does.  ``libvirt_uri``: empty for the libvirt of
    the machine, or on a virtual host one of its own; ``migration_uri``: by which
    other nodes reach it.  ``root``: of a virtual
    host; taken from ``run`` when that is Ganeti's directory below it.
    """

    node: str
    run: str
    clock: IReactorTime
    blocking: Blocking
    from_thread: Callable[..., Any]
    libvirt_uri: str = ""
    migration_uri: str = ""
    ifup: str = "/usr/lib/ganeti/kvm-ifup"
    root: str = field()

    @root.default
    def _root_above_run(self) -> str:
        return self.run.removesuffix(RUN) if self.run.endswith(RUN) else ""


def check_name(name: str) -> str:
    """The name of an instance, when it can be the name of a file.  BadRequest."""
    if not name or name.startswith(".") or "/" in name or "\0" in name or len(name) > 240:
        raise BadRequest(f"{name!r} cannot be the name of an instance")
    return name


async def list_guests(
    hypervisors: Mapping[str, Hypervisor], names: Collection[str] = ()
) -> tuple[RunningInstance, ...]:
    """What all of them know, of all instances or those named.  The first that fails makes the whole answer fail."""
    found: list[RunningInstance] = []
    for hypervisor in hypervisors.values():
        found.extend(await hypervisor.list(names))
    return tuple(found)


async def find_guests(hypervisors: Mapping[str, Hypervisor]) -> dict[str, tuple[RunningInstance, ...] | GanetiError]:
    """What each of them knows, or why it cannot say."""
    found: dict[str, tuple[RunningInstance, ...] | GanetiError] = {}
    for name, hypervisor in hypervisors.items():
        try:
            found[name] = await hypervisor.list()
        except GanetiError as e:
            found[name] = e
    return found
