"""What ``gnt-debug test-jobqueue`` submits."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen
from twisted.internet.defer import Deferred

from ganeti_tw.errors import DriverError
from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.registry import EXCLUSIVE, operation

ENTRY = "jqueue-test"  # type of the log entries: ``[path of a socket, event, argument]``
MESSAGE = "TESTMSG="  # before each of the messages
CONNECT_TIMEOUT, CONFIRM_TIMEOUT = 20.0, 60.0


@operation("OP_TEST_JQUEUE")
@frozen
class TestJqueue:
    """Tell a client by sockets how far it is, and go on when the client has confirmed that it knows."""

    __test__ = False  # no test case, whatever its name

    notify_waitlock: bool = False
    notify_exec: bool = False
    log_messages: list[str] = field(factory=list)
    fail: bool = False

    def locks(self, config: Config) -> dict[str, int]:
        return {f"node/{config.master.uuid}": EXCLUSIVE}

    def check(self, config: Config) -> None:
        """Nothing can be wrong."""

    async def before_locks(self, context: Context) -> None:
        if self.notify_waitlock:
            await self._notify(context, "expandnames", None)

    async def run(self, context: Context) -> bool:
        if self.notify_exec:
            await self._notify(context, "exec", None)
        if self.log_messages:
            await self._notify(context, "startmsg", len(self.log_messages))
            for number, message in enumerate(self.log_messages, 1):
                context.say(f"{MESSAGE}{message}")
                await self._notify(context, "logmsg", number)
        if self.fail:
            raise DriverError("this operation was asked to fail")
        return True

    async def _notify(self, context: Context, event: str, argument: Any) -> None:
        bell = context.open_bell()
        try:
            context.enter(ENTRY, [bell.path, event, argument])
            await _in_time(context, bell.reached, CONNECT_TIMEOUT, f"nobody connected to {bell.path} at {event}")
            await _in_time(context, bell.rung, CONFIRM_TIMEOUT, f"nobody confirmed {event} on {bell.path}")
        finally:
            bell.close()


async def _in_time(context: Context, event: Deferred[None], seconds: float, complaint: str) -> None:
    if not event.called:
        await context.sleep(seconds, until=event)
    if not event.called:
        raise DriverError(f"{complaint} within {seconds:.0f} seconds")
