"""``gnt-instance startup``."""

from __future__ import annotations

from typing import Any

from attrs import evolve, field, frozen

from ganeti_tw.errors import WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.model.parameters import beparams as be_input
from ganeti_tw.model.parameters import hvparams as hv_input
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import Hooks, instance_hooks
from ganeti_tw.operations.inputs import Filled, Seconds
from ganeti_tw.operations.registry import EXCLUSIVE, operation
from ganeti_tw.operations.steps.nodes import primary_of, primary_online, settled
from ganeti_tw.operations.steps.spec import instance_spec
from ganeti_tw.protocol.instance import StartInstance

START_TIMEOUT = 120.0


@operation("OP_INSTANCE_STARTUP", summary="instance_name")
@frozen
class InstanceStartup:
    """Start an instance and remember that it should run."""

    instance_name: str
    instance_uuid: Filled | None = None
    force: bool = False
    ignore_offline_nodes: bool = False
    hvparams: dict[str, Any] = field(factory=dict)
    beparams: dict[str, Any] = field(factory=dict)
    no_remember: bool = False
    startup_paused: bool = False
    shutdown_timeout: Seconds = 120

    def locks(self, config: Config) -> dict[str, int]:
        instance = config.instance(self.instance_name, self.instance_uuid)
        return {f"instance/{instance.name}": EXCLUSIVE, f"node-res/{instance.primary_node}": 0}

    def check(self, config: Config) -> None:
        instance = config.instance(self.instance_name, self.instance_uuid)
        if instance.admin_state == "offline":
            raise WrongState(f"{instance.name} is marked offline; set it online with gnt-instance modify --online")
        if instance.forthcoming:
            raise WrongState(f"{instance.name} is only reserved, there is nothing to start")
        settled(config, instance)
        if not self.ignore_offline_nodes:
            primary_online(config, instance)
        self._once(config)

    def hooks(self, config: Config) -> Hooks:
        instance = config.instance(self.instance_name, self.instance_uuid)
        return instance_hooks(config, "instance-start", instance, {"FORCE": self.force})

    async def run(self, context: Context) -> None:
        config = context.config
        instance = config.instance(self.instance_name, self.instance_uuid)
        if not self.no_remember and not instance.admin_up:
            config = await context.put(evolve(instance, admin_state="up", admin_state_source="admin"))
            instance = config.instance(self.instance_name, self.instance_uuid)
        node = primary_of(config, instance)
        if node.offline:
            context.warn(f"{node.name} is offline: only marked {instance.name} up")
            return
        hvparams, beparams = self._once(config)
        spec = instance_spec(config, instance, hvparams=hvparams, beparams=beparams)
        await context.on_node(node, StartInstance(spec, self.startup_paused), START_TIMEOUT)
        if instance.disks and not instance.disks_active:
            await context.put(evolve(instance, disks_active=True))

    def _once(self, config: Config) -> tuple[dict[str, Any], dict[str, Any]]:
        """Parameters that count for this start only, converted and checked."""
        instance = config.instance(self.instance_name, self.instance_uuid)
        return (
            hv_input(instance.hypervisor, {}, self.hvparams),
            be_input({}, self.beparams, config.filled_beparams(instance)),
        )
