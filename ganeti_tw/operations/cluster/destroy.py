"""``gnt-cluster destroy``."""

from __future__ import annotations

from attrs import frozen

from ganeti_tw.errors import WrongState
from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context, names
from ganeti_tw.operations.hooks import Hooks, master
from ganeti_tw.operations.registry import operation
from ganeti_tw.operations.steps.masterip import try_to_take_down


@operation("OP_CLUSTER_DESTROY", big_lock=True)
@frozen
class ClusterDestroy:
    """See that nothing is left but the master; its host then forgets the cluster.

    Result: the name of the master node.
    """

    def locks(self, config: Config) -> dict[str, int]:
        return {}

    def check(self, config: Config) -> None:
        others = [n for n in config.nodes.values() if n.uuid != config.cluster.master_node]
        if others:
            raise WrongState(f"there are still nodes besides the master: {names(others)}; remove them first")
        if config.instances:
            raise WrongState(f"there are still {len(config.instances)} instances; remove them first")

    def hooks(self, config: Config) -> Hooks:
        return Hooks("cluster-destroy", "CLUSTER", {"OP_TARGET": config.cluster.cluster_name}, post=master(config))

    async def run(self, context: Context) -> str:
        await try_to_take_down(context, context.config)
        return context.config.master.name
