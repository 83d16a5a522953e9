"""``gnt-cluster activate-master-ip``."""

from __future__ import annotations

from attrs import frozen

from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.registry import operation
from ganeti_tw.operations.steps.masterip import bring_up


@operation("OP_CLUSTER_ACTIVATE_MASTER_IP", big_lock=True)
@frozen
class ClusterActivateMasterIp:
    """Have the address of the cluster on the master node; when it is there already, nothing changes."""

    def locks(self, config: Config) -> dict[str, int]:
        return {}

    def check(self, config: Config) -> None:
        return None

    async def run(self, context: Context) -> None:
        await bring_up(context, context.config)
