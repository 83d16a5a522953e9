"""``gnt-group modify``."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from ganeti_tw.errors import BadRequest
from ganeti_tw.model.config import Config
from ganeti_tw.model.filled import ipolicy as filled_ipolicy
from ganeti_tw.model.group import Group
from ganeti_tw.model.policy import size_of, violations
from ganeti_tw.operations.context import Context, names
from ganeti_tw.operations.group.settings import with_settings
from ganeti_tw.operations.hooks import Hooks, group_hooks
from ganeti_tw.operations.inputs import AllocPolicy, DiskTemplate, Filled
from ganeti_tw.operations.registry import EXCLUSIVE, SHARED, operation
from ganeti_tw.protocol.config import Changes

CHANGEABLE = {
    "ndparams": "ndparams",
    "diskparams": "diskparams",
    "alloc_policy": "alloc_policy",
    "hv_state": "hv_state_static",
    "disk_state": "disk_state_static",
    "ipolicy": "ipolicy",
}
"""Parameter -> field of the group."""

COMPARED_AT_ONCE = 200  # instances; a few milliseconds of work


@operation("OP_GROUP_SET_PARAMS", summary="group_name")
@frozen
class GroupSetParams:
    """Change settings of a group.

    Instances that a new policy would not allow stay as they are and are named in a
    warning.  Result: pairs of a parameter that was given and the group's own value now.
    """

    group_name: Filled
    alloc_policy: AllocPolicy | None = None
    ndparams: dict[str, Any] | None = None
    diskparams: dict[DiskTemplate, dict[str, Any]] | None = None
    hv_state: dict[str, Any] | None = None
    disk_state: dict[str, Any] | None = None
    ipolicy: dict[str, Any] | None = None

    def locks(self, config: Config) -> dict[str, int]:
        group = config.group(self.group_name)
        wanted = {f"nodegroup/{group.uuid}": EXCLUSIVE}
        for node in config.nodes_of(group.uuid):
            for instance in config.instances_on(node.uuid):
                wanted[f"instance/{instance.name}"] = SHARED
        return wanted

    def check(self, config: Config) -> None:
        if all(getattr(self, name) is None for name in CHANGEABLE):
            raise BadRequest(f"nothing to change is given; it could be {', '.join(CHANGEABLE)}")
        with_settings(config, config.group(self.group_name), self)

    def hooks(self, config: Config) -> Hooks:
        given = {"GROUP_NAME": self.group_name, "NEW_ALLOC_POLICY": self.alloc_policy}
        return group_hooks(config, "group-modify", given)

    async def run(self, context: Context) -> list[tuple[str, Any]]:
        before = context.config.group(self.group_name)
        config = await context.edit(
            lambda config: Changes(puts=(with_settings(config, config.group(before.uuid), self),))
        )
        group = config.group(before.uuid)
        if group.ipolicy != before.ipolicy:
            await _warn_of_new_violations(context, config, before, group)
        return [(name, getattr(group, field)) for name, field in CHANGEABLE.items() if getattr(self, name)]


async def _warn_of_new_violations(context: Context, config: Config, before: Group, after: Group) -> None:
    old, new = filled_ipolicy(config.cluster, before), filled_ipolicy(config.cluster, after)
    instances = [i for node in config.nodes_of(after.uuid) for i in config.primaries(node.uuid)]
    found = []
    for start in range(0, len(instances), COMPARED_AT_ONCE):
        if start:
            await context.sleep(0)
        for instance in instances[start : start + COMPARED_AT_ONCE]:
            size = size_of(config, instance)
            if violations(new, size) and not violations(old, size):
                found.append(instance)
    if found:
        context.warn(
            f"after this change these instances violate the instance policy of group {after.name}: {names(found)}"
        )
