"""Instances that a network has to do with."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ganeti_tw.model.config import Config
from ganeti_tw.model.group import Group
from ganeti_tw.model.instance import Instance, Nic
from ganeti_tw.model.names import natural_key


def instances_of(config: Config, group: Group) -> list[Instance]:
    """Those with a node in the group, in natural order."""
    found = {
        instance.uuid: instance for node in config.nodes_of(group.uuid) for instance in config.instances_on(node.uuid)
    }
    return sorted(found.values(), key=lambda instance: natural_key(instance.name))


def occurrences(instances: Iterable[Instance], wanted: Callable[[Nic], bool]) -> str:
    """For a message: which NICs of which instances; empty when there are none."""
    return ", ".join(
        f"{instance.name} nic/{index} ({nic.ip or 'no address'})"
        for instance in instances
        for index, nic in enumerate(instance.nics)
        if wanted(nic)
    )
