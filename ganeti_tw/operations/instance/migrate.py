"""``gnt-instance migrate``."""

from __future__ import annotations

from attrs import evolve, frozen

from ganeti_tw.errors import BadRequest, NodeOffline, WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.node import Node
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import Hooks, instance_hooks, master_and
from ganeti_tw.operations.inputs import Filled, MigrationMode
from ganeti_tw.operations.registry import operation
from ganeti_tw.operations.steps import openmoves
from ganeti_tw.operations.steps.cleanup import clean_up, cleanup_target
from ganeti_tw.operations.steps.failover import SHUTDOWN_TIMEOUT, fail_over
from ganeti_tw.operations.steps.migration import migrate, why_not
from ganeti_tw.operations.steps.moves import check_target, chooses_target, move_locks, move_variables, target_of
from ganeti_tw.operations.steps.nodes import primary_of


@operation("OP_INSTANCE_MIGRATE", summary="instance_name")
@frozen
class InstanceMigrate:
    """Give a running instance to another node that reaches its disks, without stopping it.

    One that cannot be given away as it runs is refused, or with ``allow_failover``
    stopped and started there.  ``cleanup`` moves nothing: it finds out where the
    instance runs after a migration that was interrupted.  Hypervisors here send
    guests between any of their versions, so ``ignore_hvversions`` changes nothing.
    """

    instance_name: str
    instance_uuid: Filled | None = None
    mode: MigrationMode | None = None
    live: bool | None = None
    target_node: Filled | None = None
    target_node_uuid: Filled | None = None
    allow_runtime_changes: bool = True
    ignore_ipolicy: bool = False
    cleanup: bool = False
    iallocator: Filled | None = None
    allow_failover: bool = False
    ignore_hvversions: bool = False

    def locks(self, config: Config) -> dict[str, int]:
        instance = self._instance(config)
        if self._is_open(config, instance):
            return openmoves.locks(config, instance)
        return move_locks(config, instance, self._target(config, instance))

    async def choose(self, context: Context) -> InstanceMigrate:
        instance = self._instance(context.config)
        if not self._is_open(context.config, instance):
            return self
        target = await openmoves.choose(context, instance, self.iallocator)
        return evolve(self, iallocator=None, target_node=target.name, target_node_uuid=target.uuid)

    def check(self, config: Config) -> None:
        one_mode(self.mode, self.live)
        instance = self._instance(config)
        if self._is_open(config, instance):
            openmoves.check(config, instance, self.iallocator)
        else:
            openmoves.check_named(config, instance, self.iallocator)
            target = self._target(config, instance)
            if self.cleanup:
                return
            check_target(config, instance, target, ignore_ipolicy=self.ignore_ipolicy)
        source = primary_of(config, instance)
        if source.offline and not self.allow_failover:
            raise NodeOffline(
                f"{source.name}, primary node of {instance.name}, is marked offline: use gnt-instance failover"
            )

    def hooks(self, config: Config) -> Hooks:
        instance = self._instance(config)
        target = self._target(config, instance)
        own = {
            "MIGRATE_LIVE": self._live(config, instance),
            "MIGRATE_CLEANUP": self.cleanup,
            "ALLOW_RUNTIME_CHANGES": self.allow_runtime_changes,
            **move_variables(config, instance, target),
        }
        nodes = master_and(config, *config.nodes_holding(instance), target.uuid)
        return evolve(instance_hooks(config, "instance-migrate", instance, own), pre=nodes, post=nodes)

    async def run(self, context: Context) -> None:
        config = context.config
        instance = self._instance(config)
        target = self._target(config, instance)
        if self.cleanup:
            await clean_up(context, instance, target)
            return
        if config.filled_beparams(instance)["always_failover"]:
            reason, may = f"{instance.name} is set to be failed over always (always_failover)", True
        else:
            reason, may = await why_not(context, instance, target), self.allow_failover
        if not reason:
            live = self._live(config, instance)
            await migrate(context, instance, target, live=live, allow_runtime_changes=self.allow_runtime_changes)
        elif may:
            context.inform(f"{reason}: failing it over")
            await fail_over(context, instance, target, shutdown_timeout=SHUTDOWN_TIMEOUT, ignore_consistency=False)
        else:
            raise WrongState(f"{reason}: use gnt-instance failover, or --allow-failover")

    def _instance(self, config: Config) -> Instance:
        return config.instance(self.instance_name, self.instance_uuid)

    def _is_open(self, config: Config, instance: Instance) -> bool:
        given = self.target_node or self.target_node_uuid
        return not self.cleanup and not given and chooses_target(config, instance)

    def _target(self, config: Config, instance: Instance) -> Node:
        if self.cleanup:
            return cleanup_target(config, instance, self.target_node, self.target_node_uuid)
        return target_of(config, instance, self.target_node, self.target_node_uuid)

    def _live(self, config: Config, instance: Instance) -> bool:
        if self.live is not None:
            return self.live
        mode = self.mode or config.filled_hvparams(instance).get("migration_mode", "live")
        return bool(mode == "live")


def one_mode(mode: str | None, live: bool | None) -> None:
    """BadRequest when both ways to say how are used."""
    if mode is not None and live is not None:
        raise BadRequest("live is an older form of mode: give only one of them")
