"""``gnt-node health``."""

from __future__ import annotations

from collections.abc import Sequence
from optparse import Values
from typing import Any

from ganeti_tw.cli.command import Argument, Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.filters import names_of
from ganeti_tw.cli.jobs import follow, opcode
from ganeti_tw.cli.listing import print_json
from ganeti_tw.cli.node._oob import exit_code, show, word
from ganeti_tw.cli.table import NORMAL


def run(options: Values, arguments: list[str], context: Context) -> int:
    names = names_of(context, "node", arguments) if arguments else []
    op = opcode("OP_OOB_COMMAND", options, context, node_names=names, command="health", timeout=options.oob_timeout)
    result = follow(context, context.call("submit", ops=[op]))[-1]
    if options.json:
        print_json(context, [_object(name, status, said) for (_, name), (status, said) in result])
    else:
        show(context, options, _rows(result))
    return exit_code(result)


def _object(name: str, status: int, said: Any) -> dict[str, Any]:
    """``health``: item -> state, null for a node whose helper gave no good answer."""
    return {"name": name, "health": dict(said) if status == NORMAL else None}


def _rows(result: Sequence[Any]) -> list[tuple[str, str]]:
    """The first item of a node beside its name, the others below."""
    rows = []
    for (_, name), (status, said) in result:
        texts = [f"{item}={state}" for item, state in said] if status == NORMAL else [word(status)]
        rows += [(name if number == 0 else "", text) for number, text in enumerate(texts or [""])]
    return rows


COMMAND = Command(
    purpose="Show the health of nodes as their out-of-band helpers see it",
    run=run,
    arguments=(Argument("node", 0, None),),
    usage="[<node-name>...]",
    options=("--no-headers", "--separator", "--priority", "--oob-timeout"),
    additions=("--json",),
)
