"""An instance, a virtual machine, and its NICs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from ganeti_tw.model.base import EMPTY, NOTHING_ABSENT, Shared, sparse


@frozen(weakref_slot=False, kw_only=True)
class Nic:
    """``network`` is a UUID; ``nicparams`` holds only what differs from the inherited values."""

    uuid: str = ""
    mac: str = ""
    ip: str | None = None
    network: Shared | None = None
    name: str | None = None
    nicparams: Mapping[str, Any] = EMPTY
    extra: Mapping[str, Any] = EMPTY
    absent: frozenset[str] = NOTHING_ABSENT


@frozen(weakref_slot=False, kw_only=True)
class Instance:
    """Parameters hold only what differs from the inherited values.

    ``migrating_to`` is the UUID of the node that is being given the running guest:
    until it is known how that ended, it may run there or on its primary node.

    Secondary nodes and the disk template follow from the disks: ask the
    :class:`~ganeti_tw.model.config.Config`.  Of a forthcoming instance most
    fields may be missing and show their defaults.
    """

    uuid: Shared
    serial_no: int
    name: str = ""
    primary_node: Shared = ""  # UUID
    os: Shared = ""  # name or name+variant
    hypervisor: Shared = ""
    ctime: float = 0.0
    mtime: float = 0.0
    tags: tuple[Shared, ...] = ()
    hvparams: Mapping[str, Any] = EMPTY
    beparams: Mapping[str, Any] = EMPTY
    osparams: Mapping[str, Any] = EMPTY
    osparams_private: Mapping[str, Any] = EMPTY
    admin_state: Shared = "down"  # up, down, offline
    admin_state_source: Shared = "admin"  # admin, user
    nics: tuple[Nic, ...] = ()
    disks: tuple[Shared, ...] = ()  # UUIDs in order
    disks_active: bool = False
    network_port: int | None = None
    forthcoming: bool = sparse(False)
    migrating_to: str | None = sparse(None)
    extra: Mapping[str, Any] = EMPTY
    absent: frozenset[str] = NOTHING_ABSENT

    @property
    def admin_up(self) -> bool:
        """Whether it should run."""
        return self.admin_state == "up"

    @property
    def os_name(self) -> str:
        """The OS definition without its variant."""
        return self.os.partition("+")[0]
