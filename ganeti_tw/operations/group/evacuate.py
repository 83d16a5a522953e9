"""``gnt-group evacuate``."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from ganeti_tw.model.config import Config
from ganeti_tw.model.group import Group
from ganeti_tw.model.instance import Instance
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import Hooks, group_nodes, master
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import operation
from ganeti_tw.operations.steps import allocator, groupchange
from ganeti_tw.operations.steps.allocator_jobs import jobs_of
from ganeti_tw.operations.steps.allocator_requests import ChangeGroup, Plan


@operation("OP_GROUP_EVACUATE", summary="group_name")
@frozen
class EvacuateGroup:
    """Jobs that take all instances out of a group, to where an iallocator says.  Result: ``jobs``."""

    group_name: Filled
    early_release: bool = False
    iallocator: Filled | None = None
    target_groups: list[Filled] | None = None
    sequential: bool = False
    force_failover: bool = False

    def locks(self, config: Config) -> dict[str, int]:
        leaving = (self._group(config).uuid,)
        return groupchange.locks(config, self._instances(config), self.target_groups, leaving)

    def check(self, config: Config) -> None:
        self._targets(config)
        allocator.named(config, self.iallocator)

    def hooks(self, config: Config) -> Hooks:
        group = self._group(config)
        nodes = tuple(dict.fromkeys((*master(config), *group_nodes(config, group.uuid))))
        targets = " ".join(g.uuid for g in self._targets(config))
        return Hooks("group-evacuate", "GROUP", {"GROUP_NAME": group.name, "TARGET_GROUPS": targets}, nodes, nodes)

    async def run(self, context: Context) -> dict[str, Any]:
        config = context.config
        names = tuple(i.name for i in self._instances(config))
        if not names:
            context.say(f"group {self._group(config).name} has no instances: nothing to evacuate")
            return {"jobs": []}
        name = allocator.named(config, self.iallocator)
        request = ChangeGroup(names, tuple(g.uuid for g in self._targets(config)))
        plan: Plan = await allocator.ask(context, name, request)
        jobs = jobs_of(
            context,
            name,
            plan,
            early_release=self.early_release,
            force_failover=self.force_failover,
            sequential=self.sequential,
        )
        return {"jobs": jobs}

    def _group(self, config: Config) -> Group:
        return config.group(self.group_name)

    def _targets(self, config: Config) -> tuple[Group, ...]:
        return groupchange.targets(config, self.target_groups, (self._group(config).uuid,))

    def _instances(self, config: Config) -> list[Instance]:
        """Those that have a node in the group."""
        uuids = [node.uuid for node in config.nodes_of(self._group(config).uuid)]
        found = {i.uuid: i for uuid in uuids for i in config.instances_on(uuid)}
        return sorted(found.values(), key=lambda i: i.name)
