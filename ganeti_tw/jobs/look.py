"""Operations that only look, performed at once without a job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ganeti_tw.errors import BadRequest
from ganeti_tw.jobs.perform import JobHands
from ganeti_tw.jobs.places import Places
from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.registry import parse
from ganeti_tw.protocol.config import Changes
from ganeti_tw.protocol.registry import only_looks

AGENT = "node"


class LookHands(JobHands):
    """What a context may do when it only looks: everything but change."""

    def __init__(self, places: Places) -> None:
        super().__init__(places, places.keeper, 0)

    def edit(self, change: Callable[[Config], Changes]) -> Awaitable[Config]:
        raise BadRequest("an operation that only looks may not change the configuration")

    def on_node(self, node: str, path: str, message: Any, timeout: float) -> Awaitable[Any]:
        """Whoever only looks does not wait for nodes that are not there."""
        if path == AGENT and only_looks(message):
            return self._places.patience.ask(node, message, timeout)
        return super().on_node(node, path, message, timeout)

    def say(self, kind: str, text: Any) -> None:
        """Nobody listens."""


async def look(opcode: Any, places: Places) -> Any:
    """The result of an operation that is marked ``read_only``; BadRequest for all others."""
    kind, op, _ = parse(opcode)
    if not kind.read_only:
        raise BadRequest(f"{kind.op_id} changes things: submit it as a job")
    op.check(places.published.config)
    return await op.run(Context(LookHands(places)))
