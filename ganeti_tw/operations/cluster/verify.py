"""``gnt-cluster verify``."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from ganeti_tw.model.config import Config
from ganeti_tw.model.names import natural_key
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.inputs import VERIFY_CODES, Filled
from ganeti_tw.operations.registry import operation
from ganeti_tw.operations.steps.verify_report import Optional


@operation("OP_CLUSTER_VERIFY")
@frozen
class ClusterVerify:
    """A job that looks at the configuration and one for each group.

    With ``group_name`` only that group.  Result: ``{"jobs": [...]}``; the result of
    each of those is whether all was well.
    """

    debug_simulate_errors: bool = False
    error_codes: bool = False
    skip_checks: list[Optional] = field(factory=list)
    ignore_errors: list[str] = field(factory=list, validator=VERIFY_CODES)
    verbose: bool = False
    group_name: Filled | None = None
    verify_clutter: bool = False

    def locks(self, config: Config) -> dict[str, int]:
        return {}

    def check(self, config: Config) -> None:
        if self.group_name is not None:
            config.group(self.group_name)

    async def run(self, context: Context) -> dict[str, Any]:
        config = context.config
        common = {
            "debug_simulate_errors": self.debug_simulate_errors,
            "error_codes": self.error_codes,
            "ignore_errors": self.ignore_errors,
            "verbose": self.verbose,
        }
        jobs: list[list[dict[str, Any]]] = []
        if self.group_name is None:
            groups = sorted(config.groups.values(), key=lambda g: natural_key(g.name))
            jobs.append([{"OP_ID": "OP_CLUSTER_VERIFY_CONFIG", **common}])
        else:
            groups = [config.group(self.group_name)]
        for group in groups:
            opcode: dict[str, Any] = {"OP_ID": "OP_CLUSTER_VERIFY_GROUP", "group_name": group.uuid}
            if self.group_name is None:
                opcode["depends"] = [(-len(jobs), [])]  # once the configuration was looked at
            jobs.append([{**opcode, **common, "skip_checks": self.skip_checks, "verify_clutter": self.verify_clutter}])
        return {"jobs": jobs}
