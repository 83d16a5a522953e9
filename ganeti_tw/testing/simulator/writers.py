"""Who writes to which disk: as the hypervisors and the storages of all hosts have it, not as the configuration says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from ganeti_tw.testing.simulator.hosts import WatchedHost

T = TypeVar("T")


class Counted(dict[str, T]):
    """A dictionary that counts its changes."""

    changes = 0

    def __setitem__(self, key: str, value: T) -> None:
        self.changes += 1
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self.changes += 1
        super().__delitem__(key)

    def pop(self, key: str, *default: Any) -> Any:
        self.changes += 1
        return super().pop(key, *default)

    def clear(self) -> None:
        self.changes += 1
        super().clear()


class Writers:
    """A guest runs on one host, and a disk is written by one guest that runs and is there as long.

    Hosts that are cut off, were deposed or have no process count as any other:
    their guests run on.
    """

    def __init__(self, broken: Callable[[str], None], hosts: Iterable[WatchedHost]) -> None:
        self._broken = broken
        self._hosts = tuple(hosts)
        storages = {id(s): s for host in self._hosts for s in host.storages.values()}  # some are of several hosts
        for storage in storages.values():
            storage.disks = Counted(storage.disks)
        self._counted: list[Counted[Any]] = [host.hypervisor.guests for host in self._hosts]
        self._counted += [storage.disks for storage in storages.values()]  # type: ignore[misc]
        self._seen = 0

    def look(self) -> None:
        """Say what is wrong; costs little while nothing changes."""
        changes = 0
        for counted in self._counted:
            changes += counted.changes
        if changes != self._seen:
            self._seen = changes
            self._compare()

    def _compare(self) -> None:
        runs: dict[str, str] = {}
        writes: dict[str, str] = {}
        for host in self._hosts:
            for name, guest in host.hypervisor.guests.items():
                if guest.state == "shutdown":
                    continue
                if name in runs:
                    self._broken(f"{name} runs on {runs[name]} and on {host.name}")
                runs[name] = host.name
                for disk in host.hypervisor.disks.get(name, ()):
                    if disk.uuid not in host.storages[disk.dev_type].disks:
                        self._broken(f"disk {disk.index} of {name} was removed, and it runs on {host.name}")
                    writer = f"{name} on {host.name}"
                    if writes.setdefault(disk.uuid, writer) != writer:
                        self._broken(f"a disk is written by {writes[disk.uuid]} and by {writer}")
