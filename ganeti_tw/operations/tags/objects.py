"""Objects that carry tags, and the rules of tags."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from ganeti_tw.errors import BadRequest
from ganeti_tw.model.config import Config
from ganeti_tw.operations.registry import EXCLUSIVE, SHARED

Kind = Literal["cluster", "instance", "network", "node", "nodegroup"]


def tagged(config: Config, kind: Kind, name: str | None) -> Any:
    """The object of that kind and name."""
    if kind == "cluster":
        return config.cluster
    if not name:
        raise BadRequest(f"tags of a {kind}: its name is missing")
    find: dict[str, Callable[[str], Any]] = {
        "instance": config.instance,
        "network": config.network,
        "node": config.node,
        "nodegroup": config.group,
    }
    return find[kind](name)


def tag_locks(config: Config, kind: Kind, name: str | None, *, shared: bool = False) -> dict[str, int]:
    """The lock on the tagged object; the cluster has none."""
    if kind == "cluster":
        return {}
    thing = tagged(config, kind, name)
    return {f"{kind}/{thing.name if kind == 'instance' else thing.uuid}": SHARED if shared else EXCLUSIVE}
