"""Whether an instance is down, by what is configured and by what its node says."""

from __future__ import annotations

from ganeti_tw.errors import WrongState
from ganeti_tw.model.instance import Instance
from ganeti_tw.operations.context import Context
from ganeti_tw.protocol.instance import ListInstances

LOOK_TIMEOUT = 30.0


def marked_down(instance: Instance, purpose: str) -> None:
    """Refuse an instance that should run, or is only reserved.  ``purpose``: what it must be down for."""
    if instance.forthcoming:
        raise WrongState(f"{instance.name} is only reserved: it cannot be changed yet, only committed or removed")
    if instance.admin_up:
        raise WrongState(f"{instance.name} is marked up: shut it down {purpose}")


async def is_running(context: Context, instance: Instance) -> bool:
    """What its primary node says; the errors of the node when it cannot say."""
    looked = ListInstances((instance.hypervisor,), (instance.name,))
    guests = await context.on_node(context.config.node(instance.primary_node), looked, LOOK_TIMEOUT)
    return any(guest.name == instance.name and guest.state != "shutdown" for guest in guests)


async def really_down(context: Context, instance: Instance, purpose: str) -> None:
    """Refuse an instance that runs though it is marked down."""
    if await is_running(context, instance):
        node = context.config.node(instance.primary_node)
        raise WrongState(f"{instance.name} runs on {node.name} though it is marked down: shut it down {purpose}")
