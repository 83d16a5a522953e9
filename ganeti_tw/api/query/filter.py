"""Job filters: rules about which jobs may start."""

from __future__ import annotations

from typing import Any

from ganeti_tw.api.query.fields import field, own, table
from ganeti_tw.api.query.resource import Pause, Resource
from ganeti_tw.api.query.seam import Sources
from ganeti_tw.model.config import Config
from ganeti_tw.model.names import natural_key


async def _find(config: Config, sources: Sources, names: tuple[Any, ...] | None, pause: Pause) -> list[Any]:
    return list(config.filters.values())


RESOURCE = Resource(
    "filter",
    table(
        own("action", "Action", "other", "What is done with jobs that match all predicates"),
        field("predicates", "Predicates", "other", "What a job must be like", lambda rule, view: list(rule.predicates)),
        own("priority", "Priority", "other", "Rules of lower numbers are looked at first"),
        field(
            "reason_trail",
            "ReasonTrail",
            "other",
            "Who made the rule and why",
            lambda rule, view: list(rule.reason_trail),
        ),
        own("uuid", "UUID", "other", "UUID of the rule"),
        own("watermark", "Watermark", "other", "The highest job number in use when the rule was made"),
    ),
    _find,
    order=lambda rule: natural_key(rule.uuid),
    name_field="uuid",
)
