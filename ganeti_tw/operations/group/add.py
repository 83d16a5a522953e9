"""``gnt-group add``."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from ganeti_tw.errors import Exists
from ganeti_tw.model.config import Config
from ganeti_tw.model.group import Group
from ganeti_tw.model.names import object_name
from ganeti_tw.model.new import new_group
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.group.settings import with_settings
from ganeti_tw.operations.hooks import Hooks, group_hooks
from ganeti_tw.operations.inputs import AllocPolicy, DiskTemplate, Filled
from ganeti_tw.operations.registry import operation
from ganeti_tw.operations.steps.communication import connect_job
from ganeti_tw.protocol.config import Changes


@operation("OP_GROUP_ADD", summary="group_name")
@frozen
class GroupAdd:
    """Make a group without nodes.

    No network is connected to it but the one for communication with instances,
    where the cluster has it; by a job, which is the result then.
    """

    group_name: Filled
    alloc_policy: AllocPolicy | None = None
    ndparams: dict[str, Any] | None = None
    diskparams: dict[DiskTemplate, dict[str, Any]] | None = None
    hv_state: dict[str, Any] | None = None
    disk_state: dict[str, Any] | None = None
    ipolicy: dict[str, Any] | None = None

    def locks(self, config: Config) -> dict[str, int]:
        return {}  # nobody knows the group before it is stored

    def check(self, config: Config) -> None:
        self._made(config, "")

    def hooks(self, config: Config) -> Hooks:
        return group_hooks(config, "group-add", {"GROUP_NAME": self.group_name})

    async def run(self, context: Context) -> dict[str, Any] | None:
        uuid = context.new_uuid()
        config = await context.edit(lambda config: Changes(puts=(self._made(config, uuid),)))
        network = config.cluster.instance_communication_network
        return {"jobs": [connect_job(uuid, network)]} if network else None

    def _made(self, config: Config, uuid: str) -> Group:
        name = object_name(self.group_name)
        other = config.find_group(name)
        if other is not None:
            raise Exists(f"there is a group {name} already (UUID {other.uuid})")
        return with_settings(config, new_group(name, uuid=uuid, now=0.0), self)
