"""``gnt-instance failover``."""

from __future__ import annotations

from attrs import evolve, frozen

from ganeti_tw.model.config import Config
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.node import Node
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import Hooks, instance_hooks, master_and
from ganeti_tw.operations.inputs import Filled, Seconds
from ganeti_tw.operations.registry import operation
from ganeti_tw.operations.steps import openmoves
from ganeti_tw.operations.steps.cleanup import clean_up, cleanup_target
from ganeti_tw.operations.steps.failover import fail_over
from ganeti_tw.operations.steps.moves import check_target, chooses_target, move_locks, move_variables, target_of


@operation("OP_INSTANCE_FAILOVER", summary="instance_name")
@frozen
class InstanceFailover:
    """Stop an instance on its node and start it on another that reaches its disks.

    One that is down is moved without being started.  An offline primary node is
    not asked; ``ignore_consistency`` goes on when it does not answer.  ``cleanup``
    is that of :class:`~ganeti_tw.operations.instance.migrate.InstanceMigrate`.
    """

    instance_name: str
    instance_uuid: Filled | None = None
    shutdown_timeout: Seconds = 120
    ignore_consistency: bool = False
    target_node: Filled | None = None
    target_node_uuid: Filled | None = None
    ignore_ipolicy: bool = False
    cleanup: bool = False
    iallocator: Filled | None = None

    def locks(self, config: Config) -> dict[str, int]:
        instance = self._instance(config)
        if self._is_open(config, instance):
            return openmoves.locks(config, instance)
        return move_locks(config, instance, self._target(config, instance))

    async def choose(self, context: Context) -> InstanceFailover:
        instance = self._instance(context.config)
        if not self._is_open(context.config, instance):
            return self
        target = await openmoves.choose(context, instance, self.iallocator)
        return evolve(self, iallocator=None, target_node=target.name, target_node_uuid=target.uuid)

    def check(self, config: Config) -> None:
        instance = self._instance(config)
        if self._is_open(config, instance):
            openmoves.check(config, instance, self.iallocator)
            return
        openmoves.check_named(config, instance, self.iallocator)
        target = self._target(config, instance)
        if not self.cleanup:
            check_target(config, instance, target, ignore_ipolicy=self.ignore_ipolicy)

    def hooks(self, config: Config) -> Hooks:
        instance = self._instance(config)
        target = self._target(config, instance)
        own = {
            "IGNORE_CONSISTENCY": self.ignore_consistency,
            "SHUTDOWN_TIMEOUT": self.shutdown_timeout,
            "FAILOVER_CLEANUP": self.cleanup,
            **move_variables(config, instance, target),
        }
        found = instance_hooks(config, "instance-failover", instance, own)
        nodes = (*config.secondary_nodes(instance), target.uuid)
        return evolve(found, pre=master_and(config, *nodes), post=master_and(config, *nodes, instance.primary_node))

    async def run(self, context: Context) -> None:
        config = context.config
        instance = self._instance(config)
        target = self._target(config, instance)
        if self.cleanup:
            await clean_up(context, instance, target)
            return
        await fail_over(
            context,
            instance,
            target,
            shutdown_timeout=self.shutdown_timeout,
            ignore_consistency=self.ignore_consistency,
        )

    def _instance(self, config: Config) -> Instance:
        return config.instance(self.instance_name, self.instance_uuid)

    def _is_open(self, config: Config, instance: Instance) -> bool:
        given = self.target_node or self.target_node_uuid
        return not self.cleanup and not given and chooses_target(config, instance)

    def _target(self, config: Config, instance: Instance) -> Node:
        if self.cleanup:
            return cleanup_target(config, instance, self.target_node, self.target_node_uuid)
        return target_of(config, instance, self.target_node, self.target_node_uuid)
