"""``gnt-cluster deactivate-master-ip``."""

from __future__ import annotations

from attrs import frozen

from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.registry import operation
from ganeti_tw.operations.steps.masterip import take_down


@operation("OP_CLUSTER_DEACTIVATE_MASTER_IP", big_lock=True)
@frozen
class ClusterDeactivateMasterIp:
    """Take the address of the cluster from the master node, until it is activated or the process starts again."""

    def locks(self, config: Config) -> dict[str, int]:
        return {}

    def check(self, config: Config) -> None:
        return None

    async def run(self, context: Context) -> None:
        await take_down(context, context.config)
