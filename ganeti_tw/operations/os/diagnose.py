"""``gnt-os list`` and ``gnt-os diagnose``."""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from ganeti_tw.errors import BadRequest, GanetiError
from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import operation
from ganeti_tw.protocol.node import ListOses, OsStatus

NODE_TIMEOUT = 30.0
FIELDS = (
    "api_versions",
    "blacklisted",
    "hidden",
    "name",
    "node_status",
    "parameters",
    "trusted",
    "valid",
    "variants",
)


@operation("OP_OS_DIAGNOSE", read_only=True)
@frozen
class OsDiagnose:
    """What OS definitions there are, and how they look on each node.

    Result: a row per OS, sorted by name.  ``node_status`` maps node UUIDs to lists
    of (path, valid, problem, variants, parameters, API versions, trusted); the
    first counts.  Offline nodes and those that hold no instances are left out.
    """

    output_fields: list[Filled]
    names: list[Filled] = field(factory=list)

    def locks(self, config: Config) -> dict[str, int]:
        return {}

    def check(self, config: Config) -> None:
        unknown = sorted(set(self.output_fields) - set(FIELDS))
        if unknown:
            raise BadRequest(f"there is no OS field {', '.join(unknown)}")

    async def run(self, context: Context) -> list[list[Any]]:
        by_os: dict[str, dict[str, OsStatus]] = {}
        asked = []
        nodes = [n for n in context.config.nodes.values() if n.vm_capable and not n.offline]
        for node, found in await context.on_nodes(nodes, ListOses(), NODE_TIMEOUT, "asking the nodes"):
            if isinstance(found, GanetiError):
                context.warn(f"{node.name} does not say which OS definitions it has: {found.text}")
                continue
            asked.append(node.uuid)
            for status in found:
                by_os.setdefault(status.name, {})[node.uuid] = status
        rows = []
        for name in sorted(by_os):
            if not self.names or name in self.names:
                row = _row(context.config, name, by_os[name], asked)
                rows.append([row[f] for f in self.output_fields])
        return rows


def _row(config: Config, name: str, on: dict[str, OsStatus], asked: list[str]) -> dict[str, Any]:
    statuses = list(on.values())
    valid = len(on) == len(asked) and all(s.valid for s in statuses)
    return {
        "name": name,
        "valid": valid,
        "hidden": name in config.cluster.hidden_os,
        "blacklisted": name in config.cluster.blacklisted_os,
        "variants": _common([s.variants for s in statuses]),
        "parameters": [list(p) for p in _common([s.parameters for s in statuses])],
        "api_versions": _common([s.api_versions for s in statuses]),
        "trusted": all(s.trusted for s in statuses),
        "node_status": {uuid: [_node_status(on[uuid])] if uuid in on else [] for uuid in asked},
    }


def _node_status(s: OsStatus) -> list[Any]:
    return [
        s.path,
        s.valid,
        s.problem,
        list(s.variants),
        [list(p) for p in s.parameters],
        list(s.api_versions),
        s.trusted,
    ]


def _common(lists: list[tuple[Any, ...]]) -> list[Any]:
    """What all have, in the order of the first."""
    return [x for x in lists[0] if all(x in other for other in lists[1:])] if lists else []
