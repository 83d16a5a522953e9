"""Giving a running instance to another node.

That it is on its way is recorded before anything happens, and until it is known
where it arrived nobody starts it anywhere.  It is known once each of the two
nodes, or the one that can be asked, has said that nothing comes or goes any more.
"""

from __future__ import annotations

from functools import partial

from attrs import evolve, frozen

from ganeti_tw.errors import DriverError, GanetiError, NotFound, NotSent, OutcomeUnknown, Retry, TryLater, WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.node import Node
from ganeti_tw.operations.context import Context, Stopped
from ganeti_tw.operations.progress import INTERVAL, Progress
from ganeti_tw.operations.steps.moves import LOOK_TIMEOUT, check_memory, memory_free, reaches_disks
from ganeti_tw.operations.steps.nodes import primary_of
from ganeti_tw.operations.steps.spec import instance_spec
from ganeti_tw.protocol.config import Changes
from ganeti_tw.protocol.instance import ListInstances, RunningInstance
from ganeti_tw.protocol.migration import (
    AcceptGuest,
    AskMigration,
    EndMigration,
    SendGuest,
    Sending,
    SetGuestMemory,
    WatchSending,
)

ACCEPT_TIMEOUT = 120.0
END_TIMEOUT = 120.0
BAD_ANSWERS = 5  # in a row, until nobody waits for a good one


async def why_not(context: Context, instance: Instance, target: Node) -> str:
    """Why the instance cannot be given to the target as it runs; empty when it can.

    DriverError when one of the two nodes does not answer.
    """
    source = primary_of(context.config, instance)
    if source.offline:
        return f"{source.name}, primary node of {instance.name}, is marked offline"
    for node in (source, target):
        try:
            reason = await context.on_node(node, AskMigration(instance.hypervisor), LOOK_TIMEOUT)
        except (NotSent, OutcomeUnknown) as e:
            instead = ", and fail its instances over (gnt-instance failover)" if node == source else ""
            raise DriverError(
                f"{node.name} does not answer: {e.text}; if it is dead, mark it offline "
                f"(gnt-node modify --offline=yes {node.name}){instead}"
            ) from None
        if reason:
            return f"guests of {instance.hypervisor} can neither leave nor come to {node.name} as they run: {reason}"
    if await _guest(context, instance, source) is None:
        return f"{instance.name} does not run on {source.name}"
    return ""


async def migrate(
    context: Context, instance: Instance, target: Node, *, live: bool, allow_runtime_changes: bool
) -> None:
    """Afterwards the instance runs on the target, which is its primary node.

    When that cannot be, it runs on where it was, and the error says why.
    """
    source = primary_of(context.config, instance)
    await reaches_disks(context, instance, target)
    taken = await _make_fit(context, instance, source, target, allow_runtime_changes)
    begun = f"the migration of {instance.name}", partial(settle, context, instance, target)
    try:
        await _mark(context, instance, target)
    except OutcomeUnknown:  # it may be recorded all the same
        context.undo(*begun)
        raise
    context.undo(*begun)
    try:
        await _send(context, instance, source, target, live)
    except (GanetiError, Stopped) as e:
        context.keep()  # from now on it is found out where the instance is, come what may
        why = e.text if isinstance(e, GanetiError) else "the job was canceled"
        context.warn(f"{instance.name} did not arrive on {target.name} as it should: {why}")
        found = await settle(context, instance, target)
        if found.node is None:
            raise DriverError(
                f"{why}; {instance.name} runs nowhere any more: start it with gnt-instance startup"
            ) from None
        if found.node == source:
            context.inform(found.told or f"{instance.name} runs on {source.name} as before")
            if taken is not None:
                await _give_back(context, instance, source, taken)
            raise
        context.inform(f"{instance.name} runs on {target.name} all the same")
    else:
        await _record(context, instance, target)
        context.keep()


@frozen
class Found:
    """The node where an instance is, None when it runs nowhere; ``told``: what to say when only that could know."""

    node: Node | None
    told: str = ""


async def settle(context: Context, instance: Instance, target: Node) -> Found:
    """Find out and record where the instance runs, once nothing comes or goes any more.

    OutcomeUnknown when too few nodes answer, WrongState when it runs on both.
    """
    source = primary_of(context.config, instance)
    here = await _runs_on(context, instance, source)
    there = await _runs_on(context, instance, target)
    where: Node | None
    if here and there:
        raise WrongState(
            f"{instance.name} runs on {source.name} and on {target.name}, and both write to its disks: "
            "end one of them by hand at once"
        )
    if there:
        where = target
    elif here:
        where = source
    elif there is False or target.offline:  # it did not go there, or what went there is dead
        where = source if here is None and not source.offline else None
    else:
        raise OutcomeUnknown(
            f"nobody can say whether {instance.name} runs on {target.name}: when that answers again, or is marked "
            f"offline because it is dead, find out with gnt-instance migrate --cleanup {instance.name}"
        )
    await _record(context, instance, where or source)
    if where == source and not here:
        told = f"{instance.name} did not go to {target.name}, and {source.name} cannot say whether it still runs"
        return Found(where, told)
    return Found(where)


