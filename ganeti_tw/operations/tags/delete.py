"""``gnt-* remove-tags``."""

from __future__ import annotations

from attrs import evolve, frozen

from ganeti_tw.errors import BadRequest, NotFound
from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.registry import operation
from ganeti_tw.operations.tags.objects import Kind, tag_locks, tagged
from ganeti_tw.protocol.config import Changes


@operation("OP_TAGS_DEL")
@frozen
class TagsDel:
    """Remove tags from an object; all of them must be there."""

    kind: Kind
    tags: list[str]
    name: str | None = None

    def locks(self, config: Config) -> dict[str, int]:
        return tag_locks(config, self.kind, self.name)

    def check(self, config: Config) -> None:
        if not self.tags:
            raise BadRequest("no tags given")
        self._without(config)

    async def run(self, context: Context) -> None:
        await context.edit(self._without)

    def _without(self, config: Config) -> Changes:
        thing = tagged(config, self.kind, self.name)
        missing = sorted(set(self.tags) - set(thing.tags))
        if missing:
            raise NotFound(f"{self.kind} {self.name or ''} has no tag {', '.join(missing)}".replace("  ", " "))
        return Changes(puts=(evolve(thing, tags=tuple(t for t in thing.tags if t not in self.tags)),))
