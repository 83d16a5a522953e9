"""The front door's questions for those who are already inside: operations that ask."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ganeti_tw.api.query.engine import query, query_fields
from ganeti_tw.api.query.resource import Pause
from ganeti_tw.api.query.seam import Sources
from ganeti_tw.config.switches import Switches


class Questions:
    """As :class:`ganeti_tw.operations.context.Questions`; ``sources`` is called when something is asked."""

    def __init__(
        self, sources: Callable[[], Sources], switches: Switches, now: Callable[[], float], pause: Pause
    ) -> None:
        self._sources = sources
        self._switches = switches
        self._now = now
        self._pause = pause

    async def query(self, what: str, fields: list[str], filter: Any = None) -> dict[str, Any]:
        return await query(what, fields, filter, self._sources(), self._pause)

    def query_fields(self, what: str, fields: list[str] | None = None) -> dict[str, Any]:
        return query_fields(what, fields)

    def config_values(self, names: Sequence[str]) -> list[Any]:
        config, positions = self._sources().config, self._switches.positions
        until = positions.watcher_pause
        known = {
            "cluster_name": config.cluster.cluster_name,
            "master_node": config.master.name,
            "drain_flag": positions.drained,
            "watcher_pause": until if until is not None and until > self._now() else None,
            "modify_ssh_setup": config.cluster.modify_ssh_setup,
            "ssh_key_type": config.cluster.ssh_key_type,
            "ssh_key_bits": config.cluster.ssh_key_bits,
        }
        return [known.get(name) for name in names]
