"""``gnt-instance deactivate-disks``."""

from __future__ import annotations

from attrs import evolve, frozen

from ganeti_tw.errors import WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import EXCLUSIVE, operation
from ganeti_tw.operations.steps.down import is_running
from ganeti_tw.operations.steps.nodes import primary_online, settled


@operation("OP_INSTANCE_DEACTIVATE_DISKS", summary="instance_name")
@frozen
class InstanceDeactivateDisks:
    """Have the disks of an instance that does not run not ready for use any more; with ``force`` of any.

    Files stay where they are, and nothing has to be done on the node.
    """

    instance_name: str
    instance_uuid: Filled | None = None
    force: bool = False

    def locks(self, config: Config) -> dict[str, int]:
        instance = config.instance(self.instance_name, self.instance_uuid)
        nodes = dict.fromkeys((f"node/{uuid}" for uuid in config.nodes_holding(instance)), EXCLUSIVE)
        return {f"instance/{instance.name}": EXCLUSIVE, **nodes}

    def check(self, config: Config) -> None:
        instance = config.instance(self.instance_name, self.instance_uuid)
        if self.force:
            settled(config, instance)
            return
        if instance.admin_up:
            raise WrongState(f"{instance.name} is to run: shut it down first (gnt-instance shutdown), or use --force")
        primary_online(config, instance)

    async def run(self, context: Context) -> None:
        instance = context.config.instance(self.instance_name, self.instance_uuid)
        if not self.force:
            node = primary_online(context.config, instance)
            if await is_running(context, instance):
                raise WrongState(
                    f"{instance.name} runs on {node.name}: shut it down first (gnt-instance shutdown), or use --force"
                )
        if instance.disks_active:
            await context.put(evolve(instance, disks_active=False))
