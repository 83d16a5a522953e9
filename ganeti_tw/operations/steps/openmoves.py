"""Moves of instances whose target an iallocator chooses: no node is named, and many reach their disks."""

from __future__ import annotations

from ganeti_tw.errors import BadRequest
from ganeti_tw.model.config import Config
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.node import Node
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.registry import EXCLUSIVE
from ganeti_tw.operations.steps import allocator
from ganeti_tw.operations.steps.moves import internally_mirrored, mirrored
from ganeti_tw.operations.steps.newplace import node_locks
from ganeti_tw.operations.steps.nodes import settled


def locks(config: Config, instance: Instance) -> dict[str, int]:
    """The instance, and all nodes of its group."""
    group = config.nodes[instance.primary_node].group
    return {f"instance/{instance.name}": EXCLUSIVE, **node_locks(config.nodes_of(group))}


def check(config: Config, instance: Instance, iallocator: str | None) -> None:
    """Refuse what needs no answer of an allocator to be refused."""
    settled(config, instance)
    mirrored(config, instance)
    allocator.named(config, iallocator)


def check_named(config: Config, instance: Instance, iallocator: str | None) -> None:
    """BadRequest when an allocator is named where there is nothing to choose."""
    if iallocator is None:
        return
    if internally_mirrored(config, instance):
        raise BadRequest(f"{instance.name} can only go to its secondary node: no iallocator has anything to choose")
    raise BadRequest("give a node or an iallocator, not both")


async def choose(context: Context, instance: Instance, iallocator: str | None) -> Node:
    """The target."""
    return await allocator.other_node(context, instance, allocator.named(context.config, iallocator))
