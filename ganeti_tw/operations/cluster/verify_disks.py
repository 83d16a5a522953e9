"""``gnt-cluster verify-disks``."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from ganeti_tw.model.config import Config
from ganeti_tw.model.names import natural_key
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import SHARED, operation


@operation("OP_CLUSTER_VERIFY_DISKS")
@frozen
class ClusterVerifyDisks:
    """A job for each group, or the one named.  Result: ``{"jobs": [...]}``."""

    group_name: Filled | None = None

    def locks(self, config: Config) -> dict[str, int]:
        if self.group_name is not None:
            return {f"nodegroup/{config.group(self.group_name).uuid}": SHARED}
        return {f"nodegroup/{uuid}": SHARED for uuid in config.groups}

    def check(self, config: Config) -> None:
        if self.group_name is not None:
            config.group(self.group_name)

    async def run(self, context: Context) -> dict[str, Any]:
        config = context.config
        groups = sorted(config.groups.values(), key=lambda g: natural_key(g.name))
        if self.group_name is not None:
            groups = [config.group(self.group_name)]
        return {"jobs": [[{"OP_ID": "OP_GROUP_VERIFY_DISKS", "group_name": g.uuid}] for g in groups]}
