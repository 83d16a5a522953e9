"""What changing the group of instances needs, of one or of all in a group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ganeti_tw.errors import BadRequest, WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.model.group import Group
from ganeti_tw.model.instance import Instance
from ganeti_tw.operations.registry import SHARED


def groups_of(config: Config, instances: Iterable[Instance]) -> set[str]:
    """UUIDs of the groups that have a node of one of them."""
    return {config.nodes[uuid].group for instance in instances for uuid in config.nodes_holding(instance)}


def targets(config: Config, wanted: Sequence[str] | None, leaving: Iterable[str]) -> tuple[Group, ...]:
    """The groups to go to: those named, or all but those that are left (UUIDs).

    BadRequest when one of these is named, WrongState when there is no other.
    """
    left = set(leaving)
    if not wanted:
        others = tuple(g for g in config.groups.values() if g.uuid not in left)
        if not others:
            raise WrongState("there is no other group to go to: make one with gnt-group add")
        return others
    found = tuple({g.uuid: g for g in map(config.group, wanted)}.values())
    for group in found:
        if group.uuid in left:
            raise BadRequest(f"group {group.name} cannot be gone to: it is where the instances are")
    return found


def locks(
    config: Config, instances: Iterable[Instance], wanted: Sequence[str] | None, leaving: Iterable[str]
) -> dict[str, int]:
    """The instances, the groups they may go to and are in, and all nodes of these."""
    chosen = [config.group(name).uuid for name in wanted] if wanted else list(config.groups)
    groups = {*chosen, *leaving, *groups_of(config, instances)}
    return {
        **{f"instance/{i.name}": SHARED for i in instances},
        **{f"nodegroup/{uuid}": SHARED for uuid in groups},
        **{f"node/{n.uuid}": SHARED for uuid in groups for n in config.nodes_of(uuid)},
    }
