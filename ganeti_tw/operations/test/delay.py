"""``gnt-debug delay``."""

from __future__ import annotations

from attrs import field, frozen
from twisted.internet.defer import Deferred

from ganeti_tw.errors import BadRequest
from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.inputs import Filled, NotNegative
from ganeti_tw.operations.progress import INTERVAL
from ganeti_tw.operations.registry import EXCLUSIVE, operation
from ganeti_tw.protocol.node import Ping

NODE_TIMEOUT = 30.0
TINY = 1e-6  # seconds that nobody waits for


ENTRY = "delay-test"  # type of the log entry that holds the path of the socket
SLICES = 100  # of a long delay, after each of which it may say how far it is


@operation("OP_TEST_DELAY", summary="duration")
@frozen
class TestDelay:
    """Wait for ``duration`` seconds, holding the locks of the nodes named.

    An ``interruptible`` one makes a socket and enters its path in the log: who connects to it and
    sends a byte, or hangs up, ends the delay and all its repetitions.
    """

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
            if not self.interruptible:
                await self._wait(context)
            elif await self._wait_for_sign(context):
                return

    async def _wait_for_sign(self, context: Context) -> bool:
        """Whether somebody ended it."""
        bell = context.open_bell()
        try:
            context.enter(ENTRY, [bell.path])
            await self._wait(context, bell.rung)
            return bell.rung.called
        finally:
            bell.close()

    async def _wait(self, context: Context, until: Deferred[None] | None = None) -> None:
        begin = context.elapsed()
        progress = context.progress("delay", self.duration, "seconds") if self.duration else None
        while progress is not None and not (until is not None and until.called):
            left = begin + self.duration - context.elapsed()
            if left < TINY:
                progress.at(self.duration)
                return
            progress.at(self.duration - left)
            await context.sleep(min(left, max(INTERVAL, self.duration / SLICES)), until=until)

    def _nodes(self, config: Config) -> list[str]:
        return [config.node(name).uuid for name in (*self.on_nodes, *(self.on_node_uuids or ()))]
