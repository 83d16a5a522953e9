"""``gnt-instance shutdown``."""

from __future__ import annotations

from attrs import evolve, frozen

from ganeti_tw.errors import WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import Hooks, instance_hooks
from ganeti_tw.operations.inputs import Filled, Person, Seconds
from ganeti_tw.operations.registry import EXCLUSIVE, operation
from ganeti_tw.operations.steps.nodes import primary_of, primary_online, settled
from ganeti_tw.protocol.instance import StopInstance

GRACE = 30.0  # for pulling the plug, and the way there and back


@operation("OP_INSTANCE_SHUTDOWN", summary="instance_name")
@frozen
class InstanceShutdown:
    """Stop an instance and remember that it should stay down."""

    instance_name: str
    instance_uuid: Filled | None = None
    force: bool = False
    ignore_offline_nodes: bool = False
    timeout: Seconds = 120  # seconds between asking politely and pulling the plug
    no_remember: bool = False
    admin_state_source: Person | None = None

    def locks(self, config: Config) -> dict[str, int]:
        return {f"instance/{config.instance(self.instance_name, self.instance_uuid).name}": EXCLUSIVE}

    def check(self, config: Config) -> None:
        instance = config.instance(self.instance_name, self.instance_uuid)
        if instance.admin_state == "offline" and not self.force:
            raise WrongState(f"{instance.name} is marked offline; use --force")
        settled(config, instance)
        if not self.ignore_offline_nodes:
            primary_online(config, instance)

    def hooks(self, config: Config) -> Hooks:
        instance = config.instance(self.instance_name, self.instance_uuid)
        return instance_hooks(config, "instance-stop", instance, {"TIMEOUT": self.timeout})

    async def run(self, context: Context) -> None:
        config = context.config
        instance = config.instance(self.instance_name, self.instance_uuid)
        source = self.admin_state_source or "admin"
        if not self.no_remember and instance.admin_state != "offline":  # the wish before the deed
            config = await context.put(evolve(instance, admin_state="down", admin_state_source=source))
            instance = config.instance(self.instance_name, self.instance_uuid)
        node = primary_of(config, instance)
        if node.offline:
            context.warn(f"{node.name} is offline: only marked {instance.name} down")
            return
        stop = StopInstance(instance.name, instance.hypervisor, self.timeout)
        await context.on_node(node, stop, self.timeout + GRACE)
        if instance.disks_active:
            await context.put(evolve(instance, disks_active=False))
