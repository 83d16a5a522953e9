"""``gnt-node migrate``."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from ganeti_tw.errors import BadRequest
from ganeti_tw.model.config import Config
from ganeti_tw.model.node import Node
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import Hooks, master
from ganeti_tw.operations.inputs import Filled, MigrationMode
from ganeti_tw.operations.instance.migrate import one_mode
from ganeti_tw.operations.registry import SHARED, operation
from ganeti_tw.operations.steps import allocator
from ganeti_tw.operations.steps.moves import chooses_target


@operation("OP_NODE_MIGRATE", summary="node_name")
@frozen
class NodeMigrate:
    """Give all primary instances of a node to other nodes, each by a job of its own.  Result: ``jobs``.

    Without ``target_node`` each job asks an iallocator.
    """

    node_name: Filled
    node_uuid: Filled | None = None
    mode: MigrationMode | None = None
    live: bool | None = None
    target_node: Filled | None = None
    target_node_uuid: Filled | None = None
    allow_runtime_changes: bool = True
    ignore_ipolicy: bool = False
    iallocator: Filled | None = None

    def locks(self, config: Config) -> dict[str, int]:
        return {f"node/{self._node(config).uuid}": SHARED}

    def check(self, config: Config) -> None:
        one_mode(self.mode, self.live)
        node = self._node(config)
        if self.target_node or self.target_node_uuid:
            target = config.node(self.target_node or "", self.target_node_uuid)
            if target.uuid == node.uuid:
                raise BadRequest(f"instances of {node.name} are to go to another node, not to {target.name} itself")
            if self.iallocator is not None:
                raise BadRequest("give a node or an iallocator, not both")
        elif any(chooses_target(config, i) for i in config.primaries(node.uuid)):
            allocator.named(config, self.iallocator)

    def hooks(self, config: Config) -> Hooks:
        shown = {"NODE_NAME": self._node(config).name, "ALLOW_RUNTIME_CHANGES": self.allow_runtime_changes}
        return Hooks("node-migrate", "NODE", shown, master(config), master(config))

    async def run(self, context: Context) -> dict[str, Any]:
        config = context.config
        common = {
            "OP_ID": "OP_INSTANCE_MIGRATE",
            "mode": self.mode,
            "live": self.live,
            "target_node": self.target_node,
            "target_node_uuid": self.target_node_uuid,
            "allow_runtime_changes": self.allow_runtime_changes,
            "ignore_ipolicy": self.ignore_ipolicy,
        }
        jobs = []
        for instance in config.primaries(self._node(config).uuid):
            asked = self.iallocator if chooses_target(config, instance) else None
            jobs.append([{**common, "instance_name": instance.name, "iallocator": asked}])
        return {"jobs": jobs}

    def _node(self, config: Config) -> Node:
        return config.node(self.node_name, self.node_uuid)
