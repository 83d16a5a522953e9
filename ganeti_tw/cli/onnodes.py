"""Choosing nodes for a command, and showing what each said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filters import all_of, any_of, names_of

RULE = "-" * 48


class Chosen(NamedTuple):
    name: str
    offline: bool
    master: bool


def nodes(context: Context, names: Sequence[str], group: str | None) -> list[Chosen]:
    """Those named, those of a group, or all; NotFound for a name that is none.  The master is the last."""
    by_name = any_of("name", names_of(context, "node", names)) if names else None
    by_group = any_of("group", names_of(context, "group", [group])) if group is not None else None
    wanted = all_of([by_name, by_group])
    answer = context.call("query", what="node", fields=["name", "offline", "role"], filter=wanted)
    found = [Chosen(name, offline, role == "M") for (_, name), (_, offline), (_, role) in answer["data"]]
    return sorted(found, key=lambda node: node.master)


def online(context: Context, chosen: Sequence[Chosen]) -> list[Chosen]:
    """Without those that are not spoken to, which are named."""
    offline = [node.name for node in chosen if node.offline]
    if offline:
        context.warn(f"Left out, since they are marked offline: {', '.join(offline)}")
    return [node for node in chosen if not node.offline]


def show_lines(context: Context, name: str, output: str) -> None:
    """Each line after the name of its node."""
    context.say_all([f"{name}: {line}" for line in output.splitlines()])


def show_block(context: Context, title: str, output: str, *after: Any) -> None:
    """A rule, the title, the output as it is."""
    context.say_all([RULE, title, *output.rstrip("\n").split("\n"), *map(str, after)])
