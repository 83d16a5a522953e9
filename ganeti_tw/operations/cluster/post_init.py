"""The first job of every cluster."""

from __future__ import annotations

from attrs import frozen

from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.hooks import Hooks, master
from ganeti_tw.operations.registry import operation


@operation("OP_CLUSTER_POST_INIT", big_lock=True)
@frozen
class ClusterPostInit:
    """What is left to do once a new cluster runs: it shows that jobs work."""

    def locks(self, config: Config) -> dict[str, int]:
        return {}

    def check(self, config: Config) -> None:
        return None

    def hooks(self, config: Config) -> Hooks:
        return Hooks("cluster-init", "CLUSTER", {"OP_TARGET": config.cluster.cluster_name}, post=master(config))

    async def run(self, context: Context) -> bool:
        context.inform(f"cluster {context.config.cluster.cluster_name} is ready")
        return True
