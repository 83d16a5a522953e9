"""Checks and choices of nodes that several operations need."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from ganeti_tw.errors import NodeOffline, WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.node import Node
from ganeti_tw.operations.context import Context


def at_random(context: Context) -> Callable[[Sequence[Node], int], Sequence[Node]]:
    """Picks some of the nodes; the same ones when it is asked again."""
    salt = context.random_bytes(8)
    return lambda nodes, number: sorted(nodes, key=lambda n: hashlib.sha256(salt + n.uuid.encode()).digest())[:number]


def usable(node: Node) -> None:
    """Refuse a node that may not get new instances."""
    if node.offline:
        raise NodeOffline(f"node {node.name} is marked offline")
    if node.drained:
        raise WrongState(f"node {node.name} is drained: it takes no new instances")
    if not node.vm_capable:
        raise WrongState(f"node {node.name} is not vm_capable: it cannot hold instances")


def primary_of(config: Config, instance: Instance) -> Node:
    """The node an instance runs on."""
    return config.node(instance.primary_node)


def settled(config: Config, instance: Instance) -> None:
    """Refuse an instance of which a migration was interrupted: nobody knows on which of two nodes it runs."""
    if instance.migrating_to is not None:
        other = config.nodes.get(instance.migrating_to)
        raise WrongState(
            f"a migration of {instance.name} from {primary_of(config, instance).name} to "
            f"{other.name if other is not None else instance.migrating_to} was interrupted: find out where it runs "
            f"with gnt-instance migrate --cleanup {instance.name}"
        )


def primary_online(config: Config, instance: Instance) -> Node:
    """The primary node; NodeOffline when nothing can be done there, WrongState when the instance may be elsewhere."""
    settled(config, instance)
    node = primary_of(config, instance)
    if node.offline:
        raise NodeOffline(f"{node.name}, primary node of {instance.name}, is marked offline")
    return node
