"""What listings can show, as a job."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.query.query import Resource
from ganeti_tw.operations.registry import operation


@operation("OP_QUERY_FIELDS", summary="what", read_only=True)
@frozen
class QueryFields:
    """Descriptions of fields of one kind of object, in ``fields``; of all when none are named."""

    what: Resource
    fields: list[Filled] | None = None

    def locks(self, config: Config) -> dict[str, int]:
        return {}

    def check(self, config: Config) -> None:
        return None

    async def run(self, context: Context) -> dict[str, Any]:
        return context.questions.query_fields(self.what, self.fields)
