"""``gnt-debug actors``: the mailboxes of this host's process, and how late it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    """Print all actors once: whatever is told of them, a column each.

    Below it, for people only, how late the process was.
    """
    actors = context.call("actors")
    if options.json:
        print_json(context, actors)
        return
    names = list(dict.fromkeys(name for actor in actors for name in actor))
    columns = [_column(name, actors) for name in names]
    rows = [[actor.get(name) for name in names] for actor in actors]
    context.say_all(table.lines(rows, columns, headers=not options.no_headers, separator=options.separator))
    if options.separator is None and not options.no_headers:
        context.say(lag_line(context.call("lag")))


def lag_line(lag: Mapping[str, Any]) -> str:
    """The worst delay of the last minute in words."""
    blamed = f", {lag['at_work']} at work" if lag["at_work"] else ""
    return f"Reactor lag: at most {lag['seconds'] * 1000:.1f} ms in the last minute, {lag['age']:.0f} s ago{blamed}"


def _column(name: str, actors: Sequence[Mapping[str, Any]]) -> table.Column:
    values = [actor.get(name) for actor in actors]
    numeric = all(value is None or _is_number(value) for value in values)
    return table.Column(name.capitalize(), _text_of, numeric and any(value is not None for value in values))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text_of(value: Any) -> str:
    if value is None or value == "":
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


COMMAND = Command(
    purpose="Show the actors of this host's process and their mailboxes",
    run=run,
    additions=("--interval#2", "--no-headers", "--separator", "--json"),
)
