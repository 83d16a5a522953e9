"""``gnt-instance remove``."""

from __future__ import annotations

from attrs import evolve, frozen

from ganeti_tw.errors import GanetiError
from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import Hooks, instance_hooks, master
from ganeti_tw.operations.inputs import Filled, Seconds
from ganeti_tw.operations.instance.shutdown import GRACE
from ganeti_tw.operations.registry import EXCLUSIVE, SHARED, operation
from ganeti_tw.operations.steps.addresses import addresses_given_back
from ganeti_tw.operations.steps.disks import remove_disks
from ganeti_tw.operations.steps.nodes import primary_of, primary_online, settled
from ganeti_tw.operations.steps.ports import port_given_back
from ganeti_tw.protocol.config import Changes
from ganeti_tw.protocol.instance import StopInstance


@operation("OP_INSTANCE_REMOVE", summary="instance_name")
@frozen
class InstanceRemove:
    """Shut an instance down and remove it with its disks."""

    instance_name: str
    instance_uuid: Filled | None = None
    shutdown_timeout: Seconds = 120
    ignore_failures: bool = False

    def locks(self, config: Config) -> dict[str, int]:
        instance = config.instance(self.instance_name, self.instance_uuid)
        nodes = config.nodes_holding(instance)
        if not instance.disks:  # nothing of its nodes is touched but the guest, so many may go at once
            return {f"instance/{instance.name}": EXCLUSIVE, **{f"node/{uuid}": SHARED for uuid in nodes}}
        return {
            f"instance/{instance.name}": EXCLUSIVE,
            **{f"node/{uuid}": EXCLUSIVE for uuid in nodes},
            **{f"node-res/{uuid}": EXCLUSIVE for uuid in nodes},
        }

    def check(self, config: Config) -> None:
        instance = config.instance(self.instance_name, self.instance_uuid)
        settled(config, instance)
        if not self.ignore_failures:
            primary_online(config, instance)

    def hooks(self, config: Config) -> Hooks:
        instance = config.instance(self.instance_name, self.instance_uuid)
        found = instance_hooks(config, "instance-remove", instance, {"SHUTDOWN_TIMEOUT": self.shutdown_timeout})
        return evolve(found, pre=master(config))

    def interrupted(self, config: Config) -> str:
        name = self.instance_name
        if config.find_instance(name) is None:
            return f"instance {name} is removed, and so are its disks"
        return f"instance {name} is not removed yet, some of its disks may be: run 'gnt-instance remove {name}' again"

    async def run(self, context: Context) -> None:
        config = context.config
        instance = config.instance(self.instance_name, self.instance_uuid)
        if instance.admin_up:  # so that nobody starts it again when this stops half way
            config = await context.put(evolve(instance, admin_state="down", admin_state_source="admin"))
            instance = config.instance(self.instance_name, self.instance_uuid)
        try:
            if not instance.forthcoming:
                stop = StopInstance(instance.name, instance.hypervisor, self.shutdown_timeout)
                await context.on_node(primary_of(config, instance), stop, self.shutdown_timeout + GRACE)
        except GanetiError as e:
            if not self.ignore_failures:
                raise
            context.warn(f"could not shut {instance.name} down: {e.text}")
        await remove_disks(context, instance, ignore_failures=self.ignore_failures)
        context.inform(f"removing instance {instance.name} from the configuration")

        def forget(newest: Config) -> Changes:
            thing = newest.instance(instance.uuid)
            given_back = (*port_given_back(newest, thing), *addresses_given_back(newest, thing.nics))
            return Changes(puts=given_back, deletes=(thing, *newest.disks_of(thing)))

        await context.edit(forget)