async def _runs_on(context: Context, instance: Instance, node: Node) -> bool | None:
    """Whether it does, with nothing coming or going any more; None when the node cannot say."""
    try:
        runs = await context.on_node(node, EndMigration(instance.name, instance.hypervisor), END_TIMEOUT)
    except GanetiError as e:
        context.warn(f"{node.name} cannot say whether {instance.name} runs there: {e.text}")
        return None
    return bool(runs)


async def _guest(context: Context, instance: Instance, node: Node) -> RunningInstance | None:
    guests = await context.on_node(node, ListInstances((instance.hypervisor,)), LOOK_TIMEOUT)
    return next((g for g in guests if g.name == instance.name and g.state != "shutdown"), None)


async def _make_fit(
    context: Context, instance: Instance, source: Node, target: Node, allow_runtime_changes: bool
) -> int | None:
    """See that the target has memory for the guest; MiB that it had when some had to be taken away."""
    guest = await _guest(context, instance, source)
    if guest is None:
        raise WrongState(f"{instance.name} has just ended on {source.name}")
    free = await memory_free(context, instance, target)
    least = context.config.filled_beparams(instance)["minmem"]
    if free is None or free >= guest.memory_mib:
        return None
    check_memory(instance, target, free, least if allow_runtime_changes else guest.memory_mib)
    context.say(f"* taking memory from {instance.name}: from {guest.memory_mib} to {free} MiB")
    back = partial(_give_back, context, instance, source, guest.memory_mib)
    context.undo(f"taking memory from {instance.name}", back)
    await context.on_node(source, SetGuestMemory(instance.name, instance.hypervisor, free), LOOK_TIMEOUT)
    return guest.memory_mib


async def _give_back(context: Context, instance: Instance, source: Node, memory_mib: int) -> None:
    give = SetGuestMemory(instance.name, instance.hypervisor, memory_mib)
    try:
        await context.on_node(source, give, LOOK_TIMEOUT)
    except GanetiError as e:
        context.warn(f"{instance.name} has less memory than before, see gnt-instance list -o name,oper_ram: {e.text}")


async def _send(context: Context, instance: Instance, source: Node, target: Node, live: bool) -> None:
    spec = instance_spec(context.config, instance)
    context.say(f"* {target.name} gets ready for {instance.name}")
    accept = AcceptGuest(spec, target.secondary_ip or target.primary_ip)
    door = await context.on_node(target, accept, ACCEPT_TIMEOUT)
    how = "as it runs" if live else "standing still"
    context.say(f"* {source.name} sends {instance.name} {how} to {target.name}")
    await context.on_node(source, SendGuest(spec, door, live), LOOK_TIMEOUT)
    progress: Progress | None = None
    watch = WatchSending(instance.name, instance.hypervisor, INTERVAL)
    bad = 0
    while True:
        try:
            sending: Sending = await context.on_node(source, watch, INTERVAL + LOOK_TIMEOUT)
        except (TryLater, OutcomeUnknown):
            bad += 1
            if bad == BAD_ANSWERS:
                raise
            await context.sleep(INTERVAL)
            continue
        except NotFound:
            raise DriverError(f"{source.name} began anew meanwhile") from None
        bad = 0
        if sending.error:
            raise DriverError(sending.error)
        if sending.total and progress is None:
            progress = context.progress(f"migration of {instance.name}", sending.total, "bytes")
        if progress is not None:
            progress.at(sending.done)
        if sending.ended:
            return


async def _mark(context: Context, instance: Instance, target: Node) -> None:
    """Record that it is on its way."""

    def change(newest: Config) -> Changes:
        now = newest.instance(instance.uuid)
        if now.primary_node != instance.primary_node or now.migrating_to is not None:
            raise Retry(f"{instance.name} has another primary node by now, or is on its way to one")
        return Changes(puts=(evolve(now, migrating_to=target.uuid),))

    await context.edit(change)


async def _record(context: Context, instance: Instance, where: Node) -> None:
    """Record that it is on its way no longer, and where it arrived."""

    def change(newest: Config) -> Changes:
        now = newest.instance(instance.uuid)
        if now.primary_node == where.uuid and now.migrating_to is None:
            return Changes()
        return Changes(puts=(evolve(now, primary_node=where.uuid, migrating_to=None),))

    await context.edit(change)
