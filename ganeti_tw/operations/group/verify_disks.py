"""Looking for disks of a group that are not active, for ``gnt-cluster verify-disks`` and the watcher."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import SHARED, operation


@operation("OP_GROUP_VERIFY_DISKS", summary="group_name")
@frozen
class GroupVerifyDisks:
    """Result: ``[{node: why it does not answer}, names of instances, {instance: [[node, volume], ...]}]``.

    The instances are those whose disks must be activated, the volumes those
    that are missing.  Only logical volumes and DRBD become inactive; without
    them nobody has to be asked.
    """

    group_name: Filled

    def locks(self, config: Config) -> dict[str, int]:
        group = config.group(self.group_name)
        own = config.nodes_of(group.uuid)
        instances = [i for node in own for i in config.primaries(node.uuid) if i.name]
        touched = {uuid for i in instances for uuid in config.nodes_holding(i) if uuid in config.nodes}
        nodes = {node.uuid for node in own} | touched
        return {
            f"nodegroup/{group.uuid}": SHARED,
            **{f"nodegroup/{config.nodes[uuid].group}": SHARED for uuid in sorted(nodes)},
            **{f"node/{uuid}": SHARED for uuid in sorted(nodes)},
            **{f"instance/{i.name}": SHARED for i in instances},
        }

    def check(self, config: Config) -> None:
        config.group(self.group_name)

    async def run(self, context: Context) -> list[Any]:
        return [{}, [], {}]
