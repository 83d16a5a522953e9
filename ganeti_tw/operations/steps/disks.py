"""Making and removing the disks of an instance."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ganeti_tw.errors import GanetiError
from ganeti_tw.model.config import Config
from ganeti_tw.model.disk import Disk
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.node import Node
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.steps.spec import disk_spec
from ganeti_tw.protocol.instance import CreateDisk, DiskSpec, RemoveDisk

DISK_TIMEOUT = 300.0


def holders(config: Config, instance: Instance, disk: Disk) -> list[str]:
    """UUIDs of the nodes on which a disk is made: its own, or the primary for shared templates."""
    return list(disk.all_nodes()) or [instance.primary_node]


def described(index: int, disk: Disk) -> str:
    """A disk by its index and its place: when it takes the place of another, both have the same index."""
    place = disk.logical_id[-1] if disk.logical_id else disk.uuid
    return f"disk/{index} ({disk.dev_type} {place})"


async def create_disks(context: Context, instance: Instance, disks: tuple[Disk, ...]) -> None:
    """Make the disks, each registered to be taken back."""
    progress = context.progress(f"creating disks of {instance.name}", max(1, len(disks)), "disks")
    for index, disk in enumerate(disks):
        await create_disk(context, instance, index, disk)
        progress.at(index + 1)


async def create_disk(
    context: Context, instance: Instance, index: int, disk: Disk, *, needed: Callable[[], bool] = lambda: False
) -> None:
    """Make a disk, registered to be taken back unless it is ``needed`` by then."""

    async def take_back(node: Node, spec: DiskSpec) -> None:
        if not needed():
            await context.on_node(node, RemoveDisk(instance.name, spec), DISK_TIMEOUT)

    spec = disk_spec(index, disk)
    for uuid in holders(context.config, instance, disk):
        node = context.config.node(uuid)
        context.undo(f"{described(index, disk)} of {instance.name} on {node.name}", partial(take_back, node, spec))
        await context.on_node(node, CreateDisk(instance.name, spec), DISK_TIMEOUT)


async def remove_disks(context: Context, instance: Instance, *, ignore_failures: bool) -> None:
    """Remove all disks of an instance; with ``ignore_failures`` what cannot be removed is only reported."""
    disks = context.config.disks_of(instance)
    progress = context.progress(f"removing disks of {instance.name}", max(1, len(disks)), "disks")
    for index, disk in enumerate(disks):
        await remove_disk(context, instance, index, disk, ignore_failures=ignore_failures)
        progress.at(index + 1)


async def remove_disk(context: Context, instance: Instance, index: int, disk: Disk, *, ignore_failures: bool) -> None:
    """Remove one disk from all nodes that hold it."""
    config = context.config
    for uuid in holders(config, instance, disk):
        node = config.node(uuid)
        try:
            await context.on_node(node, RemoveDisk(instance.name, disk_spec(index, disk)), DISK_TIMEOUT)
        except GanetiError as e:
            if not ignore_failures:
                raise
            context.warn(f"could not remove {described(index, disk)} of {instance.name} on {node.name}: {e.text}")
