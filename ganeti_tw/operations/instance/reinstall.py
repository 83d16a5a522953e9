"""``gnt-instance reinstall``."""

from __future__ import annotations

from typing import Any

from attrs import evolve, field, frozen

from ganeti_tw.errors import BadRequest, WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.parameters import osparams as os_input
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import Hooks, instance_hooks
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import EXCLUSIVE, PRIVATE, operation
from ganeti_tw.operations.steps.down import marked_down, really_down
from ganeti_tw.operations.steps.nodes import primary_online
from ganeti_tw.operations.steps.oses import check_os, not_blacklisted
from ganeti_tw.operations.steps.spec import instance_spec
from ganeti_tw.protocol.config import Changes
from ganeti_tw.protocol.instance import InstallOs

INSTALL_TIMEOUT = 3600.0
PURPOSE = "before its OS is installed again"


@operation("OP_INSTANCE_REINSTALL", summary="instance_name")
@frozen
class InstanceReinstall:
    """Run the OS's ``create`` script again on the disks of an instance that is down.

    A new OS and its parameters are remembered, but for the secret ones.
    """

    instance_name: str
    instance_uuid: Filled | None = None
    force_variant: bool = False
    os_type: Filled | None = None
    osparams: dict[str, Any] | None = None
    osparams_private: dict[str, Any] | None = field(default=None, metadata=PRIVATE)
    osparams_secret: dict[str, Any] | None = field(default=None, metadata=PRIVATE)

    def locks(self, config: Config) -> dict[str, int]:
        instance = config.instance(self.instance_name, self.instance_uuid)
        return {f"instance/{instance.name}": EXCLUSIVE, f"node-res/{instance.primary_node}": EXCLUSIVE}

    def check(self, config: Config) -> None:
        instance = config.instance(self.instance_name, self.instance_uuid)
        marked_down(instance, PURPOSE)
        primary_online(config, instance)
        if not instance.disks:
            raise WrongState(f"{instance.name} is diskless: there is nothing to install an OS on")
        os = self._changed(instance).os
        if not os:
            raise BadRequest(f"{instance.name} has no operating system: name one (-o)")
        not_blacklisted(config, os)

    def hooks(self, config: Config) -> Hooks:
        return instance_hooks(config, "instance-reinstall", config.instance(self.instance_name, self.instance_uuid))

    async def run(self, context: Context) -> None:
        before = context.config.instance(self.instance_name, self.instance_uuid)
        node = primary_online(context.config, before)
        await really_down(context, before, PURPOSE)
        wished = self._changed(before)
        secret = self.osparams_secret or {}
        names = {**wished.osparams, **wished.osparams_private, **secret}
        await check_os(context, node, wished.os, names, force_variant=self.force_variant)
        config = context.config
        if wished != before:

            def change(config: Config) -> Changes:
                return Changes(puts=(self._changed(config.instance(before.uuid)),))

            config = await context.edit(change)
        instance = config.instance(before.uuid)
        osparams = {**config.filled_osparams_private(instance), **secret}
        install = InstallOs(
            instance_spec(config, instance, osparams=osparams),
            reinstall=True,
            timeout=INSTALL_TIMEOUT,
            debug_level=context.debug_level,
        )
        context.say(f"* running the OS create script of {instance.os} for {instance.name}, this may take a while")
        await context.on_node(node, install, INSTALL_TIMEOUT + 30)

    def _changed(self, instance: Instance) -> Instance:
        return evolve(
            instance,
            os=self.os_type or instance.os,
            osparams=os_input(instance.osparams, self.osparams or {}),
            osparams_private=os_input(instance.osparams_private, self.osparams_private or {}),
        )
