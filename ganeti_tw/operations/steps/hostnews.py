"""Telling the hosts of nodes what they must know of the cluster, now and not when it spreads by itself."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from ganeti_tw.errors import GanetiError
from ganeti_tw.model.node import Node
from ganeti_tw.model.versions import RELEASE
from ganeti_tw.nodes.updater import host_update
from ganeti_tw.operations.context import Context

TIMEOUT = 30.0


async def tell_hosts(context: Context, nodes: Iterable[Node]) -> list[Node]:
    """Send these nodes the configuration and ssconf, all at once; gives those that took them, warns of the others."""
    regular = host_update(context.config, RELEASE, context.certificates.lowest())
    messages = [(n, evolve(regular, candidate=n.master_candidate)) for n in nodes]
    reached = []
    for node, answer in await context.on_each(messages, TIMEOUT, path="host", what="telling the nodes"):
        if isinstance(answer, GanetiError):
            context.warn(f"{node.name} was not told of the configuration: {answer.text}")
        else:
            reached.append(node)
    return reached
