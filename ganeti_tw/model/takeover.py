"""Making another node the master in a configuration that names none or a different one."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from ganeti_tw.errors import WrongState
from ganeti_tw.model.base import touched
from ganeti_tw.model.config import Config
from ganeti_tw.model.node import Node


def made_master(config: Config, node: Node, now: float) -> list[Any]:
    """The objects to change so that ``node`` is master and candidate; empty when it is.

    WrongState when it may not be.
    """
    for wrong, text in (
        (node.offline, "is marked offline"),
        (node.drained, "is drained"),
        (not node.master_capable, "may not become master (master_capable is false)"),
    ):
        if wrong:
            raise WrongState(f"node {node.name} {text} in this configuration: take another node, or change it there")
    changed: list[Any] = []
    if config.cluster.master_node != node.uuid:
        changed.append(touched(evolve(config.cluster, master_node=node.uuid), now))
    if not node.master_candidate:
        changed.append(touched(evolve(node, master_candidate=True), now))
    return [touched(config.top, now), *changed] if changed else []
