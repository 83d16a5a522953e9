"""``gnt-instance console``, as an operation."""

from __future__ import annotations

from typing import Any

from attrs import asdict, frozen

from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import SHARED, operation
from ganeti_tw.operations.steps.nodes import primary_online
from ganeti_tw.operations.steps.spec import instance_spec
from ganeti_tw.protocol.instance import GetConsole

NODE_TIMEOUT = 30.0


@operation("OP_INSTANCE_CONSOLE", summary="instance_name", read_only=True)
@frozen
class InstanceConsole:
    """How to reach the console of a running instance."""

    instance_name: str
    instance_uuid: Filled | None = None

    def locks(self, config: Config) -> dict[str, int]:
        return {f"instance/{config.instance(self.instance_name, self.instance_uuid).name}": SHARED}

    def check(self, config: Config) -> None:
        primary_online(config, config.instance(self.instance_name, self.instance_uuid))

    async def run(self, context: Context) -> dict[str, Any]:
        instance = context.config.instance(self.instance_name, self.instance_uuid)
        node = primary_online(context.config, instance)
        console = await context.on_node(node, GetConsole(instance_spec(context.config, instance)), NODE_TIMEOUT)
        return asdict(console)
