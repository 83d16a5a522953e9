"""``gnt-os diagnose``.

``node_status`` of the answer maps a node to a list of ``[path, valid, what is
wrong, variants, [[parameter, description], ...], API versions, trusted]``; the
first is in use, those after it are hidden by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from optparse import Values
from typing import Any

from ganeti_tw.cli.command import Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode
from ganeti_tw.cli.listing import print_json
from ganeti_tw.cli.structured import comma_joined, natural

FIELDS = ("name", "variants", "node_status", "hidden", "blacklisted")
VARIANTS_API = 15
PARAMETERS_API = 20


def run(options: Values, arguments: list[str], context: Context) -> int:
    rows = context.call("look", op=opcode("OP_OS_DIAGNOSE", options, context, output_fields=list(FIELDS), names=[]))
    if options.json:
        print_json(context, [dict(zip(FIELDS, row, strict=True)) for row in rows])
    else:
        for row in rows:
            context.say_all(describe(*row))
    return 1 if any(bad_nodes(row[2]) for row in rows) else 0


def bad_nodes(node_status: dict[str, list[list[Any]]]) -> list[str]:
    """Nodes on which the OS is missing or invalid."""
    return [node for node, found in node_status.items() if not found or not found[0][1]]


def describe(
    name: str, variants: Sequence[str], node_status: dict[str, list[list[Any]]], hidden: bool, blacklisted: bool
) -> list[str]:
    """The lines about one OS."""
    words = ["invalid" if bad_nodes(node_status) else "valid"]
    words += ["hidden"] if hidden else []
    words += ["blacklisted"] if blacklisted else []
    lines = [f"OS: {name} [global status: {', '.join(words)}]"]
    if variants:
        lines.append(f"  Variants: [{comma_joined(variants)}]")
    for node in sorted(node_status, key=natural):
        found = node_status[node]
        lines.append(f"  Node: {node}, status: {_in_use(*found[0]) if found else 'OS not found'}")
        lines += [f"    [hidden] path: {path}, status: {_status(valid, wrong)}" for path, valid, wrong, *_ in found[1:]]
    return lines


def _status(valid: bool, wrong: str) -> str:
    return "valid" if valid else f"invalid - {wrong}"


def _in_use(
    path: str,
    valid: bool,
    wrong: str,
    variants: Sequence[str],
    parameters: Sequence[Sequence[str]],
    versions: Sequence[int],
    trusted: bool,
) -> str:
    parts = [f"{_status(valid, wrong)} (path: {path})"]
    parts.append(f"[API versions: {comma_joined(versions)}]" if versions else "[no API versions declared]")
    if max(versions, default=0) >= VARIANTS_API:
        parts.append(f"[variants: {comma_joined(variants)}]" if variants else "[no variants]")
    if max(versions, default=0) >= PARAMETERS_API:
        names = comma_joined(parameter[0] for parameter in parameters)
        parts.append(f"[parameters: {names}]" if parameters else "[no parameters]")
    parts.append("[trusted]" if trusted else "[untrusted]")
    return " ".join(parts)


COMMAND = Command(
    purpose="Show the state of the operating systems on each node",
    run=run,
    options=("--priority",),
    additions=("--json",),
)
