"""``gnt-node restricted-command``."""

from __future__ import annotations

from attrs import frozen

from ganeti_tw.errors import BadRequest, GanetiError
from ganeti_tw.model.config import Config
from ganeti_tw.model.node import Node
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import EXCLUSIVE, SHARED, operation
from ganeti_tw.protocol.node import RESTRICTED_NAME, RunRestricted

TIMEOUT = 660.0  # the agent's own limits come first


@operation("OP_RESTRICTED_COMMAND")
@frozen
class RestrictedCommand:
    """Run a program that each node's administrator has allowed.

    Result, per node in the order given: ``[true, what it said]`` or ``[false, why not]``.
    """

    nodes: list[Filled]
    command: Filled
    use_locking: bool = False
    node_uuids: list[Filled] | None = None

    def locks(self, config: Config) -> dict[str, int]:
        mode = EXCLUSIVE if self.use_locking else SHARED
        return {f"node/{node.uuid}": mode for node in self._nodes(config)}

    def check(self, config: Config) -> None:
        if not RESTRICTED_NAME.fullmatch(self.command):
            raise BadRequest(
                f"{self.command!r} cannot be a restricted command: they are called by names of letters, digits, "
                "dashes and underscores"
            )
        if not self._nodes(config):
            raise BadRequest("nodes: at least one is needed")

    async def run(self, context: Context) -> list[tuple[bool, str]]:
        answers = await context.on_nodes(
            self._nodes(context.config), RunRestricted(self.command), TIMEOUT, f"running {self.command}"
        )
        return [(False, a.text) if isinstance(a, GanetiError) else (True, a) for _, a in answers]

    def _nodes(self, config: Config) -> list[Node]:
        return config.nodes_named(self.nodes, self.node_uuids)
