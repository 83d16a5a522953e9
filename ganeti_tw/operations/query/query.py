"""Listings as a job."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from attrs import frozen

from ganeti_tw.locks.table import LOCKSET
from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import SHARED, operation

Resource: TypeAlias = Literal[
    "cluster", "export", "extstorage", "filter", "group", "instance", "job", "lock", "network", "node", "os"
]

LEVELS = {"group": "nodegroup", "instance": "instance", "network": "network", "node": "node"}
"""What keeps the objects of a resource as they are while they are looked at."""


@operation("OP_QUERY", summary="what", read_only=True)
@frozen
class Query:
    """Fields of objects of one kind.

    Result: ``fields``, their descriptions, and ``data``, rows of ``[status, value]``.
    BadRequest for a kind of which there are no listings.
    """

    what: Resource
    fields: list[Filled]
    use_locking: bool = False
    qfilter: list[Any] | None = None

    def locks(self, config: Config) -> dict[str, int]:
        level = LEVELS.get(self.what)
        return {f"{level}/{LOCKSET}": SHARED} if self.use_locking and level is not None else {}

    def check(self, config: Config) -> None:
        return None

    async def run(self, context: Context) -> dict[str, Any]:
        return await context.questions.query(self.what, self.fields, self.qfilter)
