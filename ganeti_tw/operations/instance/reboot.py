"""``gnt-instance reboot``."""

from __future__ import annotations

from typing import Literal

from attrs import evolve, frozen

from ganeti_tw.errors import WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import Hooks, instance_hooks
from ganeti_tw.operations.inputs import Filled, Seconds
from ganeti_tw.operations.instance.shutdown import GRACE
from ganeti_tw.operations.instance.startup import START_TIMEOUT
from ganeti_tw.operations.registry import EXCLUSIVE, operation
from ganeti_tw.operations.steps.nodes import primary_online
from ganeti_tw.operations.steps.spec import instance_spec
from ganeti_tw.protocol.instance import RebootInstance, StartInstance, StopInstance


@operation("OP_INSTANCE_REBOOT", summary="instance_name")
@frozen
class InstanceReboot:
    """Reboot an instance: soft asks the guest, hard pulls the plug, full also takes the disks down and up."""

    instance_name: str
    reboot_type: Literal["soft", "hard", "full"]
    instance_uuid: Filled | None = None
    shutdown_timeout: Seconds = 120
    ignore_secondaries: bool = False

    def locks(self, config: Config) -> dict[str, int]:
        return {f"instance/{config.instance(self.instance_name, self.instance_uuid).name}": EXCLUSIVE}

    def check(self, config: Config) -> None:
        instance = config.instance(self.instance_name, self.instance_uuid)
        if instance.admin_state == "offline":
            raise WrongState(f"{instance.name} is marked offline; set it online with gnt-instance modify --online")
        primary_online(config, instance)

    def hooks(self, config: Config) -> Hooks:
        own = {
            "IGNORE_SECONDARIES": self.ignore_secondaries,
            "REBOOT_TYPE": self.reboot_type,
            "SHUTDOWN_TIMEOUT": self.shutdown_timeout,
        }
        return instance_hooks(config, "instance-reboot", config.instance(self.instance_name, self.instance_uuid), own)

    async def run(self, context: Context) -> None:
        config = context.config
        instance = config.instance(self.instance_name, self.instance_uuid)
        node = primary_online(config, instance)
        if not instance.admin_up:
            config = await context.put(evolve(instance, admin_state="up", admin_state_source="admin"))
            instance = config.instance(self.instance_name, self.instance_uuid)
        spec = instance_spec(config, instance)
        if self.reboot_type == "full":
            stop = StopInstance(instance.name, instance.hypervisor, self.shutdown_timeout)
            await context.on_node(node, stop, self.shutdown_timeout + GRACE)
            await context.on_node(node, StartInstance(spec), START_TIMEOUT)
        else:
            await context.on_node(node, RebootInstance(spec, self.reboot_type), START_TIMEOUT + self.shutdown_timeout)
