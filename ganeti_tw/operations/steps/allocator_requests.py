"""What an iallocator can be asked, and what it may answer.

Shapes of requests and results are those of Ganeti's protocol; an answer that
does not fit one is a :class:`BadAnswer`, which says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from attrs import frozen

from ganeti_tw.model.config import Config
from ganeti_tw.model.instance import Instance
from ganeti_tw.model.node import Node

PRIMARY_ONLY, SECONDARY_ONLY, ALL = "primary-only", "secondary-only", "all"
SHOWN = 80  # characters of a wrong value


class BadAnswer(Exception):
    """The text says what is wrong with a result."""


class Request(Protocol):
    """One question."""

    @property
    def subject(self) -> str:
        """What it is about, for error texts: ``a place for web1``."""

    def content(self, config: Config) -> dict[str, Any]:
        """The object ``request`` of the document."""

    def accept(self, config: Config, result: Any) -> Any:
        """The result, checked; BadAnswer."""


@frozen
class NewInstance:
    """An instance that there is not yet.  ``values``: its keys of the protocol; ``only``: names of nodes allowed."""

    name: str
    required_nodes: int
    values: Mapping[str, Any]
    only: tuple[str, ...] | None = None

    def content(self) -> dict[str, Any]:
        found = {**self.values, "name": self.name, "required_nodes": self.required_nodes}
        return found if self.only is None else {**found, "restrict-to-nodes": self.only}

    def accept(self, config: Config, names: Any) -> tuple[Node, ...]:
        return _places(config, self.name, names, self.required_nodes, self.only)


@frozen
class Allocate:
    """Nodes for one new instance.  Accepted: the nodes, the primary first."""

    new: NewInstance

    @property
    def subject(self) -> str:
        return f"nodes for {self.new.name}"

    def content(self, config: Config) -> dict[str, Any]:
        return {"type": "allocate", **self.new.content()}

    def accept(self, config: Config, result: Any) -> tuple[Node, ...]:
        return self.new.accept(config, result)


@frozen
class Placed:
    """Nodes of the new instances, and the names of those for which there is no place."""

    nodes: Mapping[str, tuple[Node, ...]]
    failed: tuple[str, ...]


@frozen
class MultiAllocate:
    """Nodes for several new instances.  Accepted: a :class:`Placed`."""

    new: tuple[NewInstance, ...]

    @property
    def subject(self) -> str:
        return f"nodes for {_count([new.name for new in self.new])}"

    def content(self, config: Config) -> dict[str, Any]:
        return {"type": "multi-allocate", "instances": [new.content() for new in self.new]}

    def accept(self, config: Config, result: Any) -> Placed:
        placed, failed = _tuple(result, 2, "[placed, failed]")
        asked = {new.name: new for new in self.new}
        nodes: dict[str, tuple[Node, ...]] = {}
        for entry in _list(placed, "the placed instances"):
            name, names = _tuple(entry, 2, "[instance, nodes]")
            found = asked[_asked(name, asked)].accept(config, names)
            nodes[name] = found
        # hail gives [name, reason], others the name alone.
        names = [_asked(e[0] if isinstance(e, list) and e else e, asked) for e in _list(failed, "the failed instances")]
        told = [*nodes, *names]
        missing = [name for name in asked if name not in told]
        if missing:
            raise BadAnswer(f"it says nothing of {', '.join(missing)}")
        if len(set(told)) != len(told) or len(told) != len(placed) + len(failed):
            raise BadAnswer("it has an instance twice")
        return Placed(nodes, tuple(names))


@frozen
class Relocate:
    """Another node of the same group for one of an instance's: the secondary with drbd, else the primary.

    Accepted: the node.
    """

    instance: Instance
    leaving: str  # UUID

    @property
    def subject(self) -> str:
        return f"another node for {self.instance.name}"

    def content(self, config: Config) -> dict[str, Any]:
        return {
            "type": "relocate",
            "name": self.instance.name,
            "disk_space_total": sum(d.size for d in config.disks_of(self.instance)),
            "required_nodes": 1,
            "relocate_from": [config.nodes[self.leaving].name],
        }

    def accept(self, config: Config, result: Any) -> Node:
        (node,) = _places(config, self.instance.name, result, 1, None)
        if node.uuid in config.nodes_holding(self.instance):
            raise BadAnswer(f"it chose {node.name}, where {self.instance.name} is already")
        group = config.nodes[self.leaving].group
        if node.group != group:
            raise BadAnswer(f"it chose {node.name}, which is not in group {config.groups[group].name}")
        return node


@frozen
class AllocateSecondary:
    """A secondary node for an instance that is to have one.  Accepted: the node."""

    instance: Instance

    @property
    def subject(self) -> str:
        return f"a secondary node for {self.instance.name}"

    def content(self, config: Config) -> dict[str, Any]:
        return {"type": "allocate-secondary", "name": self.instance.name}

    def accept(self, config: Config, result: Any) -> Node:
        node = _place(config, self.instance.name, result, None)
        if node.uuid == self.instance.primary_node:
            raise BadAnswer(f"it chose {node.name}, the primary node of {self.instance.name}")
        return node


@frozen
class Plan:
    """Where instances go, by which jobs, and which cannot: pairs of name and reason."""

    moved: tuple[tuple[str, str, tuple[str, ...]], ...]  # instance, group, nodes
    failed: tuple[tuple[str, str], ...]
    jobs: tuple[tuple[Mapping[str, Any], ...], ...]


@frozen
class NodeEvacuate:
    """How to take instances off the nodes they have in some role.  Accepted: a :class:`Plan`."""

    instances: tuple[str, ...]
    mode: str

    @property
    def subject(self) -> str:
        return f"new places for {_count(self.instances)}"

    def content(self, config: Config) -> dict[str, Any]:
        return {"type": "node-evacuate", "instances": self.instances, "evac_mode": self.mode}

    def accept(self, config: Config, result: Any) -> Plan:
        return _plan(config, self.instances, result)


@frozen
class ChangeGroup:
    """How to bring instances into other groups: ``targets``, UUIDs, or any.  Accepted: a :class:`Plan`."""

    instances: tuple[str, ...]
    targets: tuple[str, ...]

    @property
    def subject(self) -> str:
        return f"another group for {_count(self.instances)}"

    def content(self, config: Config) -> dict[str, Any]:
        return {"type": "change-group", "instances": self.instances, "target_groups": self.targets}

    def accept(self, config: Config, result: Any) -> Plan:
        return _plan(config, self.instances, result)


def _count(instances: Sequence[str]) -> str:
    return instances[0] if len(instances) == 1 else f"{len(instances)} instances"


def _plan(config: Config, instances: Collection[str], result: Any) -> Plan:
    all_moved, all_failed, all_jobs = _tuple(result, 3, "[moved, failed, jobs]")
    moved = []
    for entry in _list(all_moved, "the moved instances"):
        name, group, nodes = _tuple(entry, 3, "[instance, group, nodes]")
        names = tuple(_node(config, n).name for n in _list(nodes, "the new nodes"))
        moved.append((_asked(name, instances), _text(group, "a group"), names))
    failed = []
    for entry in _list(all_failed, "the failed instances"):
        name, reason = _tuple(entry, 2, "[instance, reason]")
        failed.append((_asked(name, instances), _text(reason, "a reason")))
    jobs = []
    for job in _list(all_jobs, "the jobs"):
        for opcode in _list(job, "a job"):
            if not isinstance(opcode, dict) or not isinstance(opcode.get("OP_ID"), str):
                raise BadAnswer(f"a job has {_short(opcode)} where an opcode with OP_ID is due")
        jobs.append(tuple(job))
    told = {name for name, *_ in (*moved, *failed)}
    missing = [name for name in instances if name not in told]
    if missing:
        raise BadAnswer(f"it says nothing of {', '.join(missing)}")
    return Plan(tuple(moved), tuple(failed), tuple(jobs))


def _places(config: Config, instance: str, names: Any, wanted: int, only: Collection[str] | None) -> tuple[Node, ...]:
    listed = _list(names, f"the nodes of {instance}")
    if len(listed) != wanted:
        raise BadAnswer(f"it gives {len(listed)} nodes for {instance}, {wanted} are needed")
    nodes = tuple(_place(config, instance, name, only) for name in listed)
    if len({node.uuid for node in nodes}) != wanted:
        raise BadAnswer(f"it gives {nodes[0].name} twice for {instance}")
    return nodes


def _place(config: Config, instance: str, name: Any, only: Collection[str] | None) -> Node:
    """A node that can take an instance."""
    node = _node(config, name)
    wrong = next((w for w in ("offline", "drained") if getattr(node, w)), "" if node.vm_capable else "not vm_capable")
    if wrong:
        raise BadAnswer(f"it chose {node.name} for {instance}, which is {wrong}")
    if only is not None and node.name not in only:
        raise BadAnswer(f"it chose {node.name} for {instance}, which is none of {', '.join(only)}")
    return node


def _node(config: Config, name: Any) -> Node:
    node = config.find_node(name) if isinstance(name, str) else None
    if node is None:
        raise BadAnswer(f"it names {_short(name)}, which is no node of the cluster")
    return node


def _asked(name: Any, instances: Collection[str]) -> str:
    if not isinstance(name, str) or name not in instances:
        raise BadAnswer(f"it names {_short(name)}, of which it was not asked")
    return name


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadAnswer(f"{what} are {_short(value)}, no list")
    return value


def _tuple(value: Any, length: int, what: str) -> list[Any]:
    if not isinstance(value, list) or len(value) != length:
        raise BadAnswer(f"it gives {_short(value)} where {what} is due")
    return value


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise BadAnswer(f"{what} is {_short(value)}, no text")
    return value


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}..."
