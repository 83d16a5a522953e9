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
from ganeti_tw.operations.registry import OPCODES, operation, parse

CREATE = "OP_INSTANCE_CREATE"


@operation("OP_INSTANCE_MULTI_ALLOC", not_yet=("opportunistic_locking", "iallocator"))
@frozen
class InstanceMultiAlloc:
    """Create several instances, each by a job of its own.

    ``instances``: opcodes of creations, each with its node.  Result: ``jobs``, and
    the names of the instances as ``allocatable``.
    """

    opportunistic_locking: bool = False
    iallocator: Filled | None = None
    instances: list[Any] = field(factory=list, metadata=OPCODES)

    def locks(self, config: Config) -> dict[str, int]:
        return {}

    def check(self, config: Config) -> None:
        names = [self._name(index, opcode) for index, opcode in enumerate(self.instances)]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise BadRequest(f"instances[{index}]: {name} would be created twice")

    async def run(self, context: Context) -> dict[str, Any]:
        return {
            "jobs": [[opcode] for opcode in self.instances],
            "allocatable": [opcode["instance_name"] for opcode in self.instances],
            "failed": [],
        }

    def _name(self, index: int, opcode: Any) -> str:
        """The name of the instance; BadRequest says which one is wrong, and what."""
        where = f"instances[{index}]"
        if not isinstance(opcode, dict) or opcode.get("OP_ID") != CREATE:
            raise BadRequest(f"{where}: an opcode {CREATE} is expected")
        try:
            _, create, _ = parse(opcode)
            assert isinstance(create, InstanceCreate)
            name = host_name(create.instance_name)
        except GanetiError as e:
            raise BadRequest(f"{where}: {e.text}") from None
        if not (create.pnode or create.pnode_uuid):
            raise BadRequest(f"{where}: {name} has no pnode; choosing nodes by an allocator is not supported yet")
        return name
