"""What is known of the cluster itself, as an operation."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.registry import operation
from ganeti_tw.operations.steps.clusterinfo import cluster_info


@operation("OP_CLUSTER_QUERY", read_only=True)
@frozen
class ClusterQuery:
    """The settings of the cluster."""

    def locks(self, config: Config) -> dict[str, int]:
        return {}

    def check(self, config: Config) -> None:
        return None

    async def run(self, context: Context) -> dict[str, Any]:
        return cluster_info(context.config)
