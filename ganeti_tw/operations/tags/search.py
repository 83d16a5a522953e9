"""``gnt-cluster search-tags``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from attrs import frozen

from ganeti_tw.errors import BadRequest
from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.inputs import Filled
from ganeti_tw.operations.registry import operation


@operation("OP_TAGS_SEARCH", summary="pattern", read_only=True)
@frozen
class TagsSearch:
    """Tags in which a regular expression matches, as pairs of a path like ``/instances/<name>`` and the tag."""

    pattern: Filled

    def locks(self, config: Config) -> dict[str, int]:
        return {}

    def check(self, config: Config) -> None:
        self._compiled()

    async def run(self, context: Context) -> list[tuple[str, str]]:
        found = self._compiled()
        return [(path, tag) for path, thing in _tagged(context.config) for tag in thing.tags if found.search(tag)]

    def _compiled(self) -> re.Pattern[str]:
        try:
            return re.compile(self.pattern)
        except (re.error, RecursionError, OverflowError) as e:
            raise BadRequest(f"pattern {self.pattern!r:.60} is no regular expression: {e}") from None


def _tagged(config: Config) -> Iterator[tuple[str, Any]]:
    """Everything that may carry tags, with its path."""
    yield "/cluster", config.cluster
    for path, things in (
        ("instances", config.instances),
        ("nodes", config.nodes),
        ("nodegroup", config.groups),
        ("network", config.networks),
    ):
        for thing in things.values():
            if thing.tags:
                yield f"/{path}/{thing.name}", thing
