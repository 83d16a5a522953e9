"""``gnt-instance rename``."""

from __future__ import annotations

import os.path
from functools import partial

from attrs import evolve, frozen

from ganeti_tw.errors import BadRequest, GanetiError
from ganeti_tw.model.config import Config
from ganeti_tw.model.disk import Disk
from ganeti_tw.model.disk_templates import TEMPLATES
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.names import host_name
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import Hooks, instance_hooks
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import EXCLUSIVE, operation
from ganeti_tw.operations.steps.disks import DISK_TIMEOUT, holders
from ganeti_tw.operations.steps.down import marked_down, really_down
from ganeti_tw.operations.steps.newname import check_address, name_free
from ganeti_tw.operations.steps.nodes import primary_of, primary_online
from ganeti_tw.operations.steps.spec import disk_spec, instance_spec
from ganeti_tw.protocol.config import Changes
from ganeti_tw.protocol.instance import RenameDisk, RenameOs

SCRIPT_TIMEOUT = 3600.0
PURPOSE = "before it is renamed"


@operation("OP_INSTANCE_RENAME")
@frozen
class InstanceRename:
    """Give an instance that is down another name, and its file disks another directory.

    Then the OS's ``rename`` script runs; its failure is only told.  Result: the new name.
    """

    instance_name: str
    new_name: Filled
    instance_uuid: Filled | None = None
    name_check: bool = True
    ip_check: bool = True

    def locks(self, config: Config) -> dict[str, int]:
        instance = config.instance(self.instance_name, self.instance_uuid)
        nodes = config.nodes_holding(instance)
        return {
            f"instance/{instance.name}": EXCLUSIVE,
            f"instance/{host_name(self.new_name)}": EXCLUSIVE,
            **{f"node/{uuid}": EXCLUSIVE for uuid in nodes},
            **{f"node-res/{uuid}": EXCLUSIVE for uuid in nodes},
        }

    def check(self, config: Config) -> None:
        if self.ip_check and not self.name_check:
            raise BadRequest("the IP check needs the name check: give --no-ip-check too")
        instance = config.instance(self.instance_name, self.instance_uuid)
        name_free(config, self.new_name)
        marked_down(instance, PURPOSE)
        primary_online(config, instance)

    def hooks(self, config: Config) -> Hooks:
        own = {"INSTANCE_NEW_NAME": host_name(self.new_name)}
        return instance_hooks(config, "instance-rename", config.instance(self.instance_name, self.instance_uuid), own)

    def dry_run_result(self, config: Config) -> str:
        return host_name(self.new_name)

    def interrupted(self, config: Config) -> str:
        old, new = self.instance_name, host_name(self.new_name)
        found = config.find_instance(new)
        if found is not None and found.name == new:
            return f"the instance is called {new} now; its OS may not have been told"
        return f"the instance still is called {old}, and its disks may have the new name: rename it to {new} again"

    async def run(self, context: Context) -> str:
        before = context.config.instance(self.instance_name, self.instance_uuid)
        name = host_name(self.new_name)
        if self.name_check:
            await check_address(context, name, self.ip_check)
        await really_down(context, before, PURPOSE)
        moved = {}
        for index, disk in enumerate(context.config.disks_of(before)):
            to = _renamed(disk, before.name, name)
            if to != disk:
                moved[disk.uuid] = to
                await _rename_disk(context, before, index, disk, to, name)

        def change(config: Config) -> Changes:
            name_free(config, name)
            return Changes(puts=(evolve(config.instance(before.uuid), name=name), *moved.values()))

        config = await context.edit(change)
        context.keep()
        await self._run_script(context, config.instance(before.uuid), before.name)
        return name

    async def _run_script(self, context: Context, instance: Instance, old_name: str) -> None:
        if not instance.disks or not instance.os:
            return
        config = context.config
        spec = instance_spec(config, instance, osparams=config.filled_osparams_private(instance))
        rename = RenameOs(spec, old_name, SCRIPT_TIMEOUT, context.debug_level)
        context.say(f"* running the OS rename script of {instance.os} for {instance.name}")
        try:
            await context.on_node(primary_of(config, instance), rename, SCRIPT_TIMEOUT + 30)
        except GanetiError as e:
            context.warn(f"{instance.name} has its new name, but its OS was not told: {e.text}")


def _renamed(disk: Disk, old: str, new: str) -> Disk:
    """The disk as it is when its directory has the new name; unchanged when that never had the old one."""
    if not TEMPLATES[disk.dev_type].file_based or len(disk.logical_id) != 2:
        return disk
    driver, path = disk.logical_id
    directory, name = os.path.split(path)
    parent, last = os.path.split(directory)
    return evolve(disk, logical_id=(driver, f"{parent}/{new}/{name}")) if last == old else disk


async def _rename_disk(context: Context, instance: Instance, index: int, disk: Disk, to: Disk, new_name: str) -> None:
    """Rename it on its nodes; taken back unless the configuration has the new name by then."""
    there, back = disk_spec(index, disk), disk_spec(index, to)

    async def take_back(uuid: str) -> None:
        if context.config.instance(instance.uuid).name != new_name:
            await context.on_node(context.config.node(uuid), RenameDisk(new_name, back, there), DISK_TIMEOUT)

    for uuid in holders(context.config, instance, disk):
        node = context.config.node(uuid)
        context.undo(f"the new name of disk/{index} of {instance.name} on {node.name}", partial(take_back, uuid))
        await context.on_node(node, RenameDisk(instance.name, there, back), DISK_TIMEOUT)
