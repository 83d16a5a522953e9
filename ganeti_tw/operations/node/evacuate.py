"""``gnt-node evacuate``."""

from __future__ import annotations

from typing import Any, Literal

from attrs import frozen

from ganeti_tw.errors import BadRequest
from ganeti_tw.model.config import Config
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.node import Node
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import SHARED, operation
from ganeti_tw.operations.steps import allocator
from ganeti_tw.operations.steps.allocator_jobs import jobs_of, replacing
from ganeti_tw.operations.steps.allocator_requests import ALL, PRIMARY_ONLY, SECONDARY_ONLY, NodeEvacuate, Plan
from ganeti_tw.operations.steps.nodes import usable


@operation("OP_NODE_EVACUATE", summary="node_name")
@frozen
class EvacuateNode:
    """Jobs that take instances off a node, to where an iallocator or ``remote_node`` says.  Result: ``jobs``."""

    node_name: Filled
    mode: Literal["all", "primary-only", "secondary-only"]
    early_release: bool = False
    node_uuid: Filled | None = None
    remote_node: Filled | None = None
    remote_node_uuid: Filled | None = None
    iallocator: Filled | None = None
    ignore_soft_errors: bool | None = None

    def locks(self, config: Config) -> dict[str, int]:
        node, remote = self._node(config), self._remote(config)
        nodes = [node, remote] if remote is not None else list(config.nodes_of(node.group))
        return {
            **{f"instance/{i.name}": SHARED for i in self._instances(config)},
            **{f"nodegroup/{n.group}": SHARED for n in nodes},
            **{f"node/{n.uuid}": SHARED for n in nodes},
        }

    def check(self, config: Config) -> None:
        node, remote = self._node(config), self._remote(config)
        if self.mode == ALL:
            raise BadRequest(
                "an iallocator cannot be asked for primary and secondary instances at once: "
                "evacuate one kind (-p), then the other (-s)"
            )
        if remote is None:
            allocator.named(config, self.iallocator)
            return
        if self.iallocator is not None:
            raise BadRequest("give a new secondary node or an iallocator, not both")
        if self.mode != SECONDARY_ONLY:
            raise BadRequest("a new secondary node can only be given to secondary instances (-s)")
        if remote.uuid == node.uuid:
            raise BadRequest(f"{node.name} itself cannot be the new secondary node")
        usable(remote)

    async def run(self, context: Context) -> dict[str, Any]:
        config = context.config
        names = tuple(i.name for i in self._instances(config))
        if not names:
            context.say(f"{self._node(config).name} has no such instances: nothing to evacuate")
            return {"jobs": []}
        remote = self._remote(config)
        if remote is not None:
            return {"jobs": replacing(names, remote.name, early_release=self.early_release)}
        name = allocator.named(config, self.iallocator)
        extra = {"ignore-soft-errors": True} if self.ignore_soft_errors else {}
        plan: Plan = await allocator.ask(context, name, NodeEvacuate(names, self.mode), arguments=extra)
        return {"jobs": jobs_of(context, name, plan, early_release=self.early_release)}

    def _node(self, config: Config) -> Node:
        return config.node(self.node_name, self.node_uuid)

    def _remote(self, config: Config) -> Node | None:
        given = self.remote_node or self.remote_node_uuid
        return config.node(self.remote_node or "", self.remote_node_uuid) if given else None

    def _instances(self, config: Config) -> tuple[Instance, ...]:
        uuid = self._node(config).uuid
        primary = config.primaries(uuid) if self.mode != SECONDARY_ONLY else ()
        return primary + (config.secondaries_on(uuid) if self.mode != PRIMARY_ONLY else ())
