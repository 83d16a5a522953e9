"""An operation that ends as it is told to."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from ganeti_tw.errors import BadRequest, DriverError
from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.registry import operation


@operation("OP_TEST_DUMMY")
@frozen
class TestDummy:
    """Say ``messages``, then fail or give ``result``, or the jobs of ``submit_jobs``: lists of opcodes."""

    __test__ = False  # no test case, whatever its name

    result: Any = None
    messages: Any = None
    fail: Any = None
    submit_jobs: Any = None

    def locks(self, config: Config) -> dict[str, int]:
        return {}

    def check(self, config: Config) -> None:
        if not isinstance(self.messages or [], list):
            raise BadRequest("messages is a list")
        if isinstance(self.result, dict) and "jobs" in self.result:
            raise BadRequest("a result with jobs is asked for with submit_jobs")
        if not isinstance(self.submit_jobs or [], list) or not all(
            isinstance(job, list) and all(isinstance(op, dict) for op in job) for job in self.submit_jobs or ()
        ):
            raise BadRequest("submit_jobs is a list of lists of opcodes")

    async def run(self, context: Context) -> Any:
        for message in self.messages or ():
            context.say(str(message))
        if self.fail:
            raise DriverError("this operation was asked to fail")
        return {"jobs": self.submit_jobs} if self.submit_jobs else self.result
