"""How operations ask what clients ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class Questions(Protocol):
    """What the front door answers to clients, for operations that ask the same."""

    async def query(self, what: str, fields: list[str], filter: Any = None) -> dict[str, Any]:
        """Rows of ``[status, value]`` cells with their field descriptions."""

    def query_fields(self, what: str, fields: list[str] | None = None) -> dict[str, Any]:
        """Descriptions of fields; of all when none are named."""

    def config_values(self, names: Sequence[str]) -> list[Any]:
        """Single values by name; None for unknown ones."""
