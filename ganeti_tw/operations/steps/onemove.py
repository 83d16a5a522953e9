"""Where an instance goes that is told to change its node: what failover and migration have in common."""

from __future__ import annotations

from typing import TypeVar

from attrs import evolve

from ganeti_tw.model.config import Config
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.node import Node
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.steps import openmoves
from ganeti_tw.operations.steps.cleanup import cleanup_target
from ganeti_tw.operations.steps.moves import check_target, chooses_target, move_locks, target_of

Move = TypeVar("Move", bound="OneMove")


class OneMove:
    """Base of the operations that move one instance; they have these parameters.

    Without a target an iallocator chooses one, where there is something to choose.
    """

    instance_name: str
    instance_uuid: str | None
    target_node: str | None
    target_node_uuid: str | None
    ignore_ipolicy: bool
    cleanup: bool
    iallocator: str | None

    def locks(self, config: Config) -> dict[str, int]:
        instance = self.instance(config)
        if self._is_open(config, instance):
            return openmoves.locks(config, instance)
        return move_locks(config, instance, self.target(config, instance))

    async def choose(self: Move, context: Context) -> Move:
        instance = self.instance(context.config)
        if not self._is_open(context.config, instance):
            return self
        target = await openmoves.choose(context, instance, self.iallocator)
        return evolve(self, iallocator=None, target_node=target.name, target_node_uuid=target.uuid)  # type: ignore[misc]

    def check_move(self, config: Config, instance: Instance) -> None:
        """See that it may go there; of a cleanup only that the target is named well."""
        if self._is_open(config, instance):
            openmoves.check(config, instance, self.iallocator)
            return
        openmoves.check_named(config, instance, self.iallocator)
        target = self.target(config, instance)
        if not self.cleanup:
            check_target(config, instance, target, ignore_ipolicy=self.ignore_ipolicy)

    def instance(self, config: Config) -> Instance:
        return config.instance(self.instance_name, self.instance_uuid)

    def target(self, config: Config, instance: Instance) -> Node:
        if self.cleanup:
            return cleanup_target(config, instance, self.target_node, self.target_node_uuid)
        return target_of(config, instance, self.target_node, self.target_node_uuid)

    def _is_open(self, config: Config, instance: Instance) -> bool:
        given = self.target_node or self.target_node_uuid
        return not self.cleanup and not given and chooses_target(config, instance)
