"""The view of a cluster that every decision starts from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from ganeti_tw.errors import GanetiError
from ganeti_tw.htools.group import Group
from ganeti_tw.htools.instance import Instance
from ganeti_tw.htools.node import Node
from ganeti_tw.htools.policy import Policy

NOWHERE = -1


class BadData(GanetiError):
    """The data or an argument about it cannot be used; the text says why."""

    code = "wrong_input"


class Place(NamedTuple):
    """Where an instance runs, and how many location tags its two nodes share."""

    primary: int
    secondary: int
    location: int = 0


class Cluster:
    """Groups, nodes and instances, each at its index in its list, and where each instance is.

    ``base`` is added to node indices for display.  ``hypervisor`` is the default
    one where the source knows it.
    """

    __slots__ = ("base", "groups", "hypervisor", "instances", "nodes", "places", "policy", "tags")

    def __init__(
        self,
        groups: Sequence[Group],
        nodes: Sequence[Node],
        instances: Sequence[Instance],
        places: Sequence[Place],
        tags: Sequence[str],
        policy: Policy,
        *,
        base: int = 0,
        hypervisor: str | None = None,
    ) -> None:
        self.groups = list(groups)
        self.nodes = list(nodes)
        self.instances = list(instances)
        self.places = list(places)
        self.tags = list(tags)
        self.policy = policy
        self.base = base
        self.hypervisor = hypervisor

    def copy(self) -> Cluster:
        """Another view whose lists can change apart from this one's."""
        return Cluster(
            self.groups,
            self.nodes,
            self.instances,
            self.places,
            self.tags,
            self.policy,
            base=self.base,
            hypervisor=self.hypervisor,
        )

    def settle(self, changed: Mapping[int, Node], index: int, place: Place) -> None:
        """Make a move real: the nodes it changed and the instance's new place."""
        for number, node in changed.items():
            self.nodes[number] = node
        self.places[index] = place

    def put(self, instance: Instance, place: Place, changed: Mapping[int, Node]) -> None:
        """Settle an instance; one that is new must have the next free index."""
        if instance.index == len(self.instances):
            self.instances.append(instance)
            self.places.append(place)
        self.settle(changed, instance.index, place)

    def members(self, group: int) -> list[int]:
        """The indices of a group's nodes."""
        return [n.hardware.index for n in self.nodes if n.hardware.group == group]

    def populated_groups(self) -> list[Group]:
        """The groups that have nodes."""
        used = {node.hardware.group for node in self.nodes}
        return [group for group in self.groups if group.index in used]

    def instances_of(self, group: int) -> list[int]:
        """The indices of the instances whose primary node is in the group."""
        nodes = self.nodes
        return [i for i, place in enumerate(self.places) if nodes[place.primary].hardware.group == group]

    def common_locations(self, one: int, other: int) -> int:
        """How many location tags two nodes share; 0 where the second is nowhere."""
        if other == NOWHERE:
            return 0
        tags = self.nodes[one].hardware.location_tags
        return len(tags & self.nodes[other].hardware.location_tags) if tags else 0

    def split_instances(self) -> list[Instance]:
        """Those whose two nodes are in different groups."""
        return [
            instance
            for instance, place in zip(self.instances, self.places, strict=True)
            if place.secondary != NOWHERE
            and self.nodes[place.primary].hardware.group != self.nodes[place.secondary].hardware.group
        ]

    def find_group(self, name: str) -> Group | None:
        """By name or UUID."""
        for group in self.groups:
            if name in (group.name, group.uuid):
                return group
        return None


def find_by_name(objects: Iterable[_Named], name: str) -> int | None:
    """The index of what has this name, or the only one whose name starts with it up to a dot."""
    partial = []
    for index, candidate in enumerate(_names(objects)):
        if candidate == name:
            return index
        if candidate.startswith(name + "."):
            partial.append(index)
    return partial[0] if len(partial) == 1 else None


class _Named(Protocol):
    @property
    def name(self) -> str: ...


def _names(objects: Iterable[_Named]) -> Iterator[str]:
    return (each.name for each in objects)
