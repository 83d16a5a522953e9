"""``gnt-group assign-nodes``."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import evolve, frozen

from ganeti_tw.errors import WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.node import Node
from ganeti_tw.operations.context import Context, names
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import EXCLUSIVE, operation
from ganeti_tw.protocol.config import Changes


@operation("OP_GROUP_ASSIGN_NODES", summary="group_name")
@frozen
class GroupAssignNodes:
    """Move nodes into a group; ``force`` when instances then have nodes in several groups."""

    group_name: Filled
    nodes: list[Filled]
    force: bool = False
    node_uuids: list[Filled] | None = None

    def locks(self, config: Config) -> dict[str, int]:
        nodes = self._nodes(config)
        groups = {config.group(self.group_name).uuid, *(node.group for node in nodes)}
        return {
            **{f"nodegroup/{uuid}": EXCLUSIVE for uuid in sorted(groups)},
            **{f"node/{node.uuid}": EXCLUSIVE for node in nodes},
        }

    def check(self, config: Config) -> None:
        split, _ = splits(config, self._groups(config))
        if split and not self.force:
            raise WrongState(
                f"these instances would have nodes in several groups: {names(split)}; use --force to do it all the same"
            )

    async def run(self, context: Context) -> None:
        split, split_before = splits(context.config, self._groups(context.config))
        if split:
            context.warn(f"this splits instances over several groups: {names(split)}")
        if split_before:
            context.warn(f"these instances were split over several groups before and still are: {names(split_before)}")

        def assign(config: Config) -> Changes:
            self.check(config)
            target = config.group(self.group_name)
            moved = [node for node in self._nodes(config) if node.group != target.uuid]
            if not moved:
                return Changes()
            groups = {target.uuid, *(node.group for node in moved)}
            return Changes(
                puts=(
                    *(evolve(node, group=target.uuid) for node in moved),
                    *(config.groups[uuid] for uuid in sorted(groups) if uuid in config.groups),
                )
            )

        await context.edit(assign)

    def _nodes(self, config: Config) -> list[Node]:
        """Each once."""
        return list({node.uuid: node for node in config.nodes_named(self.nodes, self.node_uuids)}.values())

    def _groups(self, config: Config) -> dict[str, str]:
        target = config.group(self.group_name).uuid
        return {node.uuid: target for node in self._nodes(config)}


def splits(config: Config, groups: Mapping[str, str]) -> tuple[list[Instance], list[Instance]]:
    """Instances whose nodes are in several groups once nodes have moved: those newly so, those that were before.

    ``groups``: node UUID -> UUID of its new group.  Only instances with a part on
    one of these nodes are looked at; both lists are sorted by name.
    """
    touched = {i.uuid: i for node in groups for i in config.instances_on(node)}
    newly: list[Instance] = []
    before: list[Instance] = []
    for instance in sorted(touched.values(), key=lambda i: i.name):
        nodes = [n for n in config.nodes_holding(instance) if n in config.nodes]
        if len({groups.get(n, config.nodes[n].group) for n in nodes}) > 1:
            split_already = len({config.nodes[n].group for n in nodes}) > 1
            (before if split_already else newly).append(instance)
    return newly, before
