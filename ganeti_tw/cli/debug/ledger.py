"""``gnt-debug ledger``: how far the copies of the ledger are."""

from __future__ import annotations

from collections.abc import Mapping
from optparse import Values
from typing import Any

from ganeti_tw.cli import table
from ganeti_tw.cli.command import Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.listing import print_json
from ganeti_tw.cli.repeat import show_at_intervals


def run(options: Values, arguments: list[str], context: Context) -> int:
    return show_at_intervals(show, options, context)


def show(options: Values, context: Context) -> None:
    """Print the candidates once; above them, for people only, how the master's own is."""
    state = context.call("ledger_state")
    if options.json:
        print_json(context, state)
        return
    if options.separator is None and not options.no_headers:
        context.say(master_line(state))
        if state["problem"]:
            context.say(f"Nothing can be stored: {state['problem']}")
    rows = [_row(follower) for follower in state["followers"]]
    context.say_all(table.lines(rows, COLUMNS, headers=not options.no_headers, separator=options.separator))


def master_line(state: Mapping[str, Any]) -> str:
    """The master's own copy in words."""
    return (
        f"{state['master']} (master): change {state['position']} of epoch {state['epoch']} acknowledged, "
        f"{state['stored']} on its disk, {state['waiting']} waiting"
    )


def reason(follower: Mapping[str, Any]) -> str:
    """Why a candidate is not in sync; empty when it is."""
    if follower["in_sync"]:
        return ""
    if follower["last_error"]:
        return str(follower["last_error"])
    return "not heard of yet" if follower["last_contact"] is None else "catching up"


def _row(follower: Mapping[str, Any]) -> list[Any]:
    return [*(follower[key] for key in ("name", "in_sync", "position", "lag", "last_contact")), reason(follower)]


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


COLUMNS = (
    table.Column("Node", str),
    table.Column("InSync", lambda value: "Y" if value else "N"),
    table.Column("Position", str, True),
    table.Column("Lag", str, True),
    table.Column("Heard", _seconds, True),  # seconds ago
    table.Column("Reason", lambda text: text or "-"),
)

COMMAND = Command(
    purpose="Show how far the copies of the ledger on the master candidates are",
    run=run,
    usage="[--interval N]",
    additions=("--interval#2", "--no-headers", "--separator", "--json"),
)
