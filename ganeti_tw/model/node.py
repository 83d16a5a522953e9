"""A node: a physical machine of the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from ganeti_tw.model.base import EMPTY, NOTHING_ABSENT, Shared, sparse


@frozen(weakref_slot=False, kw_only=True)
class Node:
    """At most one of ``master_candidate``, ``offline`` and ``drained`` is true."""

    uuid: Shared
    name: str
    primary_ip: str
    secondary_ip: str
    group: Shared  # UUID
    serial_no: int
    ctime: float = 0.0
    mtime: float = 0.0
    tags: tuple[Shared, ...] = ()
    master_candidate: bool = False
    offline: bool = False
    drained: bool = False
    master_capable: bool = True
    vm_capable: bool = True
    powered: bool = True  # as recorded, not as measured
    ndparams: Mapping[str, Any] = EMPTY
    hv_state_static: Mapping[str, Any] = sparse(EMPTY)
    disk_state_static: Mapping[str, Any] = sparse(EMPTY)
    extra: Mapping[str, Any] = EMPTY
    absent: frozenset[str] = NOTHING_ABSENT
