"""A disk of an instance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from ganeti_tw.model.base import EMPTY, NOTHING_ABSENT, Shared, sparse


@frozen(weakref_slot=False, kw_only=True)
class Disk:
    """``logical_id`` says where the data is, by template:

    ======================== ==================================================
    plain                    vg, lv
    drbd                     node A, node B, port, minor A, minor B, secret
    file sharedfile gluster  driver, path
    blockdev                 "manual", device path
    rbd                      "rbd", image
    ext                      provider, volume
    ======================== ==================================================

    ``size`` is in MiB.  ``children`` of drbd: the data and the meta volume.
    """

    uuid: Shared = ""
    dev_type: Shared
    size: int
    logical_id: tuple[Any, ...] = ()
    children: tuple[Disk, ...] = ()
    nodes: tuple[Shared, ...] = ()  # UUIDs; empty for shared templates
    iv_name: Shared = ""
    mode: Shared = "rw"
    name: str | None = None
    spindles: int | None = None
    params: Mapping[str, Any] = EMPTY
    serial_no: int = 1
    ctime: float = 0.0
    mtime: float = 0.0
    forthcoming: bool = sparse(False)
    extra: Mapping[str, Any] = EMPTY
    absent: frozenset[str] = NOTHING_ABSENT

    def all_nodes(self) -> tuple[str, ...]:
        """UUIDs of every node that holds a part, each once, in order of appearance."""
        found = dict.fromkeys(self.nodes)
        if self.dev_type == "drbd":
            found.update(dict.fromkeys(self.logical_id[:2]))
        for child in self.children:
            found.update(dict.fromkeys(child.all_nodes()))
        return tuple(found)
