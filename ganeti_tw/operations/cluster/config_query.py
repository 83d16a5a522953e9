"""Single values of the cluster, as a job."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from ganeti_tw.errors import BadRequest
from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import operation

FIELDS = ("cluster_name", "drain_flag", "master_node", "watcher_pause")


@operation("OP_CLUSTER_CONFIG_QUERY", read_only=True)
@frozen
class ClusterConfigQuery:
    """The values of these fields, in order.  BadRequest names those that are none of ``FIELDS``."""

    output_fields: list[Filled]

    def locks(self, config: Config) -> dict[str, int]:
        return {}

    def check(self, config: Config) -> None:
        unknown = sorted(set(self.output_fields) - set(FIELDS))
        if unknown:
            raise BadRequest(f"there is no field {', '.join(unknown)}; there are {', '.join(FIELDS)}")

    async def run(self, context: Context) -> list[Any]:
        return context.questions.config_values(self.output_fields)
