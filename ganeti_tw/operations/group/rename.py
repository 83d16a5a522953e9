"""``gnt-group rename``."""

from __future__ import annotations

from attrs import evolve, frozen

from ganeti_tw.errors import Exists
from ganeti_tw.model.config import Config
from ganeti_tw.model.group import Group
from ganeti_tw.model.names import object_name
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import Hooks, group_nodes, master
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import EXCLUSIVE, operation
from ganeti_tw.protocol.config import Changes


@operation("OP_GROUP_RENAME")
@frozen
class GroupRename:
    """Give a group another name; the result is that name."""

    group_name: Filled
    new_name: Filled

    def locks(self, config: Config) -> dict[str, int]:
        return {f"nodegroup/{config.group(self.group_name).uuid}": EXCLUSIVE}

    def check(self, config: Config) -> None:
        self._renamed(config, config.group(self.group_name).uuid)

    def hooks(self, config: Config) -> Hooks:
        group = config.group(self.group_name)
        nodes = tuple(dict.fromkeys((*master(config), *group_nodes(config, group.uuid))))
        names = {"OLD_NAME": group.name, "NEW_NAME": self.new_name}
        return Hooks("group-rename", "GROUP", names, nodes, nodes)

    async def run(self, context: Context) -> str:
        uuid = context.config.group(self.group_name).uuid
        await context.edit(lambda config: Changes(puts=(self._renamed(config, uuid),)))
        return self.new_name

    def _renamed(self, config: Config, uuid: str) -> Group:
        name = object_name(self.new_name)
        other = config.find_group(name)
        if other is not None:
            raise Exists(f"there is a group {name} already (UUID {other.uuid})")
        return evolve(config.group(uuid), name=name)
