"""Where a new instance goes: to the nodes that are named, or those an iallocator chooses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from ganeti_tw.errors import BadRequest, NoRoom, TryLater
from ganeti_tw.model import filled
from ganeti_tw.model.config import Config
from ganeti_tw.model.disk_templates import TEMPLATES, space_taken
from ganeti_tw.model.names import added_tags, host_name
from ganeti_tw.model.node import Node
from ganeti_tw.model.parameters import beparams as be_input
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.registry import EXCLUSIVE, SHARED, Opportunistic
from ganeti_tw.operations.steps import allocator, newdisks, newnics
from ganeti_tw.operations.steps.allocator_requests import Allocate, NewInstance


class Creation(Protocol):
    """What is asked for, in the words of OP_INSTANCE_CREATE."""

    @property
    def instance_name(self) -> str: ...
    @property
    def disks(self) -> list[dict[str, Any]]: ...
    @property
    def nics(self) -> list[dict[str, Any]]: ...
    @property
    def beparams(self) -> dict[str, Any]: ...
    @property
    def group_name(self) -> str | None: ...
    @property
    def hypervisor(self) -> str | None: ...
    @property
    def iallocator(self) -> str | None: ...
    @property
    def opportunistic_locking(self) -> bool: ...
    @property
    def os_type(self) -> str | None: ...
    @property
    def pnode(self) -> str | None: ...
    @property
    def pnode_uuid(self) -> str | None: ...
    @property
    def tags(self) -> list[str]: ...
    def template(self, config: Config) -> str: ...


def is_open(new: Creation) -> bool:
    """Whether an allocator has to choose the nodes: no primary node is named."""
    return not (new.pnode or new.pnode_uuid)


def check(config: Config, new: Creation) -> None:
    """BadRequest when it is not clear who chooses the nodes."""
    if is_open(new):
        allocator.named(config, new.iallocator)
        if new.group_name is not None:
            config.group(new.group_name)
        return
    if new.iallocator is not None:
        raise BadRequest("give a node or an iallocator, not both")
    if new.opportunistic_locking:
        raise BadRequest("opportunistic locking is for an iallocator, which has nodes to choose from")
    if new.group_name is not None:
        node, group = config.node(new.pnode or "", new.pnode_uuid), config.group(new.group_name)
        if node.group != group.uuid:
            raise BadRequest(f"node {node.name} is not in group {group.name}")


def required_nodes(template: str) -> int:
    """How many nodes an instance with such disks has."""
    known = TEMPLATES.get(template)
    return 2 if known is not None and known.internally_mirrored else 1


def candidates(config: Config, group_name: str | None) -> list[Node]:
    """The nodes to choose from: all, or those of a group."""
    if group_name is None:
        return list(config.nodes.values())
    return list(config.nodes_of(config.group(group_name).uuid))


def group_locks(config: Config, group_name: str | None) -> dict[str, int]:
    """Those of the groups to choose from."""
    groups = config.groups if group_name is None else (config.group(group_name).uuid,)
    return {f"nodegroup/{uuid}": SHARED for uuid in groups}


def node_locks(nodes: Iterable[Node], mode: int = EXCLUSIVE) -> dict[str, int]:
    """For creating an instance on nodes."""
    return {f"{level}/{node.uuid}": mode for node in nodes for level in ("node", "node-res")}


def opportunistic(config: Config, new: Creation, mode: int = EXCLUSIVE) -> Opportunistic:
    """The same, of those nodes that nobody else works on."""
    nodes = candidates(config, new.group_name)
    return Opportunistic(tuple(node_locks([node], mode) for node in nodes), required_nodes(new.template(config)))


def free_nodes(context: Context, group_name: str | None) -> tuple[str, ...]:
    """Names of the nodes to choose from whose locks are held."""
    return tuple(n.name for n in candidates(context.config, group_name) if f"node/{n.uuid}" in context.locks)


async def choose(context: Context, new: Creation) -> tuple[Node, ...]:
    """The nodes that an allocator chooses, the primary first; TryLater when others, which were busy, might fit."""
    config = context.config
    name = allocator.named(config, new.iallocator)
    free = free_nodes(context, new.group_name)
    restricted = new.opportunistic_locking or new.group_name is not None
    request = Allocate(described(config, new, free if restricted else None))
    asked = allocator.ask(context, name, request, disk_template=new.template(config))
    busy = len(candidates(config, new.group_name)) - len(free)
    nodes: tuple[Node, ...] = await later_if(busy, asked)
    context.inform(f"iallocator {name} chose {', '.join(n.name for n in nodes)} for {request.new.name}")
    return nodes


async def later_if(busy: int, asked: Any) -> Any:
    """What was asked; no room becomes TryLater when ``busy`` nodes could not be used."""
    try:
        return await asked
    except NoRoom as e:
        if not busy:
            raise
        raise TryLater(f"{e.text} ({busy} nodes were busy)") from None


def described(config: Config, new: Creation, only: tuple[str, ...] | None = None) -> NewInstance:
    """The instance as allocators are told of it."""
    template = new.template(config)
    be = filled.beparams(config.cluster, be_input({}, new.beparams, config.cluster.beparams["default"]))
    sizes = [newdisks.size_of(disk, index) for index, disk in enumerate(new.disks)]
    values: dict[str, Any] = {
        "memory": be["maxmem"],
        "spindle_use": be["spindle_use"],
        "vcpus": be["vcpus"],
        "disks": [
            {"size": size, "mode": disk.get("mode", "rw"), "dev_type": template, "spindles": disk.get("spindles")}
            for size, disk in zip(sizes, new.disks, strict=True)
        ],
        "disk_template": template,
        "disk_space_total": space_taken(template, sizes),
        "group_name": new.group_name,
        "os": new.os_type,
        "tags": added_tags((), new.tags),
        "nics": [_nic(config, nic) for nic in new.nics],
        "hypervisor": new.hypervisor or config.cluster.default_hypervisor,
    }
    return NewInstance(host_name(new.instance_name), required_nodes(template), values, only)


def _nic(config: Config, given: Mapping[str, Any]) -> dict[str, Any]:
    """As far as it is known while the group is open."""
    found: dict[str, Any] = {"mac": given.get("mac") or "auto", "ip": given.get("ip")}
    if newnics.in_network(given.get("network")):
        return {**found, "network": config.network(given["network"]).uuid}
    default = config.cluster.nicparams["default"]
    found["mode"] = given.get("mode") or default["mode"]
    found["link"] = given.get("link") or given.get("bridge") or default["link"]
    return {**found, "bridge": found["link"]} if found["mode"] == "bridged" else found
