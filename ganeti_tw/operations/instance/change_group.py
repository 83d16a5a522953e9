"""``gnt-instance change-group``."""

from __future__ import annotations

from typing import Any

from attrs import evolve, frozen

from ganeti_tw.model.config import Config
from ganeti_tw.model.group import Group
from ganeti_tw.model.instance import Instance
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import Hooks, instance_hooks, master
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import operation
from ganeti_tw.operations.steps import allocator, groupchange
from ganeti_tw.operations.steps.allocator_jobs import jobs_of
from ganeti_tw.operations.steps.allocator_requests import ChangeGroup, Plan


@operation("OP_INSTANCE_CHANGE_GROUP", summary="instance_name")
@frozen
class InstanceChangeGroup:
    """A job that takes an instance to another group, to where an iallocator says.  Result: ``jobs``."""

    instance_name: str
    instance_uuid: Filled | None = None
    early_release: bool = False
    iallocator: Filled | None = None
    target_groups: list[Filled] | None = None

    def locks(self, config: Config) -> dict[str, int]:
        return groupchange.locks(config, (self._instance(config),), self.target_groups, ())

    def check(self, config: Config) -> None:
        self._targets(config)
        allocator.named(config, self.iallocator)

    def hooks(self, config: Config) -> Hooks:
        targets = {"TARGET_GROUPS": " ".join(g.uuid for g in self._targets(config))}
        found = instance_hooks(config, "instance-change-group", self._instance(config), targets)
        return evolve(found, pre=master(config), post=master(config))

    async def run(self, context: Context) -> dict[str, Any]:
        config = context.config
        name = allocator.named(config, self.iallocator)
        request = ChangeGroup((self._instance(config).name,), tuple(g.uuid for g in self._targets(config)))
        plan: Plan = await allocator.ask(context, name, request)
        return {"jobs": jobs_of(context, name, plan, early_release=self.early_release)}

    def _instance(self, config: Config) -> Instance:
        return config.instance(self.instance_name, self.instance_uuid)

    def _targets(self, config: Config) -> tuple[Group, ...]:
        leaving = groupchange.groups_of(config, (self._instance(config),))
        return groupchange.targets(config, self.target_groups, leaving)
