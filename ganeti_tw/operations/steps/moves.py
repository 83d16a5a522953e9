"""Where an instance may go, and whether it can run there."""

from __future__ import annotations

from ganeti_tw.errors import BadRequest, NoRoom, WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.model.disk_templates import TEMPLATES
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.node import Node
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.registry import EXCLUSIVE
from ganeti_tw.operations.steps.nodes import settled, usable
from ganeti_tw.operations.steps.policy import check_policy
from ganeti_tw.operations.steps.spec import disk_spec
from ganeti_tw.protocol.instance import FindDisk
from ganeti_tw.protocol.node import GetFigures

LOOK_TIMEOUT = 30.0


def target_of(config: Config, instance: Instance, name: str | None, uuid: str | None = None) -> Node:
    """The node an instance is to go to: the one named, or the other one of internally mirrored disks.

    BadRequest when a node must be named or must not; whether the instance may go is asked of :func:`check_target`.
    """
    given = bool(name or uuid)
    if internally_mirrored(config, instance):
        if given:
            raise BadRequest(f"{instance.name} can only go to its secondary node: name no other")
        return config.node(config.secondary_nodes(instance)[0])
    if not given:
        mirrored(config, instance)
        raise BadRequest(f"no node given for {instance.name}: name one (-n)")
    return config.node(name or "", uuid)


def chooses_target(config: Config, instance: Instance) -> bool:
    """Whether it could go to any node, so that one has to be named, or chosen by an allocator."""
    return not internally_mirrored(config, instance)


def internally_mirrored(config: Config, instance: Instance) -> bool:
    """Whether its disks are on two nodes, which it can choose from."""
    disks = config.disks_of(instance)
    return bool(disks) and all(TEMPLATES[disk.dev_type].internally_mirrored for disk in disks)


def mirrored(config: Config, instance: Instance) -> None:
    """WrongState when its disks bind it to its node."""
    kinds = set()
    for index, disk in enumerate(config.disks_of(instance)):
        template = TEMPLATES[disk.dev_type]
        if not template.mirrored:
            raise WrongState(
                f"disk/{index} of {instance.name} ({template.name}) is on {config.node(instance.primary_node).name} "
                "only: an instance can go to another node when that reaches its disks too"
            )
        kinds.add(template.mirrored)
    if len(kinds) > 1:
        raise WrongState(f"some disks of {instance.name} are on two nodes, others on all: it cannot change its node")


def move_locks(config: Config, instance: Instance, target: Node) -> dict[str, int]:
    """Those of an operation that takes an instance from one node to another."""
    nodes = (instance.primary_node, target.uuid)
    return {
        f"instance/{instance.name}": EXCLUSIVE,
        **{f"node/{uuid}": EXCLUSIVE for uuid in nodes},
        **{f"node-res/{uuid}": EXCLUSIVE for uuid in nodes},
    }


def move_variables(config: Config, instance: Instance, target: Node) -> dict[str, str]:
    """What hooks see of a move."""
    source = config.node(instance.primary_node).name
    roles = {"OLD_PRIMARY": source, "NEW_PRIMARY": target.name, "OLD_SECONDARY": "", "NEW_SECONDARY": ""}
    if internally_mirrored(config, instance):
        roles |= {"OLD_SECONDARY": target.name, "NEW_SECONDARY": source}
    return roles


def check_target(config: Config, instance: Instance, target: Node, *, ignore_ipolicy: bool) -> None:
    """Refuse a node that the instance may not go to, by what is configured."""
    settled(config, instance)
    mirrored(config, instance)
    if target.uuid == instance.primary_node:
        raise WrongState(f"{instance.name} is on {target.name} already")
    usable(target)
    if target.group == config.node(instance.primary_node).group:
        return
    group = config.groups[target.group]
    for index, nic in enumerate(instance.nics):
        if nic.network is not None and nic.network not in group.networks:
            raise WrongState(
                f"nic/{index} of {instance.name} is in network {config.network(nic.network).name}, which group "
                f"{group.name} of {target.name} is not connected to"
            )
    if not ignore_ipolicy:
        sizes = [disk.size for disk in config.disks_of(instance)]
        check_policy(config, instance, target, config.disk_template(instance), sizes)


async def reaches_disks(context: Context, instance: Instance, target: Node) -> None:
    """WrongState unless the node has every disk of the instance."""
    for index, disk in enumerate(context.config.disks_of(instance)):
        found = await context.on_node(target, FindDisk(instance.name, disk_spec(index, disk)), LOOK_TIMEOUT)
        if found is None:
            raise WrongState(
                f"{target.name} does not have disk/{index} of {instance.name} ({disk.dev_type} "
                f"{disk.logical_id[-1] if disk.logical_id else disk.uuid}): is what they share mounted there?"
            )


async def memory_free(context: Context, instance: Instance, target: Node) -> int | None:
    """MiB that are free on the node; None when it cannot say."""
    figures = await context.on_node(target, GetFigures(instance.hypervisor), LOOK_TIMEOUT)
    return None if figures.memory_free is None else int(figures.memory_free)


def check_memory(instance: Instance, target: Node, free: int | None, needed: int) -> None:
    """NoRoom when the node has less memory free than needed, in MiB."""
    if free is not None and free < needed:
        raise NoRoom(f"{target.name} has {free} MiB of memory free, {instance.name} needs {needed}")
