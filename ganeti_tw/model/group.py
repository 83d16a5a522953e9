"""A node group: nodes near each other, with settings of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from ganeti_tw.model.base import EMPTY, NOTHING_ABSENT, Shared, sparse


@frozen(weakref_slot=False, kw_only=True)
class Group:
    """``networks``: network UUID -> mode, link, vlan.  Its nodes name it, not the other way round."""

    uuid: Shared
    name: str
    serial_no: int
    ctime: float = 0.0
    mtime: float = 0.0
    tags: tuple[Shared, ...] = ()
    members: tuple[str, ...] = ()  # always written empty
    ndparams: Mapping[str, Any] = EMPTY
    alloc_policy: Shared = "preferred"
    ipolicy: Mapping[str, Any] = EMPTY
    diskparams: Mapping[str, Any] = EMPTY
    networks: Mapping[str, Any] = EMPTY
    hv_state_static: Mapping[str, Any] = sparse(EMPTY)
    disk_state_static: Mapping[str, Any] = sparse(EMPTY)
    extra: Mapping[str, Any] = EMPTY
    absent: frozenset[str] = NOTHING_ABSENT
