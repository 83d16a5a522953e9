"""Tags of an object, as an operation."""

from __future__ import annotations

from attrs import frozen

from ganeti_tw.model.config import Config
from ganeti_tw.operations.context import Context
from ganeti_tw.operations.registry import operation
from ganeti_tw.operations.tags.objects import Kind, tag_locks, tagged


@operation("OP_TAGS_GET", summary="name", read_only=True)
@frozen
class TagsGet:
    """The tags of an object, sorted."""

    kind: Kind
    name: str | None = None
    use_locking: bool = False

    def locks(self, config: Config) -> dict[str, int]:
        return tag_locks(config, self.kind, self.name, shared=True) if self.use_locking else {}

    def check(self, config: Config) -> None:
        tagged(config, self.kind, self.name)

    async def run(self, context: Context) -> list[str]:
        return sorted(tagged(context.config, self.kind, self.name).tags)
