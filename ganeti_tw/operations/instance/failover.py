"""``gnt-instance failover``."""

from __future__ import annotations

from attrs import evolve, frozen

from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import Hooks, instance_hooks, master_and
from ganeti_tw.operations.inputs import Filled, Seconds
from ganeti_tw.operations.registry import operation
from ganeti_tw.operations.steps.cleanup import clean_up
from ganeti_tw.operations.steps.failover import fail_over
from ganeti_tw.operations.steps.moves import move_variables
from ganeti_tw.operations.steps.onemove import OneMove


@operation("OP_INSTANCE_FAILOVER", summary="instance_name")
@frozen
class InstanceFailover(OneMove):
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

    def check(self, config: Config) -> None:
        self.check_move(config, self.instance(config))

    def hooks(self, config: Config) -> Hooks:
        instance = self.instance(config)
        target = self.target(config, instance)
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
        instance = self.instance(config)
        target = self.target(config, instance)
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
