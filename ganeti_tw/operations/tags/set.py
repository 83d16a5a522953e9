"""``gnt-* add-tags``."""

from __future__ import annotations

from typing import Any

from attrs import evolve, frozen

from ganeti_tw.errors import BadRequest
from ganeti_tw.model.config import Config
from ganeti_tw.model.names import added_tags
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.registry import operation
from ganeti_tw.operations.tags.objects import Kind, tag_locks, tagged
from ganeti_tw.protocol.config import Changes


@operation("OP_TAGS_SET")
@frozen
class TagsSet:
    """Add tags to an object; those it has already are fine."""

    kind: Kind
    tags: list[str]
    name: str | None = None

    def locks(self, config: Config) -> dict[str, int]:
        return tag_locks(config, self.kind, self.name)

    def check(self, config: Config) -> None:
        if not self.tags:
            raise BadRequest("no tags given")
        self._with_tags(tagged(config, self.kind, self.name))

    async def run(self, context: Context) -> None:
        await context.edit(lambda config: Changes(puts=(self._with_tags(tagged(config, self.kind, self.name)),)))

    def _with_tags(self, thing: Any) -> Any:
        return evolve(thing, tags=added_tags(thing.tags, self.tags))
