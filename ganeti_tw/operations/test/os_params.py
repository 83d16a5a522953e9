"""``gnt-debug test-osparams``."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from ganeti_tw.errors import BadRequest
from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.registry import PRIVATE, operation


@operation("OP_TEST_OS_PARAMS")
@frozen
class TestOsParams:
    """Say the secret parameters that arrived; they are stored with no job, but what is said here is.

    For trying out with values that are none, whether secrets reach operations.
    """

    __test__ = False  # no test case, whatever its name

    osparams_secret: dict[str, Any] | None = field(default=None, metadata=PRIVATE)

    def locks(self, config: Config) -> dict[str, int]:
        return {}

    def check(self, config: Config) -> None:
        if not self.osparams_secret:
            raise BadRequest("no secret parameters were given: use --os-parameters-secret")

    async def run(self, context: Context) -> None:
        for name, value in sorted((self.osparams_secret or {}).items()):
            context.say(f"{name}: {value}")
