"""``gnt-os list``."""

from __future__ import annotations

from optparse import Values

from ganeti_tw.cli import table
from ganeti_tw.cli.command import Command
from ganeti_tw.cli.context import Context
from ganeti_tw.cli.jobs import opcode
from ganeti_tw.cli.listing import print_json
from ganeti_tw.cli.structured import natural

FIELDS = ("name", "variants", "valid", "hidden", "blacklisted")


def run(options: Values, arguments: list[str], context: Context) -> int:
    names = names_to_choose(context, options)
    if options.json:
        print_json(context, [{"name": name} for name in names])
        return 0
    columns = table.plain_columns(["Name"])
    context.say_all(table.lines([[name] for name in names], columns, headers=not options.no_headers, separator=None))
    return 0


def names_to_choose(context: Context, options: Values) -> list[str]:
    """What instances can be given as their OS, sorted."""
    rows = context.call("look", op=opcode("OP_OS_DIAGNOSE", options, context, output_fields=list(FIELDS), names=[]))
    names = [
        name
        for os, variants, valid, hidden, blacklisted in rows
        if valid and not hidden and not blacklisted
        for name in full_names(os, variants)
    ]
    return sorted(names, key=natural)


def full_names(os: str, variants: list[str]) -> list[str]:
    """What can be given as the OS of an instance: one name for each variant, where there are variants."""
    return [f"{os}+{variant}" for variant in variants] or [os]


COMMAND = Command(
    purpose="List the operating systems that instances can have",
    run=run,
    options=("--no-headers", "--priority"),
    additions=("--json",),
)
