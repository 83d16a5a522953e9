"""``gnt-debug delay``."""

from __future__ import annotations

from attrs import field, frozen

from ganeti_tw.errors import BadRequest
from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.inputs import Filled, NotNegative
from ganeti_tw.operations.registry import EXCLUSIVE, operation
from ganeti_tw.protocol.node import Ping

NODE_TIMEOUT = 30.0


@operation("OP_TEST_DELAY", summary="duration", not_yet=("interruptible",))
@frozen
class TestDelay:
    """Wait for ``duration`` seconds, holding the locks of the nodes named."""

    __test__ = False  # no test case, whatever its name

    duration: float
    on_master: bool = True
    on_nodes: list[Filled] = field(factory=list)
    on_node_uuids: list[Filled] | None = None
    repeat: NotNegative = 0
    interruptible: bool = False
    no_locks: bool = True

    def locks(self, config: Config) -> dict[str, int]:
        return {} if self.no_locks else {f"node/{uuid}": EXCLUSIVE for uuid in self._nodes(config)}

    def check(self, config: Config) -> None:
        if self.duration < 0:
            raise BadRequest("the duration cannot be negative")
        self._nodes(config)

    async def run(self, context: Context) -> None:
        for round_ in range(max(1, self.repeat)):
            if self.repeat:
                context.say(f"Test delay iteration {round_}/{self.repeat - 1}")
            for uuid in self._nodes(context.config):
                await context.on_node(context.config.node(uuid), Ping(), NODE_TIMEOUT)
            if self.duration:
                await context.sleep(self.duration)

    def _nodes(self, config: Config) -> list[str]:
        return [config.node(name).uuid for name in (*self.on_nodes, *(self.on_node_uuids or ()))]
