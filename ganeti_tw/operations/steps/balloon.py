"""Memory of an instance while it runs."""

from __future__ import annotations

from functools import partial

from ganeti_tw.errors import BadRequest, WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.model.instance import Instance
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.steps.nodes import primary_of, primary_online
from ganeti_tw.protocol.instance import ListInstances
from ganeti_tw.protocol.migration import SetGuestMemory
from ganeti_tw.protocol.node import GetFigures

TIMEOUT = 60.0


def check_memory(config: Config, instance: Instance, memory_mib: int, *, force: bool) -> None:
    """It must be between the least and the most that the instance may have; ``force`` takes any."""
    primary_online(config, instance)
    filled = config.filled_beparams(instance)
    least, most = filled["minmem"], filled["maxmem"]
    if not force and not least <= memory_mib <= most:
        raise BadRequest(
            f"runtime memory of {instance.name} must be between minmem {least} and maxmem {most} MiB, "
            f"not {memory_mib}; change these first or use --force"
        )


async def set_memory(context: Context, instance: Instance, memory_mib: int) -> None:
    """WrongState when it does not run, or its node has not the memory it shall have in addition.

    Registered to be taken back.
    """
    node = primary_of(context.config, instance)
    asked = ListInstances((instance.hypervisor,), (instance.name,))
    guests = [g for g in await context.on_node(node, asked, TIMEOUT) if g.state != "shutdown"]
    if not guests:
        raise WrongState(f"{instance.name} does not run: there is no memory of it to change")
    more = memory_mib - guests[0].memory_mib
    if more > 0:
        figures = await context.on_node(node, GetFigures(instance.hypervisor), TIMEOUT)
        if figures.memory_free is not None and figures.memory_free < more and instance.hypervisor != "fake":
            raise WrongState(f"{node.name} has {figures.memory_free} MiB of memory free, {more} more are needed")
    context.say(f"* giving {instance.name} {memory_mib} MiB of memory on {node.name}")
    back = SetGuestMemory(instance.name, instance.hypervisor, guests[0].memory_mib)
    context.undo(f"the change of the memory of {instance.name}", partial(context.on_node, node, back, TIMEOUT))
    await context.on_node(node, SetGuestMemory(instance.name, instance.hypervisor, memory_mib), TIMEOUT)
