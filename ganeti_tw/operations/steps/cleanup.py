"""Finding out where an instance runs after a migration that was interrupted."""

from __future__ import annotations

from ganeti_tw.errors import BadRequest, WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.node import Node
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.steps.migration import settle
from ganeti_tw.operations.steps.moves import target_of
from ganeti_tw.operations.steps.nodes import primary_of


def cleanup_target(config: Config, instance: Instance, name: str | None, uuid: str | None) -> Node:
    """The other node it may run on: that of the migration that was interrupted, else the one named."""
    if instance.migrating_to is None:
        target = target_of(config, instance, name, uuid)
        if target.uuid == instance.primary_node:
            raise WrongState(f"{target.name} is the primary node of {instance.name}: name the other that it may be on")
        return target
    target = config.node(instance.migrating_to)
    if (name or uuid) and config.node(name or "", uuid).uuid != target.uuid:
        raise BadRequest(f"{instance.name} was on its way to {target.name}: no other node can have it")
    return target


async def clean_up(context: Context, instance: Instance, target: Node) -> None:
    """Record where it belongs.  WrongState when it runs nowhere or on both; OutcomeUnknown when nobody can say."""
    source = primary_of(context.config, instance)
    context.say(f"* looking for {instance.name} on {source.name} and {target.name}")
    found = await settle(context, instance, target)
    context.keep()
    if found.node is None:
        raise WrongState(
            f"{instance.name} runs neither on {source.name} nor on {target.name}: "
            f"start it on {source.name} with gnt-instance startup"
        )
    if found.told:
        context.say(f"* {found.told}: {found.node.name} stays its primary node")
        return
    context.say(f"* {instance.name} runs on {found.node.name}, which is its primary node")
