"""``gnt-instance batch-create``."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from ganeti_tw.errors import BadRequest, GanetiError
from ganeti_tw.model.config import Config
from ganeti_tw.model.names import host_name
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.instance.create import InstanceCreate
from ganeti_tw.operations.registry import OPCODES, SHARED, Opportunistic, operation, parse
from ganeti_tw.operations.steps import allocator, newplace
from ganeti_tw.operations.steps.allocator_requests import MultiAllocate, Placed

CREATE = "OP_INSTANCE_CREATE"


@operation("OP_INSTANCE_MULTI_ALLOC")
@frozen
class InstanceMultiAlloc:
    """Create several instances, each by a job of its own.

    ``instances``: opcodes of creations, all with their nodes or none; then an iallocator
    finds places for all of them together.  Result: ``jobs``, the names of their instances
    as ``allocatable``, and as ``failed`` those for which there is no place.
    """

    opportunistic_locking: bool = False
    iallocator: Filled | None = None
    instances: list[Any] = field(factory=list, metadata=OPCODES)

    def locks(self, config: Config) -> dict[str, int]:
        if not self._is_open or self.opportunistic_locking:
            return {}
        return newplace.node_locks(config.nodes.values(), SHARED)

    def opportunistic(self, config: Config) -> Opportunistic | None:
        if not self._is_open or not self.opportunistic_locking:
            return None
        return Opportunistic(tuple(newplace.node_locks([node], SHARED) for node in config.nodes.values()))

    def check(self, config: Config) -> None:
        creations = [self._parsed(index) for index in range(len(self.instances))]
        names = [host_name(create.instance_name) for create in creations]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise BadRequest(f"instances[{index}]: {name} would be created twice")
        if not self._is_open:
            if self.iallocator is not None or self.opportunistic_locking:
                raise BadRequest("the instances have their nodes, so there is nothing for an iallocator to choose")
            self._all_alike(creations)
            return
        self._all_alike(creations)
        allocator.named(config, self.iallocator)
        for index, create in enumerate(creations):
            self._check_open(config, index, create)

    async def run(self, context: Context) -> dict[str, Any]:
        if not self._is_open:
            names = [opcode["instance_name"] for opcode in self.instances]
            return {"jobs": [[opcode] for opcode in self.instances], "allocatable": names, "failed": []}
        placed = await self._choose(context)
        jobs, found = [], []
        for opcode in self.instances:
            nodes = placed.nodes.get(host_name(opcode["instance_name"]))
            if nodes is not None:
                jobs.append([{**opcode, **_on(nodes)}])
                found.append(opcode["instance_name"])
        return {"jobs": jobs, "allocatable": found, "failed": list(placed.failed)}

    async def _choose(self, context: Context) -> Placed:
        config = context.config
        creations = [self._parsed(index) for index in range(len(self.instances))]
        only = newplace.free_nodes(context, None) if self.opportunistic_locking else None
        request = MultiAllocate(tuple(newplace.described(config, create, only) for create in creations))
        template = creations[0].template(config)
        name = allocator.named(config, self.iallocator)
        placed: Placed = await allocator.ask(context, name, request, disk_template=template)
        for instance, nodes in placed.nodes.items():
            context.inform(f"iallocator {name} chose {', '.join(n.name for n in nodes)} for {instance}")
        if placed.failed:
            context.warn(f"iallocator {name} finds no place for {', '.join(placed.failed)}")
        return placed

    @property
    def _is_open(self) -> bool:
        """Whether no instance has a node yet; with a mixture the checks fail."""
        first = self.instances[0] if self.instances else None
        return isinstance(first, dict) and not (first.get("pnode") or first.get("pnode_uuid"))

    def _all_alike(self, creations: list[InstanceCreate]) -> None:
        for index, create in enumerate(creations):
            if newplace.is_open(create) is not self._is_open:
                raise BadRequest(
                    f"instances[{index}]: {create.instance_name} {'has no' if newplace.is_open(create) else 'has a'} "
                    "pnode, unlike the first: give a node to all instances or to none"
                )

    def _check_open(self, config: Config, index: int, create: InstanceCreate) -> None:
        where = f"instances[{index}]"
        if create.iallocator is not None or create.opportunistic_locking:
            raise BadRequest(f"{where}: iallocator and opportunistic_locking are for all instances together")
        if create.group_name is not None:
            raise BadRequest(f"{where}: the iallocator looks for places in all groups: leave out group_name")
        try:
            create.check(config)
        except GanetiError as e:
            raise type(e)(f"{where}: {e.text}") from None

    def _parsed(self, index: int) -> InstanceCreate:
        """The creation; BadRequest says which one is wrong, and what."""
        where, opcode = f"instances[{index}]", self.instances[index]
        if not isinstance(opcode, dict) or opcode.get("OP_ID") != CREATE:
            raise BadRequest(f"{where}: an opcode {CREATE} is expected")
        try:
            _, create, _ = parse(opcode)
            assert isinstance(create, InstanceCreate)
            host_name(create.instance_name)
        except GanetiError as e:
            raise BadRequest(f"{where}: {e.text}") from None
        return create


def _on(nodes: Any) -> dict[str, str]:
    """Where an instance goes, for its creation."""
    found = {"pnode": nodes[0].name, "pnode_uuid": nodes[0].uuid}
    return found if len(nodes) == 1 else {**found, "snode": nodes[1].name, "snode_uuid": nodes[1].uuid}
