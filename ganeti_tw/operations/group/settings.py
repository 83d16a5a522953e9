"""What can be set of a group, when it is made and later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from attrs import evolve

from ganeti_tw.model import policy
from ganeti_tw.model.config import Config
from ganeti_tw.model.group import Group
from ganeti_tw.model.parameters import GROUP, disk_state, diskparams, hv_state, ndparams
from ganeti_tw.operations.inputs import AllocPolicy


class Settings(Protocol):
    """Parameters of both operations; None is left as it is."""

    @property
    def alloc_policy(self) -> AllocPolicy | None: ...

    @property
    def ndparams(self) -> Mapping[str, Any] | None: ...

    @property
    def diskparams(self) -> Mapping[Any, dict[str, Any]] | None: ...

    @property
    def hv_state(self) -> Mapping[str, Any] | None: ...

    @property
    def disk_state(self) -> Mapping[str, Any] | None: ...

    @property
    def ipolicy(self) -> Mapping[str, Any] | None: ...


def with_settings(config: Config, group: Group, given: Settings) -> Group:
    """The group with what is given put over what it has; BadRequest names what is wrong."""
    ipolicy = policy.updated(group.ipolicy, given.ipolicy or {}, group=True)
    if given.ipolicy:
        policy.only_enabled(ipolicy, config.cluster.enabled_disk_templates)
    return evolve(
        group,
        alloc_policy=given.alloc_policy or group.alloc_policy,
        ndparams=ndparams(group.ndparams, given.ndparams or {}, GROUP),
        diskparams=diskparams(group.diskparams, given.diskparams or {}, GROUP),
        hv_state_static=hv_state(group.hv_state_static, given.hv_state or {}),
        disk_state_static=disk_state(group.disk_state_static, given.disk_state or {}),
        ipolicy=ipolicy,
    )
