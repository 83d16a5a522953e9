"""Stopping an instance on its node and starting it on another."""

from __future__ import annotations

from attrs import evolve

from ganeti_tw.errors import DriverError, GanetiError, NotSent, OutcomeUnknown, Retry
from ganeti_tw.model.config import Config
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.node import Node
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.instance.shutdown import GRACE
from ganeti_tw.operations.instance.startup import START_TIMEOUT
from ganeti_tw.operations.steps.moves import check_memory, memory_free, reaches_disks
from ganeti_tw.operations.steps.nodes import primary_of
from ganeti_tw.operations.steps.spec import instance_spec
from ganeti_tw.protocol.config import Changes
from ganeti_tw.protocol.instance import StartInstance, StopInstance

SHUTDOWN_TIMEOUT = 120.0  # seconds, unless somebody says otherwise


async def fail_over(
    context: Context, instance: Instance, target: Node, *, shutdown_timeout: float, ignore_consistency: bool
) -> None:
    """Afterwards the target is the primary node, and the instance runs there when it should run.

    It is down for a while.  The target gets it only once it is down on its node,
    unless that is offline; with ``ignore_consistency`` also when that cannot be said.
    A failure before the configuration has changed starts it again where it was.
    """
    if not instance.forthcoming:  # of which there is nothing on any node
        await reaches_disks(context, instance, target)
        if instance.admin_up:
            needed = context.config.filled_beparams(instance)["minmem"]
            check_memory(instance, target, await memory_free(context, instance, target), needed)
        await _stop(context, instance, shutdown_timeout, ignore_consistency)
    config = await hand_over(context, instance, target)
    context.keep()
    if instance.admin_up:
        context.say(f"* starting {instance.name} on {target.name}")
        spec = instance_spec(config, config.instance(instance.uuid))
        try:
            await context.on_node(target, StartInstance(spec), START_TIMEOUT)
        except GanetiError as e:
            raise DriverError(
                f"{instance.name} belongs to {target.name} now, but could not be started there: {e.text}; "
                f"try again with gnt-instance startup {instance.name}"
            ) from None


async def hand_over(context: Context, instance: Instance, target: Node) -> Config:
    """Record the target as the primary node."""

    def change(newest: Config) -> Changes:
        now = newest.instance(instance.uuid)
        if now.primary_node != instance.primary_node:
            raise Retry(f"{instance.name} has another primary node by now")
        return Changes(puts=(evolve(now, primary_node=target.uuid),))

    try:
        return await context.edit(change)
    except OutcomeUnknown:
        context.keep()  # who knows where it belongs now: to start it on either node may start it on the wrong one
        raise


async def _stop(context: Context, instance: Instance, timeout: float, ignore_consistency: bool) -> None:
    source = primary_of(context.config, instance)
    if source.offline:
        context.warn(f"{source.name} is offline: nobody asks it to stop {instance.name}, which must not run there")
        return

    async def start_again() -> None:
        spec = instance_spec(context.config, instance)
        await context.on_node(source, StartInstance(spec), START_TIMEOUT)

    undone = f"the shutdown of {instance.name} on {source.name}"
    context.say(f"* shutting down {instance.name} on {source.name}")
    stop = StopInstance(instance.name, instance.hypervisor, timeout)
    try:
        await context.on_node(source, stop, timeout + GRACE)
    except GanetiError as e:
        if instance.admin_up and not isinstance(e, NotSent):
            context.undo(undone, start_again)
        if not ignore_consistency:
            raise DriverError(
                f"{instance.name} could not be shut down on {source.name}: {e.text}; if {source.name} is dead, "
                f"mark it offline (gnt-node modify --offline=yes {source.name}), or add --ignore-consistency"
            ) from None
        context.warn(f"{instance.name} could not be shut down on {source.name}, see that it ends there: {e.text}")
    else:
        if instance.admin_up:
            context.undo(undone, start_again)
