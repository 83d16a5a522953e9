"""What an instance needs, wherever it runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from operator import attrgetter

from ganeti_tw.htools.templates import DRBD, LOCAL, MOVABLE

STATUSES = (
    "running",
    "ERROR_up",
    "ERROR_nodedown",
    "ERROR_nodeoffline",
    "ERROR_wrongnode",
    "ADMIN_down",
    "ERROR_down",
    "USER_down",
    "ADMIN_offline",
)
_RUNNING = frozenset({"running", "ERROR_up"})
_USES_MEMORY = _RUNNING | {"ERROR_nodedown", "ERROR_nodeoffline", "ERROR_wrongnode"}


class Instance:
    """The figures of one instance; memory and disks in MiB.

    ``used_memory``, ``used_cpus``, ``reserved`` (on a DRBD secondary) and
    ``local_disk`` are what its state and template make of them.  Where it runs is
    the cluster's to know.
    """

    __slots__ = (
        "alias",
        "auto_balance",
        "desired",
        "disk",
        "disk_spindles",
        "disks",
        "exclusion",
        "forthcoming",
        "index",
        "load",
        "local_disk",
        "memory",
        "movable",
        "name",
        "networks",
        "reserved",
        "running",
        "spindle_use",
        "status",
        "tags",
        "template",
        "used_cpus",
        "used_memory",
        "vcpus",
    )

    def __init__(
        self,
        index: int,
        name: str,
        *,
        memory: int,
        disk: int,
        disks: Sequence[int],
        disk_spindles: int | None,
        vcpus: int,
        status: str,
        auto_balance: bool,
        template: str,
        tags: Collection[str] = (),
        spindle_use: int = 1,
        forthcoming: bool = False,
        networks: Sequence[str] = (),
    ) -> None:
        self.index = index
        self.name = self.alias = name
        self.memory = memory
        self.disk = disk
        self.disks = tuple(disks)
        self.disk_spindles = disk_spindles
        self.vcpus = vcpus
        self.status = status
        self.auto_balance = auto_balance
        self.template = template
        self.tags = tuple(tags)
        self.spindle_use = spindle_use
        self.forthcoming = forthcoming
        self.networks = tuple(networks)
        # Weights of CPU, memory, disk and network use.
        self.load = (1.0, 1.0, 1.0, 1.0)
        # Tags of which a node should have one instance, and tags it wishes its node to have.
        self.exclusion: tuple[str, ...] = ()
        self.desired: frozenset[str] = frozenset()
        self._derive()

    def _derive(self) -> None:
        offline = self.status == "ADMIN_offline"
        self.running = self.status in _RUNNING
        self.used_memory = self.memory if self.status in _USES_MEMORY and not self.forthcoming else 0
        self.used_cpus = 0 if offline else self.vcpus
        self.local_disk = self.template in LOCAL
        self.reserved = self.memory if self.template == DRBD and self.auto_balance and not offline else 0
        self.movable = self.template in MOVABLE

    @property
    def mirrored(self) -> bool:
        """Whether it has a secondary node."""
        return self.template == DRBD

    def is_like(self, other: Instance) -> bool:
        """Whether all figures are the same."""
        return bool(_figures(self) == _figures(other))

    def copy(self) -> Instance:
        """Another with the same figures."""
        new = Instance.__new__(Instance)
        for name in Instance.__slots__:
            setattr(new, name, getattr(self, name))
        return new

    def as_template(self, template: str) -> Instance:
        """The same instance on other disks."""
        new = self.copy()
        new.template = template
        new._derive()
        return new


_figures = attrgetter(*(slot for slot in Instance.__slots__ if slot not in ("alias", "index", "name")))
