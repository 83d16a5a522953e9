"""``gnt-instance activate-disks``."""

from __future__ import annotations

from attrs import evolve, frozen

from ganeti_tw.errors import DriverError, WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import EXCLUSIVE, operation
from ganeti_tw.operations.steps.disks import DISK_TIMEOUT, described
from ganeti_tw.operations.steps.nodes import primary_online
from ganeti_tw.operations.steps.spec import disk_spec
from ganeti_tw.protocol.instance import FindDisk


@operation("OP_INSTANCE_ACTIVATE_DISKS", summary="instance_name")
@frozen
class InstanceActivateDisks:
    """Have the disks of an instance ready for use on its primary node, whether it runs or not.

    Result: node, name and path of each disk.  Files are ready as soon as they
    are there and have no mirrors, so ``ignore_size`` and ``wait_for_sync`` change
    nothing for them.
    """

    instance_name: str
    instance_uuid: Filled | None = None
    ignore_size: bool = False
    wait_for_sync: bool = False

    def locks(self, config: Config) -> dict[str, int]:
        instance = config.instance(self.instance_name, self.instance_uuid)
        nodes = dict.fromkeys((f"node/{uuid}" for uuid in config.nodes_holding(instance)), EXCLUSIVE)
        return {f"instance/{instance.name}": EXCLUSIVE, **nodes}

    def check(self, config: Config) -> None:
        instance = config.instance(self.instance_name, self.instance_uuid)
        if instance.forthcoming:
            raise WrongState(f"{instance.name} is only reserved, it has no disks yet")
        primary_online(config, instance)

    async def run(self, context: Context) -> list[tuple[str, str, str]]:
        config = context.config
        instance = config.instance(self.instance_name, self.instance_uuid)
        node = primary_online(config, instance)
        found = []
        for index, disk in enumerate(config.disks_of(instance)):
            path = await context.on_node(node, FindDisk(instance.name, disk_spec(index, disk)), DISK_TIMEOUT)
            if path is None:
                raise DriverError(
                    f"{described(index, disk)} of {instance.name} is not on {node.name}: bring it back there, or take "
                    f"it from the instance with gnt-instance modify --disk {index}:remove {instance.name}"
                )
            found.append((node.name, disk.iv_name, path))
        if found and not instance.disks_active:
            await context.put(evolve(instance, disks_active=True))
        return found
