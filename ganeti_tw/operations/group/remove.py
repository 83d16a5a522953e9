"""``gnt-group remove``."""

from __future__ import annotations

from attrs import frozen

from ganeti_tw.errors import WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context, names
from ganeti_tw.operations.hooks import Hooks, group_hooks
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import EXCLUSIVE, operation
from ganeti_tw.protocol.config import Changes


@operation("OP_GROUP_REMOVE", summary="group_name")
@frozen
class GroupRemove:
    """Remove a group that has no nodes and is not the last one."""

    group_name: Filled

    def locks(self, config: Config) -> dict[str, int]:
        return {f"nodegroup/{config.group(self.group_name).uuid}": EXCLUSIVE}

    def check(self, config: Config) -> None:
        group = config.group(self.group_name)
        nodes = config.nodes_of(group.uuid)
        if nodes:
            raise WrongState(
                f"group {group.name} has nodes: {names(nodes)}; move them to another with 'gnt-group assign-nodes'"
            )
        if len(config.groups) == 1:
            raise WrongState(f"{group.name} is the only group of the cluster: it cannot be removed")

    def hooks(self, config: Config) -> Hooks:
        return group_hooks(config, "group-remove", {"GROUP_NAME": self.group_name})

    async def run(self, context: Context) -> None:
        uuid = context.config.group(self.group_name).uuid

        def remove(config: Config) -> Changes:
            self.check(config)
            return Changes(deletes=(config.group(uuid),))

        await context.edit(remove)
