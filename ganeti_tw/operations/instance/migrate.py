"""``gnt-instance migrate``."""

from __future__ import annotations

from attrs import evolve, frozen

from ganeti_tw.errors import BadRequest, NodeOffline, WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.model.instance import Instance
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import Hooks, instance_hooks, master_and
from ganeti_tw.operations.inputs import Filled, MigrationMode
from ganeti_tw.operations.registry import operation
from ganeti_tw.operations.steps.cleanup import clean_up
from ganeti_tw.operations.steps.failover import SHUTDOWN_TIMEOUT, fail_over
from ganeti_tw.operations.steps.migration import migrate, why_not
from ganeti_tw.operations.steps.moves import move_variables
from ganeti_tw.operations.steps.nodes import primary_of
from ganeti_tw.operations.steps.onemove import OneMove


@operation("OP_INSTANCE_MIGRATE", summary="instance_name")
@frozen
class InstanceMigrate(OneMove):
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

    def check(self, config: Config) -> None:
        one_mode(self.mode, self.live)
        instance = self.instance(config)
        self.check_move(config, instance)
        source = primary_of(config, instance)
        if source.offline and not self.allow_failover and not self.cleanup:
            raise NodeOffline(
                f"{source.name}, primary node of {instance.name}, is marked offline: use gnt-instance failover"
            )

    def hooks(self, config: Config) -> Hooks:
        instance = self.instance(config)
        target = self.target(config, instance)
        own = {
            "MIGRATE_LIVE": self._live(config, instance),
            "MIGRATE_CLEANUP": self.cleanup,
            "ALLOW_RUNTIME_CHANGES": self.allow_runtime_changes,
            **move_variables(config, instance, target),
        }
        nodes = master_and(config, *config.nodes_holding(instance), target.uuid)
        return evolve(instance_hooks(config, "instance-migrate", instance, own), pre=nodes, post=nodes)

    def interrupted(self, config: Config) -> str:
        instance = config.find_instance(self.instance_name)
        if instance is None:
            return f"there is no instance {self.instance_name} any more"
        if instance.migrating_to is None:
            return f"{instance.name} is on {primary_of(config, instance).name} and not on its way"
        other = config.nodes.get(instance.migrating_to)
        return (
            f"{instance.name} was on its way from {primary_of(config, instance).name} to "
            f"{other.name if other is not None else instance.migrating_to}: "
            f"'gnt-instance migrate --cleanup {instance.name}' finds out where it runs"
        )

    async def run(self, context: Context) -> None:
        config = context.config
        instance = self.instance(config)
        target = self.target(config, instance)
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
            raise WrongState(f"{reason}: use gnt-instance failover, or gnt-instance migrate --allow-failover")

    def _live(self, config: Config, instance: Instance) -> bool:
        if self.live is not None:
            return self.live
        mode = self.mode or config.filled_hvparams(instance).get("migration_mode", "live")
        return bool(mode == "live")


def one_mode(mode: str | None, live: bool | None) -> None:
    """BadRequest when both ways to say how are used."""
    if mode is not None and live is not None:
        raise BadRequest("live is an older form of mode: give only one of them")
