"""The instances that a node is to lose."""

from __future__ import annotations

from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filters import any_of, names_of
from ganeti_tw.cli.structured import natural


def primaries(context: Context, node: str) -> tuple[str, list[str]]:
    """Full name of a node, and the names of its primary instances in order.  NotFound."""
    (name,) = names_of(context, "node", [node])
    answer = context.call("query", what="node", fields=["pinst_list"], filter=any_of("name", [name]))
    return name, sorted(answer["data"][0][0][1] or (), key=natural)
