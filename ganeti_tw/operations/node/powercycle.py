"""``gnt-node powercycle``."""

from __future__ import annotations

from attrs import frozen

from ganeti_tw.errors import BadRequest
from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import operation
from ganeti_tw.protocol.node import PowercycleNode

TIMEOUT = 60.0


@operation("OP_NODE_POWERCYCLE", summary="node_name")
@frozen
class NodePowercycle:
    """Have a machine reboot at once, without its guests' consent.  Result: what will happen, in words."""

    node_name: Filled
    node_uuid: Filled | None = None
    force: bool = False

    def locks(self, config: Config) -> dict[str, int]:
        return {}

    def check(self, config: Config) -> None:
        node = config.node(self.node_name, self.node_uuid)
        if node.uuid == config.cluster.master_node and not self.force:
            raise BadRequest(f"{node.name} is the master: --force reboots it nevertheless")

    async def run(self, context: Context) -> str:
        node = context.config.node(self.node_name, self.node_uuid)
        text: str = await context.on_node(node, PowercycleNode(context.config.cluster.default_hypervisor), TIMEOUT)
        return text
