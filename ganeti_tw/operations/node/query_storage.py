"""``gnt-node list-storage``."""

from __future__ import annotations

from typing import Any, Literal

from attrs import field, frozen

from ganeti_tw.errors import BadRequest, GanetiError
from ganeti_tw.model.config import Config
from ganeti_tw.model.disk_templates import FILE_TYPES, TEMPLATES
from ganeti_tw.model.names import natural_key
from ganeti_tw.model.node import Node
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import SHARED, operation
from ganeti_tw.operations.steps.storages import place_of
from ganeti_tw.protocol.node import ListStorage, StorageUnit

NODE_TIMEOUT = 120.0  # it looks at every file
FIELDS = ("allocatable", "free", "name", "node", "size", "type", "used")

StorageType = Literal[
    "blockdev", "diskless", "ext", "file", "gluster", "lvm-pv", "lvm-vg", "rados", "sharedfile"
]  # fmt: skip


@operation("OP_NODE_QUERY_STORAGE")
@frozen
class NodeQueryStorage:
    """The places on nodes where disks are, and how full they are.

    Result: a row of ``output_fields`` per node and place, sizes in MiB.  Without a
    ``storage_type`` that of the first enabled disk template that has one that can
    be listed.  Offline nodes are left out, and so, with a warning, are those that
    do not answer.
    """

    output_fields: list[Filled]
    storage_type: StorageType | None = None
    nodes: list[Filled] = field(factory=list)
    name: Filled | None = None

    def locks(self, config: Config) -> dict[str, int]:
        return {f"node/{node.uuid}": SHARED for node in self._nodes(config)}

    def check(self, config: Config) -> None:
        unknown = sorted(set(self.output_fields) - set(FIELDS))
        if unknown:
            raise BadRequest(f"there is no field {', '.join(unknown)} of storage; there are {', '.join(FIELDS)}")
        self._nodes(config)
        self._place(config)

    async def run(self, context: Context) -> list[list[Any]]:
        storage_type, place = self._place(context.config)
        nodes = [node for node in self._nodes(context.config) if not node.offline]
        rows = []
        question = ListStorage(storage_type, (place,))
        for node, found in await context.on_nodes(nodes, question, NODE_TIMEOUT, "asking the nodes"):
            if isinstance(found, GanetiError):
                context.warn(f"{node.name} does not say how full its storage is: {found.text}")
                continue
            rows += [self._row(node, storage_type, unit) for unit in found if self.name in (None, unit.name)]
        return rows

    def _row(self, node: Node, storage_type: str, unit: StorageUnit) -> list[Any]:
        values = {
            "allocatable": unit.allocatable,
            "free": unit.free_mib,
            "name": unit.name,
            "node": node.name,
            "size": unit.size_mib,
            "type": storage_type,
            "used": unit.used_mib,
        }
        return [values[name] for name in self.output_fields]

    def _nodes(self, config: Config) -> list[Node]:
        chosen = config.nodes_named(self.nodes) if self.nodes else config.nodes.values()
        return sorted({node.uuid: node for node in chosen}.values(), key=lambda node: natural_key(node.name))

    def _place(self, config: Config) -> tuple[str, str]:
        """Type and directory; BadRequest when there is nothing to list."""
        enabled = [TEMPLATES[name].storage_type for name in config.cluster.enabled_disk_templates if name in TEMPLATES]
        wanted = str(self.storage_type or next((kind for kind in enabled if kind in FILE_TYPES), ""))
        if not wanted:
            raise BadRequest(
                f"no enabled disk template has storage that can be listed here "
                f"(enabled: {', '.join(config.cluster.enabled_disk_templates)})"
            )
        if wanted not in FILE_TYPES:
            raise BadRequest(
                f"storage of type {wanted} cannot be listed here, only {', '.join(sorted(FILE_TYPES))}: "
                "choose one with --storage-type"
            )
        if wanted not in enabled:
            raise BadRequest(
                f"no enabled disk template has storage of type {wanted} "
                f"(enabled: {', '.join(config.cluster.enabled_disk_templates)})"
            )
        place = place_of(config, wanted)
        if not place:
            raise BadRequest(f"the cluster has no directory for storage of type {wanted}")
        return wanted, place
